"""How much rows hold: the bytes of their texts and of what is packed in them, as the database keeps them."""

from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.records.catalogue import Record
from freehold.records.columns import Json, Text
from freehold.storage.portable import octets
from freehold.storage.transaction import Transaction


class Weight(NamedTuple):
    rows: int
    size: int


def weigh(db: Transaction, record: type[Record], condition: sa.ColumnElement[bool]) -> Weight:
    sizes = [_size(column) for column in record.table.columns if _has_bytes(column)]
    total = sum((sa.func.coalesce(sa.func.sum(size), 0) for size in sizes), sa.literal(0))
    row: Any = db.execute(sa.select(sa.func.count(), total).select_from(record.table).where(condition)).one()
    return Weight(int(row[0]), int(row[1]))


def _has_bytes(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, Text | Json | sa.LargeBinary)


def _size(column: sa.Column[Any]) -> sa.ColumnElement[int]:
    """What is packed is not read for it: its length stands before it."""
    return sa.func.length(column) if isinstance(column.type, sa.LargeBinary) else octets(column)
