"""What one can do with artifacts: name them, give them content, read, list, remove.

Bytes travel outside transactions: `begin_upload` (ledger) → bytes into the store → `finish_upload`.
"""

from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.members import member_of
from freehold.domain.artifacts import queries
from freehold.domain.artifacts.rules import ASSET_ORIGIN, RUN_ORIGIN, check_container, check_path
from freehold.domain.assets import queries as asset_queries
from freehold.domain.forgetting.service import refuse_forgotten
from freehold.domain.holds.service import refuse_held
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.records.artifacts import OBJECTS, Artifact
from freehold.storage.blobs import StoredBytes
from freehold.storage.transaction import Transaction


class ArtifactName(NamedTuple):
    """`origin`/`container`/`path`; a run's container is `dcid.<run id>` under the origin ExperimentRun."""

    origin: str
    container: str
    path: str


class ArtifactView(NamedTuple):
    """`object_key` is None while the artifact is registered but has no content yet."""

    row_id: int
    name: ArtifactName
    object_row: int | None
    object_key: str | None
    size: int
    sha256: str | None
    content_type: str | None
    etag: str
    created_at: int
    updated_at: int


def begin_upload(db: Transaction, workspace: WorkspaceRef, name: ArtifactName) -> str:
    """A fresh object key, noted in the ledger so that bytes without an owner are found and removed.

    Raises Invalid and NotFound before any byte is sent, where the artifact cannot have content.
    """
    name = _writable(name)
    run_row, _ = _resolve(db, workspace, name)
    new_id = db.new_id()
    object_key = f"{OBJECTS}/{new_id[-2:]}/{new_id}"
    if not queries.add_upload_to_ledger(db, object_key, workspace.workspace_id, run_row):
        raise NotFound("ArtifactNotFound", "What the artifact belongs to was erased in this moment.")
    return object_key


def finish_upload(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    name: ArtifactName,
    object_key: str,
    stored: StoredBytes,
    *,
    content_type: str | None = None,
    must_be_empty: bool = False,
    keeps_old: bool = False,
) -> ArtifactView:
    """Give the artifact its content; what it held before goes with its last referrer. `keeps_old`: the new begins so.

    Raises Conflict when it must be empty and is not, or the upload was reaped; NotFound when its run is erased;
    UnderHold when a hold keeps what it held.
    """
    artifact = register(db, actor, workspace, name)
    if must_be_empty and artifact.object_row is not None:
        raise Conflict("BlobAlreadyExists", "The artifact has content already. Artifacts are not overwritten here.")
    if artifact.object_row is not None and not keeps_old and artifact.sha256 != stored.sha256:
        refuse_held(db, workspace, Artifact, artifact.row_id)
    object_row = own_object(db, workspace, object_key, stored)
    now = db.now()
    values = {"object_row": object_row, "etag": db.new_id(), "updated_at": now, "content_type": content_type}
    queries.change(db, workspace.workspace_id, artifact.row_id, values)
    if artifact.object_row is not None:
        queries.remove_object_if_unused(db, workspace.workspace_id, artifact.object_row)
    return get_artifact(db, workspace, name)


def own_object(db: Transaction, workspace: WorkspaceRef, object_key: str, stored: StoredBytes) -> int:
    """Move an object from the ledger to a row of its own."""
    if not queries.take_from_ledger(db, object_key):
        raise Conflict("UploadExpired", "The upload took too long and was dropped. Upload it again.")
    return queries.add_object(db, workspace.workspace_id, object_key, stored.size, stored.sha256)


def register(db: Transaction, actor: Actor, workspace: WorkspaceRef, name: ArtifactName) -> ArtifactView:
    """The artifact of this name, made without content if it is not there."""
    name = _writable(name)
    run_row, name = _resolve(db, workspace, name)
    found = queries.find(db, workspace.workspace_id, *name)
    if found is None:
        refuse_forgotten(db, "artifact", workspace.public_id, "/".join(name))
        now = db.now()
        values = {
            "run_row": run_row,
            "origin": name.origin,
            "container": name.container,
            "path": name.path,
            "etag": db.new_id(),
            "created_by": member_of(db, actor, workspace.workspace_id),
            "created_at": now,
            "updated_at": now,
        }
        queries.add(db, workspace.workspace_id, values)
    return get_artifact(db, workspace, name)


