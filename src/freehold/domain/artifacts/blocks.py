"""Uploads in parts: blocks wait beside the artifact until a list names their order, then become one object."""

from collections.abc import AsyncIterator, Sequence

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.artifacts import queries, service
from freehold.domain.artifacts.service import ArtifactName, ArtifactView
from freehold.domain.artifacts.transfer import receive
from freehold.kit.problems import Conflict, Invalid
from freehold.storage.blobs import ObjectStore, StoredBytes
from freehold.storage.database import Database
from freehold.storage.transaction import Transaction

MOST_BLOCKS = 50_000
LONGEST_BLOCK_ID = 128


async def stage_block(
    database: Database,
    objects: ObjectStore,
    actor: Actor,
    workspace: WorkspaceRef,
    name: ArtifactName,
    block_id: str,
    pieces: AsyncIterator[bytes],
) -> None:
    """Keep a block; one of the same id before it goes. Raises Invalid, NotFound, TooLarge."""
    if not block_id or len(block_id) > LONGEST_BLOCK_ID:
        raise Invalid("InvalidQueryParameterValue", f"blockid has 1 to {LONGEST_BLOCK_ID} characters.")

    def keep(db: Transaction, object_key: str, stored: StoredBytes) -> None:
        artifact = service.register(db, actor, workspace, name)
        object_row = service.own_object(db, workspace, object_key, stored)
        old = queries.put_block(db, workspace.workspace_id, artifact.row_id, block_id, object_row)
        if old is not None:
            queries.remove_object_if_unused(db, workspace.workspace_id, old)

    await receive(database, objects, workspace, name, pieces, keep)


async def commit_blocks(
    database: Database,
    objects: ObjectStore,
    actor: Actor,
    workspace: WorkspaceRef,
    name: ArtifactName,
    block_ids: Sequence[str],
    *,
    content_type: str | None = None,
    must_be_empty: bool = False,
) -> ArtifactView:
    """Join the blocks in this order into the artifact's content; blocks that the list leaves out are dropped.

    Raises Invalid("InvalidBlockList") for a block that does not wait here, Conflict when the artifact must be empty.
    """
    if len(block_ids) > MOST_BLOCKS:
        raise Invalid("BlockListTooLong", f"A block list has at most {MOST_BLOCKS} blocks.")
    keys = await database.read(lambda db: _keys(db, workspace, name, block_ids, must_be_empty=must_be_empty))

    def finish(db: Transaction, object_key: str, stored: StoredBytes) -> ArtifactView:
        return _finish(db, actor, workspace, name, object_key, stored, content_type, must_be_empty)

    return await receive(database, objects, workspace, name, _joined(objects, keys), finish)


async def append_content(
    database: Database,
    objects: ObjectStore,
    actor: Actor,
    workspace: WorkspaceRef,
    name: ArtifactName,
    pieces: AsyncIterator[bytes],
) -> ArtifactView:
    """Put the pieces behind what the artifact holds. Raises Conflict when another upload came in between."""
    before = await database.read(lambda db: service.find_artifact(db, workspace, name))
    held = [before.object_key] if before is not None and before.object_key is not None else []

    def finish(db: Transaction, object_key: str, stored: StoredBytes) -> ArtifactView:
        now = service.find_artifact(db, workspace, name)
        if (now.object_row if now else None) != (before.object_row if before else None):
            raise Conflict("ArtifactChanged", "The artifact was changed in this moment. Append to it again.")
        content_type = before.content_type if before else None
        return service.finish_upload(
            db, actor, workspace, name, object_key, stored, content_type=content_type, keeps_old=True
        )

    return await receive(database, objects, workspace, name, _behind(objects, held, pieces), finish)


def list_blocks(db: Transaction, workspace: WorkspaceRef, name: ArtifactName) -> list[tuple[str, int]]:
    """(block id, size) of the blocks that wait for their list."""
    artifact = service.get_artifact(db, workspace, name)
    return [(row.block_id, row.size) for row in queries.blocks_of(db, workspace.workspace_id, artifact.row_id)]


def _keys(
    db: Transaction, workspace: WorkspaceRef, name: ArtifactName, block_ids: Sequence[str], *, must_be_empty: bool
) -> list[str]:
    artifact = service.find_artifact(db, workspace, name)
    if artifact is not None and must_be_empty and artifact.object_row is not None:
        raise Conflict("BlobAlreadyExists", "The artifact has content already. Artifacts are not overwritten here.")
    rows = queries.blocks_of(db, workspace.workspace_id, artifact.row_id) if artifact else []
    waiting: dict[str, str] = {row.block_id: row.object_key for row in rows}
    missing = next((block_id for block_id in block_ids if block_id not in waiting), None)
    if missing is not None:
        message = "The list names a block that was not uploaded, or was dropped. Upload it again."
        raise Invalid("InvalidBlockList", message)
    return [waiting[block_id] for block_id in block_ids]


async def _behind(objects: ObjectStore, keys: Sequence[str], pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in _joined(objects, keys):
        yield piece
    async for piece in pieces:
        yield piece


async def _joined(objects: ObjectStore, keys: Sequence[str]) -> AsyncIterator[bytes]:
    for key in keys:
        async for piece in await objects.get(key):
            yield piece


def _finish(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    name: ArtifactName,
    object_key: str,
    stored: StoredBytes,
    content_type: str | None,
    must_be_empty: bool,
) -> ArtifactView:
    artifact = service.finish_upload(
        db,
        actor,
        workspace,
        name,
        object_key,
        stored,
        content_type=content_type,
        must_be_empty=must_be_empty,
    )
    blocks = queries.blocks_of(db, workspace.workspace_id, artifact.row_id)
    queries.remove_blocks(db, workspace.workspace_id, artifact.row_id)
    for object_row in {block.object_row for block in blocks}:
        queries.remove_object_if_unused(db, workspace.workspace_id, object_row)
    return artifact
