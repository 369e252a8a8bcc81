"""What a change takes away from a thing. Pure.

A hold keeps what was written: content, names, descriptions, documents, tags. How a thing stands goes on moving: a held
run still trains, a held service is still watched.
"""

from collections.abc import Mapping
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
    """A legal hold is in force on what would go, or would be written over."""

    def __init__(self) -> None:
        message = "A legal hold forbids to erase or replace this. An owner lifts it: DELETE /freehold/v1/holds/{id}."
        super().__init__("UnderLegalHold", message)


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
