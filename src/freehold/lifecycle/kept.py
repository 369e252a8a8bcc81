"""Bags that lie on this server: finding, handing out, dropping. Each is a copy, so none stays longer than it must."""

import asyncio
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Action, Actor
from freehold.domain.access.queries import roles_in
from freehold.domain.access.rules import actions_of
from freehold.kit.clock import MICROSECONDS, to_datetime
from freehold.kit.problems import Conflict, NotFound
from freehold.lifecycle.copies import remove_files, remove_half_sent, remove_unclaimed
from freehold.lifecycle.spool import Spool
from freehold.records.lifecycle import ExportLease, KeptBag
from freehold.records.rules import Scope
from freehold.settings import Settings
from freehold.storage.database import Database
from freehold.storage.transaction import Transaction

KEPT_TIME = 7 * 24 * 3_600 * MICROSECONDS
WRITING, READY = "writing", "ready"


class ReadyBag(NamedTuple):
    """`name` is that of the folder inside an archive of it; `seconds` the snapshot's UTC time."""

    folder: Path
    name: str
    seconds: int


def ready_bag(db: Transaction, settings: Settings, actor: Actor, operation_id: str) -> ReadyBag:
    """A finished bag. Raises NotFound, or Conflict while it is being written."""
    bag = KeptBag.c
    query = sa.select(KeptBag.table).where(bag.operation_id == operation_id, bag.expires_at > db.now())
    every = list(db.execute(query.order_by(bag.row_id)).mappings())  # one for each container that it covers
    if not every or not all(_may_export(db, actor, each["workspace_id"]) for each in every):
        message = (
            "There is no bag of this export here: it was dropped, has expired, was withdrawn because something that it "
            "held was erased, or you may not see it."
        )
        raise NotFound("BagNotFound", message)
    found = every[0]
    if found["state"] != READY:
        raise Conflict("BagNotReady", "The export is still being written. Ask its operation when it is done.")
    scope = next((each for each in Scope if found.get(f"{each}_row") is not None), Scope.WORKSPACE)
    name = f"{scope}-{to_datetime(found['snapshot_at']):%Y%m%dT%H%M%SZ}-{operation_id[-8:]}"
    seconds = found["snapshot_at"] // MICROSECONDS
    return ReadyBag(Spool(settings.data_folder, operation_id).bag, name, seconds)


def _may_export(db: Transaction, actor: Actor, workspace_id: int) -> bool:
    return Action.EXPORT in actions_of(roles_in(db, actor.person_row, workspace_id))


def require_kept(db: Transaction, actor: Actor, operation_id: str, action: Action) -> None:
    """Raises NotFound unless files of the import are here, in a workspace where the actor may do this."""
    bag = KeptBag.c
    query = sa.select(bag.workspace_id).where(bag.operation_id == operation_id, bag.expires_at > db.now())
    found = db.execute(query).scalar()
    actions = actions_of(roles_in(db, actor.person_row, found)) if found is not None else frozenset()
    if action not in actions:
        message = "There is nothing of this import here: it was dropped, has expired, or you may not see it."
        raise NotFound("ImportNotFound", message)


async def drop_bag(database: Database, settings: Settings, operation_id: str) -> None:
    """Remove a finished bag from this server. Harmless when it is gone."""
    await asyncio.to_thread(remove_files, settings, [operation_id])
    await database.write(lambda db: forget_bag(db, operation_id))


def forget_bag(db: Transaction, operation_id: str) -> None:
    for record in (KeptBag, ExportLease):
        db.execute(record.table.delete().where(record.c.operation_id == operation_id))


def remove_expired_bags(database: Database, settings: Settings) -> int:
    """For the sweeper: bags whose time is over, and files that no row claims; how many bags.

    The row goes last, so that a kill loses no folder.
    """
    expired = sa.select(KeptBag.c.operation_id).distinct().where(KeptBag.c.expires_at <= sa.bindparam("now"))
    now = database.read_now(lambda db: db.now())
    ids = database.read_now(lambda db: list(db.execute(expired, {"now": now}).scalars()))
    remove_half_sent(settings, now)
    claimed = sa.select(KeptBag.c.operation_id)
    remove_unclaimed(settings, database.read_now(lambda db: set(db.execute(claimed).scalars())), now)
    for operation_id in ids:
        remove_files(settings, [operation_id])
        database.write_now(lambda db, gone=operation_id: forget_bag(db, gone))  # type: ignore[misc]  # binds the value
    return len(ids)
