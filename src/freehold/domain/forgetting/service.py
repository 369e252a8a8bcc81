"""The forget list: what was erased stays erased, whoever asks again by the same id."""

from collections.abc import Iterable

import sqlalchemy as sa

from freehold.kit.problems import NotFound
from freehold.records.lifecycle import ForgottenId
from freehold.storage.portable import Prepared, upsert
from freehold.storage.transaction import Transaction

_find = Prepared(
    lambda _: sa.select(ForgottenId.c.row_id).where(
        ForgottenId.c.digest == sa.bindparam("digest"), ForgottenId.c.expires_at > sa.bindparam("now")
    )
)


def forget(db: Transaction, kind: str, container: str, ids: Iterable[str], *, expires_at: int) -> None:
    """Remember keyed digests of erased ids. `container` is the workspace's public id."""
    now, key_id = db.now(), db.keys.forgotten.key_id
    rows = [
        {"digest": db.keys.forgotten.digest(kind, container, each), "key_id": key_id, "created_at": now} for each in ids
    ]
    for start in range(0, len(rows), 1_000):
        part = [row | {"expires_at": expires_at} for row in rows[start : start + 1_000]]
        db.execute(upsert(db.connection, ForgottenId.table).on_conflict_do_nothing(), part)


def is_forgotten(db: Transaction, kind: str, container: str, id_: str) -> bool:
    digest = db.keys.forgotten.digest(kind, container, id_)
    return _find.one(db.connection, {"digest": digest, "now": db.now()}) is not None


def refuse_forgotten(db: Transaction, kind: str, container: str, id_: str) -> None:
    """Raises NotFound: an erased thing is not brought back by a retry or a late upload."""
    if is_forgotten(db, kind, container, id_):
        raise NotFound("ResourceNotFound", f"This {kind} was erased. Use a new id.")
