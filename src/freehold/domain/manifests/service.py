"""What one can do with manifests: what goes into an image, as 2018 knew it."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Paging
from freehold.domain.documents.rules import check_name
from freehold.domain.documents.service import new_document, spread, take_version
from freehold.domain.manifests import queries
from freehold.domain.models import service as models
from freehold.domain.secrets import rules as secret_rules
from freehold.domain.secrets import service as secrets
from freehold.kit.problems import Invalid, NotFound
from freehold.records.serving import Manifest, ManifestModel
from freehold.storage.transaction import Transaction

KIND = "manifest"
MOST_MODELS = 100
NO_ROW = -1


class NewManifest(NamedTuple):
    name: str
    model_names: Sequence[str]
    document: dict[str, Any]


class ManifestView(NamedTuple):
    """Times are microseconds UTC. `model_ids`: the models' own ids, as 2018 wrote them."""

    row_id: int
    manifest_id: str
    name: str
    version: int
    model_ids: list[str]
    document: dict[str, Any]
    author: Author | None
    created_at: int


class FoundManifests(NamedTuple):
    manifests: list[ManifestView]
    next_place: list[Any] | None


def create_manifest(db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewManifest) -> ManifestView:
    """Raises NotFound for a model that is not here, Invalid."""
    check_name(KIND, new.name)
    if len(new.model_names) > MOST_MODELS:
        raise Invalid("TooManyModels", f"A manifest has at most {MOST_MODELS} models.", target="modelIds")
    model_rows = [models.get_row(db, workspace, name) for name in dict.fromkeys(new.model_names)]
    document, hidden = secret_rules.part(new.document)
    values = new_document(db, actor, workspace) | {
        "manifest_id": db.new_id(),
        "name": new.name,
        "version": take_version(db, workspace, KIND, new.name),
        "document": document,
    }
    row_id = documents.add(db, workspace.workspace_id, Manifest, values)
    secrets.keep(db, workspace, Manifest, row_id, hidden)
    for model_row in model_rows:
        link = {"manifest_row": row_id, "model_row": model_row}
        documents.add(db, workspace.workspace_id, ManifestModel, link)
    return get_manifest(db, workspace, values["manifest_id"])


def get_manifest(db: Transaction, workspace: WorkspaceRef, manifest_id: str, *, opens: bool = False) -> ManifestView:
    """By id, by `name:version` or by name: the newest. Raises NotFound."""
    row = queries.find(db, workspace.workspace_id, manifest_id)
    if row is None:
        raise NotFound("ManifestNotFound", "There is no manifest with this id.")
    return _views(db, workspace, [row], opens=opens)[0]


def list_manifests(
    db: Transaction,
    workspace: WorkspaceRef,
    paging: Paging,
    *,
    name: str | None = None,
    model_name: str | None = None,
    opens: bool = False,
) -> FoundManifests:
    model_row = None
    if model_name is not None:
        model = models.find_model(db, workspace, model_name)
        model_row = model.row_id if model else NO_ROW
    page = queries.find_page(db, workspace.workspace_id, paging, name=name, model_row=model_row)
    return FoundManifests(_views(db, workspace, page.rows, opens=opens), page.next_place)


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, ManifestView]:
    """Row → view, of those that stand."""
    found = queries.find_rows(db, workspace.workspace_id, rows)
    return {view.row_id: view for view in _views(db, workspace, found)}


def _views(
    db: Transaction, workspace: WorkspaceRef, rows: Sequence[sa.Row[Any]], *, opens: bool = False
) -> list[ManifestView]:
    kept = {row.row_id: row.document for row in rows}
    kept = secrets.with_secrets(db, workspace, Manifest, kept) if opens else kept
    return [
        ManifestView(
            row.row_id,
            row.manifest_id,
            row.name,
            row.version,
            [model_id for (model_id,) in spread(row.model_ids)],
            kept[row.row_id],
            author_of(db, row),
            row.created_at,
        )
        for row in rows
    ]
