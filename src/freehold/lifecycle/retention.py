"""What goes by itself when its time is over. Read off the catalogue's retention rules; names no table."""

from freehold.kit.clock import MICROSECONDS
from freehold.lifecycle.removal import Removal
from freehold.records.catalogue import catalogue
from freehold.storage.transaction import Transaction

ROWS_AT_ONCE = 2_000
DAY = 24 * 3_600 * MICROSECONDS


def remove_aged(db: Transaction) -> int:
    """One budget of rows that are older than their record says; how many. Call again while it is not 0."""
    for record in catalogue().values():
        retention = record.rules.retention
        if retention.days is not None:
            is_over = record.table.c[retention.since] <= db.now() - retention.days * DAY
            number = Removal(record, is_over, with_children=True).remove(db, ROWS_AT_ONCE).total()
            if number:
                return number
    return 0
