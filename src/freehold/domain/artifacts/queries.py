"""Rows of artifacts, stored objects, blocks and the ledger."""

from typing import Any

import sqlalchemy as sa

from freehold.operations.queries import living_ids
from freehold.records.artifacts import Artifact, ArtifactBlock, ObjectLedgerEntry, StoredObject
from freehold.records.assets import AssetFile
from freehold.records.containers import Workspace
from freehold.records.lifecycle import ExportLease
from freehold.records.runs import Run
from freehold.storage.portable import begins_with, listed, upsert
from freehold.storage.transaction import Transaction

_a, _o, _b, _f, _g = Artifact.c, StoredObject.c, ArtifactBlock.c, AssetFile.c, ObjectLedgerEntry.c
COLUMNS = (*Artifact.table.columns, _o.object_key, _o.size, _o.sha256)
JOINED = Artifact.table.outerjoin(StoredObject.table, _a.object_row == _o.row_id)


def find(db: Transaction, workspace_id: int, origin: str, container: str, path: str) -> sa.Row[Any] | None:
    found = (
        sa.select(*COLUMNS)
        .select_from(JOINED)
        .where(_a.workspace_id == workspace_id, _a.origin == origin, _a.container == container, _a.path == path)
    )
    return db.execute(found).first()


def list_below(
    db: Transaction, workspace_id: int, origin: str, container: str, *, prefix: str, after: str, limit: int
) -> list[sa.Row[Any]]:
    """Artifacts whose path begins with `prefix`, by path, after the path `after`."""
    found = (
        sa.select(*COLUMNS)
        .select_from(JOINED)
        .where(
            _a.workspace_id == workspace_id,
            _a.origin == origin,
            _a.container == container,
            _a.path > after,
            begins_with(_a.path, prefix),
        )
        .order_by(_a.path)
        .limit(limit)
    )
    return list(db.execute(found))


def find_run_of_container(db: Transaction, workspace_id: int, container: str) -> sa.Row[Any] | None:
    """The run whose artifacts a container holds; both spellings name it (`dcid.<run>` and `<run>`)."""
    r = Run.c
    found = sa.select(r.row_id, r.run_id, r.data_container_id, r.hidden_at).where(
        r.workspace_id == workspace_id, sa.or_(r.data_container_id == container, r.run_id == container)
    )
    return db.execute(found).first()


def add_upload_to_ledger(db: Transaction, object_key: str, workspace_id: int, run_row: int | None) -> bool:
    """False where what it is on its way to is gone. Until this commits that cannot go, nor the workspace of a run: who
    has removed it therefore finds the entry (`doom_strays`)."""
    needed = sa.select(Workspace.c.workspace_id).where(Workspace.c.workspace_id == workspace_id)
    if run_row is not None:
        needed = sa.select(Run.c.row_id).where(Run.c.workspace_id == workspace_id, Run.c.row_id == run_row)
    if db.execute(needed.with_for_update(read=True, key_share=True)).first() is None:
        return False
    values = {"object_key": object_key, "created_at": db.now(), "for_workspace": workspace_id, "for_run": run_row}
    db.execute(ObjectLedgerEntry.table.insert().values(values))
    return True


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def reserve_in_ledger(db: Transaction, object_keys: list[str], operation_id: str) -> None:
    """For objects of an import, which goes on after a restart: as long as it has not ended, nobody dooms them."""
    rows = [{"object_key": key, "created_at": db.now(), "operation_id": operation_id} for key in object_keys]
    if rows:
        db.execute(ObjectLedgerEntry.table.insert(), rows)


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def reserved_for(db: Transaction, operation_id: str, limit: int) -> list[str]:
    found = sa.select(_g.object_key).where(_g.operation_id == operation_id).order_by(_g.row_id)
    return list(db.execute(found.limit(limit)).scalars())


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def in_ledger(db: Transaction, object_keys: list[str]) -> list[str]:
    return list(db.execute(sa.select(_g.object_key).where(_g.object_key.in_(object_keys))).scalars())


