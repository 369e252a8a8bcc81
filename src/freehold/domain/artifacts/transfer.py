"""Bytes in and out: a stream into the store between two short transactions."""

import time
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.artifacts import queries, service
from freehold.domain.artifacts.service import ArtifactName, ArtifactView
from freehold.kit.clock import MICROSECONDS, Clock
from freehold.storage.blobs import ObjectStore, StoredBytes
from freehold.storage.database import Database
from freehold.storage.transaction import Transaction

Kept = TypeVar("Kept")
UPLOAD_HOURS = 24
REAPED_AT_ONCE = 200


async def receive(
    database: Database,
    objects: ObjectStore,
    workspace: WorkspaceRef,
    name: ArtifactName,
    pieces: AsyncIterator[bytes],
    keep: Callable[[Transaction, str, StoredBytes], Kept],
) -> Kept:
    """Put a stream under a fresh key that the ledger knows, and `keep` it: that must own the key, or raise.

    Where anything fails the bytes are doomed: the next sweep reaps them, not tomorrow's.
    """
    object_key = await database.write(lambda db: service.begin_upload(db, workspace, name))
    try:
        stored = await objects.put(object_key, pieces)
        return await database.write(lambda db: keep(db, object_key, stored))
    except Exception:
        await database.write(lambda db: _give_up(db, object_key))
        raise


def _give_up(db: Transaction, object_key: str) -> None:
    """Unless it is owned all the same: who is told of a failure may have been told wrongly."""
    if not queries.owned_among(db, [object_key]):
        queries.doom(db, [object_key])


async def upload(
    database: Database,
    objects: ObjectStore,
    actor: Actor,
    workspace: WorkspaceRef,
    name: ArtifactName,
    pieces: AsyncIterator[bytes],
    *,
    content_type: str | None = None,
    must_be_empty: bool = False,
) -> ArtifactView:
    """Store an artifact's content. A half-sent body leaves nothing but a doomed ledger entry."""

    def finish(db: Transaction, object_key: str, stored: StoredBytes) -> ArtifactView:
        return service.finish_upload(
            db,
            actor,
            workspace,
            name,
            object_key,
            stored,
            content_type=content_type,
            must_be_empty=must_be_empty,
        )

    return await receive(database, objects, workspace, name, pieces, finish)


def reap(
    database: Database,
    objects: ObjectStore,
    clock: Clock,
    *,
    by_age: bool = True,
    rest: Callable[[float], object] = lambda seconds: None,
) -> int:
    """Remove the bytes of objects that no row owns: doomed ones and, `by_age`, uploads that never ended. How many.

    An upload that took a day is doomed first: it could end between a look at it and the removal of its bytes. `rest` is
    called after every REAPED_AT_ONCE, with the seconds that they took.
    """
    older_than = clock.now() - UPLOAD_HOURS * 3_600 * MICROSECONDS
    if by_age and database.read_now(lambda db: queries.is_any_stale(db, older_than)):
        database.write_now(lambda db: queries.doom_stale(db, older_than))
    removed = 0

    def look(db: Transaction) -> list[str]:
        return queries.doomed_keys(db, limit=REAPED_AT_ONCE, spare_leased=True)

    while keys := database.read_now(look):
        began, reapable = time.monotonic(), keys
        objects.delete(reapable)
        database.write_now(lambda db, gone=reapable: queries.clear_ledger(db, gone))  # type: ignore[misc]  # binds the loop's value
        removed += len(reapable)
        rest(time.monotonic() - began)
    return removed
