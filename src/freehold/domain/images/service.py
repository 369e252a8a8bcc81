"""What one can do with images. An image is named `name:version`, or by its id alone (2018)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Paging
from freehold.domain.documents.rules import check_name
from freehold.domain.documents.service import (
    Labels,
    change_document,
    labels_of,
    new_document,
    put_labels,
    spread,
    take_version,
)
from freehold.domain.images import queries, rules
from freehold.domain.images.queries import ANY, Wanted
from freehold.domain.manifests import service as manifests
from freehold.domain.manifests.service import ManifestView
from freehold.domain.models import service as models
from freehold.domain.models.service import ModelView
from freehold.domain.secrets import rules as secret_rules
from freehold.domain.secrets import service as secrets
from freehold.kit.problems import Invalid, NotFound
from freehold.records.serving import Image, ImageModel
from freehold.storage.transaction import Transaction

KIND = "image"
LOCATION = "imageLocation"
"""A column of its own; its secrets are kept as those of a field of the document."""
MOST_MODELS = 100


class NewImage(NamedTuple):
    """`location` names an image that somebody built already; without one it waits for a report."""

    name: str
    model_names: Sequence[str]
    document: dict[str, Any]
    manifest_id: str | None = None
    location: str | None = None
    is_auto_deleted: bool = False
    tags: dict[str, str] | None = None
    properties: dict[str, str] | None = None


class ImageView(NamedTuple):
    """Times are microseconds UTC. `models` are those in it, whole."""

    row_id: int
    image_id: str
    name: str
    version: int
    state: str
    location: str | None
    is_auto_deleted: bool
    models: list[ModelView]
    manifest: ManifestView | None
    document: dict[str, Any]
    labels: Labels
    author: Author | None
    created_at: int
    updated_at: int

    @property
    def versioned_name(self) -> str:
        return f"{self.name}:{self.version}"


class FoundImages(NamedTuple):
    images: list[ImageView]
    next_place: list[Any] | None


class Report(NamedTuple):
    state: str
    location: str | None = None
    error: dict[str, Any] | None = None


def create_image(db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewImage) -> ImageView:
    """Raises NotFound for a model or manifest that is not here, Invalid."""
    check_name(KIND, new.name)
    if len(new.model_names) > MOST_MODELS:
        raise Invalid("TooManyModels", f"An image has at most {MOST_MODELS} models.", target="modelIds")
    manifest = manifests.get_manifest(db, workspace, new.manifest_id) if new.manifest_id else None
    names = [*new.model_names, *(manifest.model_ids if manifest else [])]
    model_rows = dict.fromkeys(models.get_row(db, workspace, name) for name in names)
    document, hidden = secret_rules.part(new.document | {LOCATION: new.location})
    location = document.pop(LOCATION)
    values = new_document(db, actor, workspace) | {
        "image_id": db.new_id(),
        "name": new.name,
        "version": take_version(db, workspace, KIND, new.name),
        "state": rules.SUCCEEDED if new.location else rules.NOT_STARTED,
        "location": location,
        "is_auto_deleted": new.is_auto_deleted,
        "manifest_row": manifest.row_id if manifest else None,
        "document": document,
    }
    row_id = documents.add(db, workspace.workspace_id, Image, values)
    secrets.keep(db, workspace, Image, row_id, hidden)
    for model_row in model_rows:
        documents.add(db, workspace.workspace_id, ImageModel, {"image_row": row_id, "model_row": model_row})
    put_labels(db, workspace, Image, row_id, tags=new.tags, properties=new.properties)
    return get_image(db, workspace, values["image_id"])


def get_image(db: Transaction, workspace: WorkspaceRef, name: str, *, opens: bool = False) -> ImageView:
    """By `name:version`, by id, or by name alone: the newest. Raises NotFound."""
    return _views(db, workspace, [_find(db, workspace, name)], opens=opens)[0]


def list_images(
    db: Transaction, workspace: WorkspaceRef, paging: Paging, wanted: Wanted = ANY, *, opens: bool = False
) -> FoundImages:
    page = queries.find_page(db, workspace.workspace_id, paging, wanted)
    return FoundImages(_views(db, workspace, page.rows, opens=opens), page.next_place)


def change_image(
    db: Transaction,
    workspace: WorkspaceRef,
    name: str,
    *,
    document: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
    properties: dict[str, str] | None = None,
) -> ImageView:
    """`document`: fields to set in it."""
    row = _find(db, workspace, name)
    values: dict[str, Any] = {"updated_at": db.now()}
    if document is not None:
        values["document"] = row.document | _part(db, workspace, row, document)
    change_document(db, workspace, Image, row, values)
    put_labels(db, workspace, Image, row.row_id, tags=tags, properties=properties)
    return get_image(db, workspace, row.image_id)


def report_image(db: Transaction, workspace: WorkspaceRef, name: str, report: Report) -> ImageView:
    """What became of its build, told by who builds it. Raises Conflict for a move that is none."""
    row = _find(db, workspace, name)
    rules.check_move(row.state, report.state)
    told = {"error": report.error} | ({LOCATION: report.location} if report.location is not None else {})
    clean = _part(db, workspace, row, told)
    values: dict[str, Any] = {"state": report.state, "updated_at": db.now()}
    if LOCATION in clean:
        values["location"] = clean.pop(LOCATION)
    values["document"] = row.document | clean
    documents.change(db, workspace.workspace_id, Image, row.row_id, values)
    return get_image(db, workspace, row.image_id)


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, ImageView]:
    """Row → view, of those that stand."""
    found = queries.find_rows(db, workspace.workspace_id, rows)
    return {view.row_id: view for view in _views(db, workspace, found)}


def rows_named(db: Transaction, workspace: WorkspaceRef, image_id: str | None, name: str | None) -> list[int] | None:
    """Rows of one image, or of all versions of a name; None where neither is asked for."""
    if image_id is not None:
        row = queries.find(db, workspace.workspace_id, image_id)
        return [row.row_id] if row else []
    return queries.rows_named(db, workspace.workspace_id, name) if name is not None else None


def rows_of_manifest(
    db: Transaction, workspace: WorkspaceRef, manifest_id: str | None, name: str | None
) -> list[int] | None:
    """Rows of the images of a manifest, or of all versions of its name; None where neither is asked for."""
    if manifest_id is None and name is None:
        return None
    return queries.rows_of_manifest(db, workspace.workspace_id, manifest_id, name)


def _part(db: Transaction, workspace: WorkspaceRef, row: sa.Row[Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The fields without their secrets, which are kept in place of those that stood there."""
    said = secret_rules.part(fields)
    secrets.keep_changed(db, workspace, Image, row.row_id, row.document | {LOCATION: row.location}, said)
    return dict(said.document)


