"""The forget list: what was erased stays erased, whoever asks again by the same id."""

from collections.abc import Iterable, Sequence

from freehold.domain.clock import service as clock
from freehold.domain.forgetting import queries
from freehold.kit.problems import NotFound
from freehold.storage import forget_journal
from freehold.storage.forget_journal import Entry
from freehold.storage.keys import KeyStore
from freehold.storage.transaction import Transaction


def forget(db: Transaction, kind: str, container: str, ids: Iterable[str], *, expires_at: int) -> None:
    """Remember keyed digests of erased ids. `container` is the workspace's public id."""
    keys = db.keys.forgotten
    digests = keys.digests(kind, container, ids)
    queries.add(db, digests, key_id=keys.key_id, expires_at=expires_at)
    folder = db.keys.path
    db.after_commit(lambda: forget_journal.append(folder, [(digest, expires_at) for digest in digests]))


def require_journal(keys: KeyStore) -> None:
    """Before an erasure is proved: a restore knows it by what stands beside the keys. Raises OSError."""
    forget_journal.append(keys.path, ())


def require_whole_journal(db: Transaction) -> None:
    """As `require_journal`, where other servers work on the same database: one may have died before it wrote its
    lines. Takes longer with every erasure. Raises OSError."""
    forget_journal.append(db.keys.path, _missing(queries.list_all(db), forget_journal.read(db.keys.path)))


def reconcile(db: Transaction) -> int:
    """At every start: the list and its journal beside the keys hold the same; how many the journal brought.

    It brings some after a restore, and lacks some when the server died between a commit and the journal.
    """
    listed = queries.list_all(db)
    standing = dict(listed)
    now, is_believed = db.now(), clock.is_believed(db)
    journal = forget_journal.read(db.keys.path)
    brought = [(d, e) for d, e in journal if d not in standing and (e > now or not is_believed)]
    for digest, expires_at in brought:
        queries.add(db, [digest], key_id=db.keys.forgotten.key_id, expires_at=expires_at)
    folder, missing = db.keys.path, _missing(listed, journal)
    db.after_commit(lambda: forget_journal.append(folder, missing))
    return len(brought)


def _missing(listed: Iterable[Entry], journal: Iterable[Entry]) -> list[Entry]:
    """What the list has and the journal lacks."""
    known = dict(journal)
    return [entry for entry in listed if entry[0] not in known]


def is_forgotten(db: Transaction, kind: str, container: str, id_: str) -> bool:
    return queries.is_listed(db, db.keys.forgotten.digest(kind, container, id_))


def forgotten_among(db: Transaction, kind: str, containers: Iterable[str], ids: Sequence[str]) -> list[str]:
    """Those of many ids that were erased in any of the containers, for an import."""
    digests = {
        digest: each
        for home in containers
        for digest, each in zip(db.keys.forgotten.digests(kind, home, ids), ids, strict=True)
    }
    return sorted({digests[bytes(each)] for each in queries.listed_among(db, list(digests))})


def refuse_forgotten(db: Transaction, kind: str, container: str, id_: str) -> None:
    """Raises NotFound: an erased thing is not brought back by a retry or a late upload."""
    if is_forgotten(db, kind, container, id_):
        raise erased(kind)


def erased(kind: str) -> NotFound:
    return NotFound("ResourceNotFound", f"This {kind} was erased. Use a new id.")