def get_artifact(db: Transaction, workspace: WorkspaceRef, name: ArtifactName) -> ArtifactView:
    """Raises NotFound, also for an artifact of a run that is being erased."""
    found = find_artifact(db, workspace, name)
    if found is None:
        raise NotFound("ArtifactNotFound", "There is no artifact of this name.")
    return found


def find_artifact(db: Transaction, workspace: WorkspaceRef, name: ArtifactName) -> ArtifactView | None:
    name = checked(name)
    if name.origin == ASSET_ORIGIN:
        row = asset_queries.find_file(db, workspace.workspace_id, name.container, name.path)
    else:
        row = queries.find(db, workspace.workspace_id, *_resolve(db, workspace, name)[1])
    return view(row) if row else None


def list_artifacts(
    db: Transaction,
    workspace: WorkspaceRef,
    origin: str,
    container: str,
    *,
    prefix: str = "",
    after: str = "",
    limit: int = 1_000,
) -> list[ArtifactView]:
    """By path; `after` is the last path of the page before."""
    if origin == ASSET_ORIGIN:
        files = asset_queries.list_files(db, workspace.workspace_id, container, prefix=prefix, after=after, limit=limit)
        return [view(row) for row in files]
    _, name = _resolve(db, workspace, ArtifactName(origin, container, ""))
    rows = queries.list_below(
        db, workspace.workspace_id, name.origin, name.container, prefix=prefix, after=after, limit=limit
    )
    return [view(row) for row in rows]


def delete_artifact(db: Transaction, workspace: WorkspaceRef, name: ArtifactName) -> None:
    """Remove the name; its content goes with its last referrer. Raises UnderHold."""
    if name.origin == ASSET_ORIGIN:
        raise Invalid("ReadOnlyOrigin", "The files of an asset go with the asset. Delete that.")
    artifact = get_artifact(db, workspace, name)
    refuse_held(db, workspace, Artifact, artifact.row_id)
    blocks = queries.blocks_of(db, workspace.workspace_id, artifact.row_id)
    queries.remove_blocks(db, workspace.workspace_id, artifact.row_id)
    queries.remove(db, workspace.workspace_id, artifact.row_id)
    for object_row in {artifact.object_row, *(block.object_row for block in blocks)} - {None}:
        queries.remove_object_if_unused(db, workspace.workspace_id, object_row)


def checked(name: ArtifactName) -> ArtifactName:
    check_container("origin", name.origin)
    check_container("container", name.container)
    return name._replace(path=check_path(name.path))


def _writable(name: ArtifactName) -> ArtifactName:
    name = checked(name)
    if name.origin == ASSET_ORIGIN:
        raise Invalid("ReadOnlyOrigin", "The files of an asset are read only. Upload to LocalUpload, or to a run.")
    return name


def _resolve(db: Transaction, workspace: WorkspaceRef, name: ArtifactName) -> tuple[int | None, ArtifactName]:
    """The run that the container belongs to, and the name in its one stored spelling.

    A container of the origin ExperimentRun must be that of a standing run (2018 writes the run id itself).
    """
    if name.origin != RUN_ORIGIN:
        return None, name
    run = queries.find_run_of_container(db, workspace.workspace_id, name.container)
    if run is None or run.hidden_at is not None:
        raise NotFound("RunNotFound", "There is no run whose artifacts this container holds.")
    return run.row_id, name._replace(container=run.data_container_id)


def view(row: sa.Row[Any]) -> ArtifactView:
    return ArtifactView(
        row.row_id,
        ArtifactName(row.origin, row.container, row.path),
        row.object_row,
        row.object_key,
        row.size or 0,
        row.sha256,
        row.content_type,
        row.etag,
        row.created_at,
        row.updated_at,
    )
