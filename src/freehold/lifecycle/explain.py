"""The catalogue in words: of every record and every field, whose it is, how it leaves, how it dies and when."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Column

from freehold.records.catalogue import Record, catalogue
from freehold.records.places import PLACES
from freehold.records.rules import (
    Decoded,
    Erasure,
    Export,
    Link,
    LinkKind,
    Personal,
    Repeats,
    Retained,
    Rows,
    Secret,
)

FATES = {
    LinkKind.DEEP: "goes when that goes",
    LinkKind.SHALLOW: "stays when that goes; the link is set to null",
    LinkKind.REFCOUNT: "counts that: it goes with the last that counts it",
    LinkKind.RESTRICT: "that cannot be erased while this stands",
    LinkKind.DECORRELATE: "stays when that goes, as a pseudonym",
    LinkKind.RETAIN: "stays as it is when that goes",
    LinkKind.HOLDS: "while in force, that and all below and above it cannot be erased",
    LinkKind.COVERS: "holds a copy of that: it goes when any of it is erased",
}

_NAMED_BACK = "; documents of that name this"


def explain(record: type[Record]) -> dict[str, Any]:
    """`fields` in the order of the table."""
    rules = record.rules
    return {
        "record": str(record.table.name),
        "meaning": meaning(record),
        "container": rules.container.value,
        "export": _export(rules.export),
        "erasure": _erasure(rules.erasure),
        "retention": rules.retention.text,
        "writes": rules.writes.value,
        "fields": [_field(column) for column in record.table.columns],
    }


def explain_all() -> list[dict[str, Any]]:
    return [explain(record) for _, record in sorted(catalogue().items())]


def explain_places() -> list[dict[str, Any]]:
    """What the server keeps on disk besides rows. `files` are patterns below the data folder."""
    return [
        {
            "place": each.name,
            "files": list(each.patterns),
            "holds": each.holds,
            "is_searched": each.is_searched,
            "because": each.because,
            "forgotten": each.forgotten,
        }
        for each in PLACES
    ]


def meaning(record: type[Record]) -> str:
    """What it is, for people: what its class says, or else its name."""
    text = " ".join((record.__doc__ or "").split())
    return text or str(record.table.name).replace("_", " ").capitalize()


def _field(column: Column[Any]) -> dict[str, Any]:
    info = column.info
    link: Link | None = info.get("link")
    document: dict[str, Any] = {"field": str(column.name), "type": str(column.type), "null": bool(column.nullable)}
    document["what"] = _what(info) + (_repeating(info["repeats"]) if "repeats" in info else "")
    document["personal"] = info["rule"].of if isinstance(info.get("rule"), Personal) else None
    document["link"] = link.to if link else None
    document["fate"] = FATES[link.kind] + (_NAMED_BACK if link.named_back else "") if link else None
    if link is not None and link.because:
        document["because"] = f"{link.because} ({link.basis})"
    return document


def _what(info: Mapping[str, Any]) -> str:
    """In one word or a few: key, link, personal, secret (and why), object's key, plain."""
    rule = info.get("rule")
    if info.get("key"):
        return "key of the row; it never leaves the server"
    if isinstance(rule, Secret):
        return f"secret, never exported: {rule.because}"
    if isinstance(rule, Personal):
        return "about a person"
    if "object_prefix" in info:
        return f"key of bytes in the object store, below {info['object_prefix']}/"
    return "link" if "link" in info else "plain"


def _repeating(repeats: Repeats) -> str:
    names = ", ".join(sorted(repeats.names))
    return f"; with the {repeats.key} {names} it repeats {repeats.link} of {repeats.owner}: the row goes with that link"


def _export(rule: Export) -> str:
    if isinstance(rule, Rows):
        return f"as rows, with: {', '.join(sorted(scope.value for scope in rule.scopes))}"
    if isinstance(rule, Decoded):
        return f"decoded ({rule.codec}) into {rule.into}, with: {', '.join(sorted(each.value for each in rule.scopes))}"
    return f"never: {rule.because}"


def _erasure(rule: Erasure) -> str:
    if isinstance(rule, Retained):
        return f"outlives it: {rule.because} ({rule.basis})"
    return "removed with what it belongs to"
