"""Rows of the forget list: keyed digests, without a workspace, for what they stand for is gone."""

import sqlalchemy as sa

from freehold.records.lifecycle import ForgottenId
from freehold.storage.portable import Prepared, upsert
from freehold.storage.transaction import Transaction

ROWS_AT_ONCE = 1_000
_find = Prepared(lambda _: sa.select(ForgottenId.c.row_id).where(ForgottenId.c.digest == sa.bindparam("digest")))


# allow-workspace: because a digest covers its container
def is_listed(db: Transaction, digest: bytes) -> bool:
    """Whatever its expiry says: by that it is removed, where the clock may be believed, and until then it counts."""
    return _find.one(db.connection, {"digest": digest}) is not None


# allow-workspace: because a digest covers its container
def listed_among(db: Transaction, digests: list[bytes]) -> set[bytes]:
    """Those of the digests that are on the list."""
    c = ForgottenId.c
    found: set[bytes] = set()
    for start in range(0, len(digests), ROWS_AT_ONCE):
        some = c.digest.in_(digests[start : start + ROWS_AT_ONCE])
        found.update(db.execute(sa.select(c.digest).where(some)).scalars())
    return found


# allow-workspace: because a digest covers its container
def add(db: Transaction, digests: list[bytes], *, key_id: str, expires_at: int) -> None:
    """A digest that stands already keeps its time."""
    now = db.now()
    rows = [{"digest": each, "key_id": key_id, "created_at": now, "expires_at": expires_at} for each in digests]
    for start in range(0, len(rows), ROWS_AT_ONCE):
        insert = upsert(db.connection, ForgottenId.table).on_conflict_do_nothing()
        db.execute(insert, rows[start : start + ROWS_AT_ONCE])


# allow-workspace: because a digest covers its container
def list_all(db: Transaction) -> list[tuple[bytes, int]]:
    """(digest, expiry), oldest first."""
    c = ForgottenId.c
    found = sa.select(c.digest, c.expires_at).order_by(c.row_id)
    return [(row.digest, row.expires_at) for row in db.execute(found)]
