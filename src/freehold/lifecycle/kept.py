"""Bags that lie on this server: finding, handing out, dropping. Each is a copy, so none stays longer than it must."""

import asyncio
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Action, Actor
from freehold.domain.access.service import may
from freehold.kit.clock import MICROSECONDS, to_datetime
from freehold.kit.problems import Conflict, NotFound
from freehold.lifecycle.copies import WITHDRAWN, forget_copy, remove_files, remove_unclaimed
from freehold.lifecycle.imports.making import unmake
from freehold.lifecycle.spool import Spool
from freehold.lifecycle.uploads import remove_abandoned
from freehold.lifecycle.watch import may_see
from freehold.operations.queries import cancelled_ids, find, living_ids
from freehold.records.lifecycle import BEING_WRITTEN, ExportLease, KeptBag
from freehold.records.rules import Scope
from freehold.settings import Settings
from freehold.storage.database import Database
from freehold.storage.transaction import Transaction

KEPT_TIME = 7 * 24 * 3_600 * MICROSECONDS
READY = "ready"


class ReadyBag(NamedTuple):
    """`name` is that of the folder inside an archive of it; `seconds` the snapshot's UTC time."""

    folder: Path
    name: str
    seconds: int


def ready_bag(db: Transaction, settings: Settings, actor: Actor, operation_id: str) -> ReadyBag:
    """A finished bag. Raises NotFound, or Conflict while it is being written."""
    bag = KeptBag.c
    query = sa.select(KeptBag.table).where(bag.operation_id == operation_id, _is_kept())
    every = list(db.execute(query.order_by(bag.row_id)).mappings())  # one for each container that it covers
    if not every and _is_under_way(db, actor, operation_id):
        raise _not_ready()
    if not every or not all(may(db, actor, Action.EXPORT, each["workspace_id"]) for each in every):
        raise no_bag()
    found = every[0]
    if found["state"] in BEING_WRITTEN:
        raise _not_ready()
    if found["state"] != READY:
        raise no_bag()  # it is kept for an import
    scope = next((each for each in Scope if found.get(f"{each}_row") is not None), Scope.WORKSPACE)
    name = f"{scope}-{to_datetime(found['snapshot_at']):%Y%m%dT%H%M%SZ}-{operation_id[-8:]}"
    seconds = found["snapshot_at"] // MICROSECONDS
    return ReadyBag(Spool(settings.data_folder, operation_id).bag, name, seconds)


def _is_under_way(db: Transaction, actor: Actor, operation_id: str) -> bool:
    """An export that has not come to its bag yet, asked after by somebody who may see it."""
    found = find(db, operation_id)
    return found is not None and found.kind == "export" and not found.is_ended and may_see(db, actor, found)


def _not_ready() -> Conflict:
    return Conflict("BagNotReady", "The export is not finished yet. Ask its operation when it is done.")


def no_bag() -> NotFound:
    message = (
        "There is no bag of this export here: it was dropped, has expired, was withdrawn because something that it "
        "held or named was erased, or because an older release had made it, or you may not see it. Where several "
        "servers have one database, ask the one that was asked for the export."
    )
    return NotFound("BagNotFound", message)


def require_kept(db: Transaction, actor: Actor, operation_id: str, action: Action) -> None:
    """Raises NotFound unless files of the import are here, and the actor may do this in every container of it."""
    bag = KeptBag.c
    query = sa.select(bag.workspace_id).where(bag.operation_id == operation_id, _is_kept())
    found = list(db.execute(query).scalars())
    if not found or not all(may(db, actor, action, each) for each in found):
        message = "There is nothing of this import here: it was dropped, has expired, or you may not see it."
        raise NotFound("ImportNotFound", message)


def _is_kept() -> sa.ColumnElement[bool]:
    """What is over by the clock is the sweeper's to remove, which asks whether that clock may be believed."""
    return KeptBag.c.state != WITHDRAWN


def keep_from_now(db: Transaction, operation_id: str) -> None:
    """The time for which it is kept begins: its operation ends."""
    mine = KeptBag.c.operation_id == operation_id
    db.execute(KeptBag.table.update().where(mine).values(expires_at=db.now() + KEPT_TIME))


async def drop_bag(database: Database, settings: Settings, operation_id: str) -> None:
    """Remove a finished bag from this server. Harmless when it is gone."""
    await asyncio.to_thread(remove_files, settings, [operation_id])
    await database.write(lambda db: forget_bag(db, operation_id))


def forget_bag(db: Transaction, operation_id: str) -> None:
    homes = list(db.execute(sa.select(KeptBag.c.workspace_id).where(KeptBag.c.operation_id == operation_id)).scalars())
    forget_copy(db, operation_id)
    db.execute(ExportLease.table.delete().where(ExportLease.c.operation_id == operation_id))
    unmake(db, operation_id, homes)


def _withdrawn(db: Transaction) -> list[str]:
    """Also those of what was cancelled, and of exports that failed: they clean up after themselves, unless the server
    died before the engine had them, or could not reach the files."""
    was_given_up = sa.and_(KeptBag.c.state.in_(BEING_WRITTEN), KeptBag.c.operation_id.not_in(living_ids()))
    nobodys = sa.or_(sa.not_(_is_kept()), KeptBag.c.operation_id.in_(cancelled_ids()), was_given_up)
    return list(db.execute(sa.select(KeptBag.c.operation_id).distinct().where(nobodys)).scalars())


def _expired(db: Transaction) -> list[str]:
    """None of an operation that is under way, however long it takes."""
    is_over = sa.and_(KeptBag.c.expires_at <= db.now(), KeptBag.c.operation_id.not_in(living_ids()))
    return list(db.execute(sa.select(KeptBag.c.operation_id).distinct().where(is_over)).scalars())


def _ready(db: Transaction) -> list[str]:
    return list(db.execute(sa.select(KeptBag.c.operation_id).distinct().where(KeptBag.c.state == READY)).scalars())


def remove_expired_bags(database: Database, settings: Settings) -> int:
    """For the sweeper: bags whose time is over, and files that no row claims; how many bags. By age, so only where the
    clock is believed."""
    gone = _remove(database, settings, database.read_now(_expired))
    now = database.read_now(lambda db: db.now())
    claimed = sa.select(KeptBag.c.operation_id)
    remove_unclaimed(settings, database.read_now(lambda db: set(db.execute(claimed).scalars())), now)
    return gone


def remove_withdrawn_bags(database: Database, settings: Settings) -> int:
    """For the sweeper: bags that nobody may have any more, and what served to send or make one; how many bags."""
    remove_abandoned(settings.data_folder)
    for operation_id in database.read_now(_ready):
        Spool(settings.data_folder, operation_id).close_if_left()
    return _remove(database, settings, database.read_now(_withdrawn))


def _remove(database: Database, settings: Settings, ids: list[str]) -> int:
    """The row goes last, so that a kill loses no folder. Raises OSError for what could not be removed, once the others
    are gone: its row stays, and the next sweep tries again."""
    failed: OSError | None = None
    for operation_id in ids:
        try:
            remove_files(settings, [operation_id])
        except OSError as fault:
            failed = fault
            continue
        database.write_now(lambda db, gone=operation_id: forget_bag(db, gone))  # type: ignore[misc]  # binds the value
    if failed is not None:
        raise failed
    return len(ids)