# allow-workspace: because a key in the store is one for all workspaces
def owned_among(db: Transaction, object_keys: list[str]) -> set[str]:
    named = _o.object_key.in_(sa.select(listed(db.connection, object_keys)))
    return set(db.execute(sa.select(_o.object_key).where(named)).scalars())


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def arriving_among(db: Transaction, object_keys: list[str]) -> set[str]:
    named = _g.object_key.in_(sa.select(listed(db.connection, object_keys)))
    return set(db.execute(sa.select(_g.object_key).where(named, _g.doomed_at.is_(None))).scalars())


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def take_all_from_ledger(db: Transaction, object_keys: list[str]) -> int:
    """As `take_from_ledger`, for many; how many were there."""
    taken = ObjectLedgerEntry.table.delete().where(_g.object_key.in_(object_keys), _g.doomed_at.is_(None))
    return db.execute(taken).rowcount


def take_from_ledger(db: Transaction, object_key: str) -> bool:
    """False when the entry is gone: the upload took so long that its bytes were reaped."""
    taken = ObjectLedgerEntry.table.delete().where(_g.object_key == object_key, _g.doomed_at.is_(None))
    return db.execute(taken).rowcount == 1


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def doom(db: Transaction, object_keys: list[str]) -> None:
    """The objects' rows are gone with this transaction; their bytes are to follow."""
    now = sa.literal(db.now(), sa.BigInteger())
    if object_keys:
        rows = sa.select(listed(db.connection, sorted(set(object_keys))), now, now).where(sa.true())
        insert = upsert(db.connection, ObjectLedgerEntry.table)
        insert = insert.from_select(["object_key", "created_at", "doomed_at"], rows)
        db.execute(insert.on_conflict_do_update(index_elements=["object_key"], set_={"doomed_at": now}))


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def doom_unfinished(db: Transaction) -> None:
    """For a server that starts alone on its database: whoever began these uploads is dead. Not what is reserved."""
    db.execute(ObjectLedgerEntry.table.update().where(_unowned()).values(doomed_at=db.now()))


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def doom_stale(db: Transaction, older_than: int) -> None:
    """Uploads begun before `older_than` that never ended: from here on none of them can end."""
    stale = sa.and_(_unowned(), _g.created_at < older_than)
    db.execute(ObjectLedgerEntry.table.update().where(stale).values(doomed_at=db.now()))


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def is_any_stray(db: Transaction) -> bool:
    return db.execute(sa.select(_g.row_id).where(_stray()).limit(1)).first() is not None


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def doom_strays(db: Transaction) -> None:
    """Uploads on their way to what was erased: none of them can end."""
    db.execute(ObjectLedgerEntry.table.update().where(_stray()).values(doomed_at=db.now()))


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def _stray() -> sa.ColumnElement[bool]:
    no_run = sa.and_(_g.for_run.is_not(None), ~sa.exists().where(Run.c.row_id == _g.for_run))
    no_home = sa.and_(_g.for_workspace.is_not(None), ~sa.exists().where(Workspace.c.workspace_id == _g.for_workspace))
    return sa.and_(_g.doomed_at.is_(None), sa.or_(no_run, no_home))


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def is_any_stale(db: Transaction, older_than: int) -> bool:
    stale = sa.select(_g.row_id).where(_unowned(), _g.created_at < older_than)
    return db.execute(stale.limit(1)).first() is not None


def _unowned() -> sa.ColumnElement[bool]:
    """Not on its way out, and not reserved for an import that has not ended."""
    reserved = sa.and_(_g.operation_id.is_not(None), _g.operation_id.in_(living_ids()))
    return sa.and_(_g.doomed_at.is_(None), ~reserved)


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def doomed_keys(db: Transaction, *, limit: int, spare_leased: bool = False) -> list[str]:
    """Keys that nothing owns and nothing can own any more.

    `spare_leased`: none while an export reads what it listed at its beginning. Which were doomed before that is not
    asked: only a clock could tell, and clocks jump.
    """
    leased = sa.select(ExportLease.c.row_id).where(ExportLease.c.operation_id.in_(living_ids()))
    doomed = sa.and_(_g.doomed_at.is_not(None), ~leased.exists()) if spare_leased else _g.doomed_at.is_not(None)
    return list(db.execute(sa.select(_g.object_key).where(doomed).order_by(_g.row_id).limit(limit)).scalars())


