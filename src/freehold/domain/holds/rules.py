"""What a change takes away from a thing. Pure.

A hold keeps what was written: content, names, descriptions, documents, tags. How a thing stands goes on moving: a held
run still trains, a held service is still watched.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from freehold.kit.problems import Conflict

STANDING = frozenset(
    {
        *("status", "state", "started_at", "ended_at", "updated_at", "read_at", "etag", "parent_row", "last_run_row"),
        *("error", "warnings", "queueingInfo"),
    }
)
"""Columns, and fields of documents, that say how a thing stands and where, not what was written of it."""
DOCUMENTS = frozenset({"document", "details"})


class UnderHold(Conflict):
    """A legal hold is in force on what would go, or would be written over. `seen`: the ids of such holds, each with the
    ARM path of the container where it stands, as far as who is told of it may see them."""

    def __init__(self, seen: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__("UnderLegalHold", f"A legal hold forbids to erase or replace this. {_way_on(seen)}")


def _way_on(seen: Sequence[tuple[str, str]]) -> str:
    if not seen:
        return "Who may read where it stands finds it with `freehold holds list`; an owner lifts it."
    (hold, path), more = seen[0], len(seen) - 1
    others = f" {more} more forbid it, too." if more else ""
    address = f"DELETE /freehold/v1{path}/holds/{hold}"
    return f"An owner lifts it with `freehold holds lift {hold} --workspace {path}`, or {address}.{others}"


def written_in(values: Mapping[str, Any]) -> dict[str, Any]:
    """Of a row's columns, what was written: without what only says how it stands, in its document neither."""
    written = {name: value for name, value in values.items() if name not in STANDING}
    for name in DOCUMENTS & written.keys():
        written[name] = {key: value for key, value in (written[name] or {}).items() if key not in STANDING}
    return written


def loses(old: Any, new: Any) -> bool:
    """Whether something of `old` is not in `new` as it was. What was empty loses nothing, nor does a switch; a list
    may grow at its end."""
    if old in (None, "", [], {}) or isinstance(old, bool):
        return False
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return any(loses(value, new.get(key)) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return bool(new[: len(old)] != old)
    return bool(old != new)
