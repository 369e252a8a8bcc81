"""The forget list: what was erased stays erased, whoever asks again by the same id."""

from collections.abc import Iterable

from freehold.domain.forgetting import queries
from freehold.kit.problems import NotFound
from freehold.storage.transaction import Transaction


def forget(db: Transaction, kind: str, container: str, ids: Iterable[str], *, expires_at: int) -> None:
    """Remember keyed digests of erased ids. `container` is the workspace's public id."""
    keys = db.keys.forgotten
    digests = [keys.digest(kind, container, each) for each in ids]
    queries.add(db, digests, key_id=keys.key_id, expires_at=expires_at)


def is_forgotten(db: Transaction, kind: str, container: str, id_: str) -> bool:
    return queries.is_listed(db, db.keys.forgotten.digest(kind, container, id_))


def refuse_forgotten(db: Transaction, kind: str, container: str, id_: str) -> None:
    """Raises NotFound: an erased thing is not brought back by a retry or a late upload."""
    if is_forgotten(db, kind, container, id_):
        raise NotFound("ResourceNotFound", f"This {kind} was erased. Use a new id.")