# allow-workspace: because what the ledger holds belongs to no record, and so to no workspace
def clear_ledger(db: Transaction, object_keys: list[str]) -> None:
    named = _g.object_key.in_(sa.select(listed(db.connection, object_keys)))
    db.execute(ObjectLedgerEntry.table.delete().where(named))


def add_object(db: Transaction, workspace_id: int, object_key: str, size: int, sha256: str) -> int:
    key = db.execute(
        StoredObject.table.insert().values(
            workspace_id=workspace_id, object_key=object_key, size=size, sha256=sha256, created_at=db.now()
        )
    ).inserted_primary_key
    assert key is not None
    return int(key[-1])


def remove_object_if_unused(db: Transaction, workspace_id: int, object_row: int) -> None:
    """The last referrer is gone: remove the row and doom the bytes. Two that each take away a referrer would both find
    the other's, so the second waits."""
    here = sa.and_(_o.workspace_id == workspace_id, _o.row_id == object_row)
    keys = list(db.execute(sa.select(_o.object_key).where(here).with_for_update()).scalars())
    used = sa.union_all(
        sa.select(_a.row_id).where(_a.workspace_id == workspace_id, _a.object_row == object_row),
        sa.select(_b.row_id).where(_b.workspace_id == workspace_id, _b.object_row == object_row),
        sa.select(_f.row_id).where(_f.workspace_id == workspace_id, _f.object_row == object_row),
    )
    if db.execute(used.limit(1)).first() is None:
        doom(db, keys)
        db.execute(StoredObject.table.delete().where(here))


# allow-workspace: because a key in the store is one for all workspaces
def remove_unreferred(db: Transaction, object_keys: list[str]) -> None:
    """Of the objects' rows, those that nothing refers to, and doom their bytes."""
    named = _o.object_key.in_(sa.select(listed(db.connection, object_keys)))
    for found in list(db.execute(sa.select(_o.workspace_id, _o.row_id).where(named))):
        remove_object_if_unused(db, found.workspace_id, found.row_id)


def add(db: Transaction, workspace_id: int, values: dict[str, Any]) -> None:
    db.execute(Artifact.table.insert().values(values | {"workspace_id": workspace_id}))


def change(db: Transaction, workspace_id: int, row_id: int, values: dict[str, Any]) -> None:
    db.execute(Artifact.table.update().where(_a.workspace_id == workspace_id, _a.row_id == row_id).values(values))


def remove(db: Transaction, workspace_id: int, row_id: int) -> None:
    db.execute(Artifact.table.delete().where(_a.workspace_id == workspace_id, _a.row_id == row_id))


def put_block(db: Transaction, workspace_id: int, artifact_row: int, block_id: str, object_row: int) -> int | None:
    """Set a block of an upload in parts; gives the object that it replaces, if any."""
    here = sa.and_(_b.workspace_id == workspace_id, _b.artifact_row == artifact_row, _b.block_id == block_id)
    old = db.execute(sa.select(_b.object_row).where(here)).scalar()
    db.execute(ArtifactBlock.table.delete().where(here))
    db.execute(
        ArtifactBlock.table.insert().values(
            workspace_id=workspace_id,
            artifact_row=artifact_row,
            block_id=block_id,
            object_row=object_row,
            created_at=db.now(),
        )
    )
    return old


def blocks_of(db: Transaction, workspace_id: int, artifact_row: int) -> list[sa.Row[Any]]:
    """(block_id, object_row, object_key, size) of the blocks that wait for their block list."""
    found = (
        sa.select(_b.block_id, _b.object_row, _o.object_key, _o.size)
        .join(StoredObject.table, _b.object_row == _o.row_id)
        .where(_b.workspace_id == workspace_id, _b.artifact_row == artifact_row)
    )
    return list(db.execute(found))


def remove_blocks(db: Transaction, workspace_id: int, artifact_row: int) -> None:
    db.execute(ArtifactBlock.table.delete().where(_b.workspace_id == workspace_id, _b.artifact_row == artifact_row))