def _find(db: Transaction, workspace: WorkspaceRef, name: str) -> sa.Row[Any]:
    row = queries.find(db, workspace.workspace_id, name)
    if row is None:
        raise NotFound("ImageNotFound", "There is no image of this id in the workspace.")
    return row


def _views(
    db: Transaction, workspace: WorkspaceRef, rows: Sequence[sa.Row[Any]], *, opens: bool = False
) -> list[ImageView]:
    kept = {row.row_id: row.document | {LOCATION: row.location} for row in rows}
    kept = secrets.with_secrets(db, workspace, Image, kept) if opens else kept
    locations = {row: document.pop(LOCATION) for row, document in kept.items()}
    held = {row.row_id: [model for (model,) in spread(row.model_rows)] for row in rows}
    of_models = models.views_of(db, workspace, sorted({row for each in held.values() for row in each}))
    of_manifests = manifests.views_of(db, workspace, [row.manifest_row for row in rows if row.manifest_row])
    return [
        ImageView(
            row.row_id,
            row.image_id,
            row.name,
            row.version,
            row.state,
            locations[row.row_id],
            row.is_auto_deleted,
            [of_models[each] for each in held[row.row_id] if each in of_models],
            of_manifests.get(row.manifest_row),
            kept[row.row_id],
            labels_of(row),
            author_of(db, row),
            row.created_at,
            row.updated_at,
        )
        for row in rows
    ]
