"""What may leave of a table's values, and come in: documents and addresses without their secrets.

Most are sealed apart when they are written. What is not (a run's documents have no place for sealed secrets, and older
releases knew fewer by name) goes no further than this server: a bag has none, and none is taken from a bag.
"""

from collections.abc import Callable, Sequence

import msgspec

from freehold.domain.secrets.addresses import without_signatures
from freehold.domain.secrets.rules import may_hold_secrets
from freehold.domain.secrets.texts import labels_without_secrets, part_with_texts
from freehold.lifecycle.tables import Columns, ExportTable
from freehold.records.columns import Json

TAGS = "tags"
PARTED = (
    "what opens accounts, services and addresses is taken out of it: whoever held the bag would hold what that opens"
)


def parted_columns(table: ExportTable) -> dict[str, Callable[[str], str]]:
    """Fields of the table that may hold secrets → what makes a value of theirs fit to leave."""
    found: dict[str, Callable[[str], str]] = {}
    for field in table.fields:
        column = table.record.table.c.get(field.name)
        if column is None or "rule" not in column.info:
            continue
        if isinstance(column.type, Json):
            found[field.name] = _tags if field.name == TAGS else _document
        elif column.info.get("address"):
            found[field.name] = without_signatures
    return found


def without_secrets(table: ExportTable, names: Sequence[str], columns: Columns) -> Columns:
    """Columns of the table's values under their names. Null stays null."""
    parts = parted_columns(table)
    return [
        [None if value is None else parts[name](value) for value in values] if name in parts else values
        for name, values in zip(names, columns, strict=True)
    ]


def _document(text: str) -> str:
    """JSON. One without a secret stays as it is, to the letter."""
    if not may_hold_secrets(text):
        return text
    parted = part_with_texts(msgspec.json.decode(text))
    return msgspec.json.encode(parted.document).decode() if parted.secrets else text


def _tags(text: str) -> str:
    """JSON, as `_document`."""
    if "://" not in text:
        return text
    tags = msgspec.json.decode(text)
    clean = labels_without_secrets(tags)
    return text if clean == tags else msgspec.json.encode(clean).decode()
