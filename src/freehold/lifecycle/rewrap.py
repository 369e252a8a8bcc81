"""After a rotation of the envelope key: every sealed column of the catalogue is hung on the new key."""

import sqlalchemy as sa

from freehold.lifecycle.selection import key_of
from freehold.records.catalogue import catalogue
from freehold.storage.transaction import Transaction


def rewrap_all(db: Transaction) -> int:
    """How many values were rewrapped. The values themselves are not looked at."""
    columns = [c for record in catalogue().values() for c in record.table.columns if "sealed" in c.info]
    return sum(_rewrap(db, column) for column in columns)


def _rewrap(db: Transaction, column: sa.Column[bytes]) -> int:
    table, key = column.table, key_of(column.table)
    changed = 0
    for row in list(db.execute(sa.select(key.label("key"), column.label("sealed")))):
        anew = db.keys.envelope.rewrap(row.sealed)
        if anew != row.sealed:
            db.execute(sa.update(table).where(key == row.key).values({column.name: anew}))
            changed += 1
    return changed
