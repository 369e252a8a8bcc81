"""What goes by itself when its time is over. Read off the catalogue's retention rules; names no table."""

from functools import cache

import sqlalchemy as sa

from freehold.kit.clock import MICROSECONDS
from freehold.lifecycle.removal import Removal
from freehold.records.catalogue import Record, catalogue
from freehold.storage.transaction import Transaction

ROWS_AT_ONCE = 2_000
DAY = 24 * 3_600 * MICROSECONDS


def remove_aged(db: Transaction) -> int:
    """One budget of rows that are older than their record says; how many. Call again while it is not 0."""
    for days, aged in _aged(tuple(catalogue().values())):
        number = aged.remove(db, ROWS_AT_ONCE, until=db.now() - days * DAY).total()
        if number:
            return number
    return 0


@cache
def _aged(records: tuple[type[Record], ...]) -> list[tuple[int, Removal]]:
    """Days that rows are kept, and what goes then. Made once, for each sweep asks on the thread that all wait for."""
    until = sa.bindparam("until", 0, sa.BigInteger())
    return [
        (
            record.rules.retention.days,
            Removal(record, record.table.c[record.rules.retention.since] <= until, with_children=True),
        )
        for record in records
        if record.rules.retention.days is not None
    ]
