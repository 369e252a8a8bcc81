"""What goes by itself when its time is over. Read off the catalogue's retention rules; names no table."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import sqlalchemy as sa

from freehold.domain.holds.queries import held
from freehold.kit.clock import MICROSECONDS
from freehold.lifecycle.reach import OWNED, pointers_to
from freehold.lifecycle.removal import Removal
from freehold.lifecycle.selection import key_of
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import LinkKind
from freehold.storage.transaction import Transaction

ROWS_AT_ONCE = 2_000
DAY = 24 * 3_600 * MICROSECONDS


def ageing() -> list[str]:
    """Names of the records whose rows go by their age."""
    return [name for name, record in catalogue().items() if record.rules.retention.days is not None]


def remove_aged(db: Transaction, name: str) -> int:
    """One budget of rows of this record that are older than it says; how many. Call again while it is not 0.

    What a hold in force covers stays, and what a copy that this server keeps covers stays as long as that.
    """
    days, aged = _aged(tuple(catalogue().values()))[name]
    return aged.remove(db, ROWS_AT_ONCE, until=db.now() - days * DAY).total()


@cache
def _aged(records: tuple[type[Record], ...]) -> dict[str, tuple[int, Removal]]:
    """Days that rows are kept, and what goes then. Made once, for each sweep asks on the thread that all wait for."""
    return {
        str(record.table.name): (record.rules.retention.days, Removal(record, _is_over(record), with_children=True))
        for record in records
        if record.rules.retention.days is not None
    }


def _is_over(record: type[Record]) -> sa.ColumnElement[bool]:
    until = sa.bindparam("until", 0, sa.BigInteger())
    covered = (key_of(record.table).not_in(rows) for rows in _covered(record))
    return sa.and_(record.table.c[record.rules.retention.since] <= until, sa.not_(held(record)), *covered)


def _covered(record: type[Record]) -> Iterator[sa.Select[Any]]:
    """Keys of rows of which, or of what hangs on which, a copy is kept."""
    for pointer in pointers_to(record):
        named = sa.select(pointer.column).where(pointer.column.is_not(None)).correlate(None)
        if pointer.kind is LinkKind.COVERS:
            yield named
        elif pointer.kind in OWNED and pointer.source is not record:
            yield from (named.where(key_of(pointer.source.table).in_(below)) for below in _covered(pointer.source))
