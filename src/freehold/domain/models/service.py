"""What one can do with registered models. A model is named `name:version`, or by its id alone (2018)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.assets import queries as asset_queries
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
from freehold.domain.models import queries
from freehold.domain.models.queries import ANY, Wanted
from freehold.domain.runs import queries as run_queries
from freehold.domain.secrets import rules as secret_rules
from freehold.domain.secrets import service as secrets
from freehold.kit.problems import NotFound
from freehold.records.assets import Model
from freehold.storage.transaction import Transaction

KIND = "model"
ASSET_ADDRESS = "aml://asset/"


class NewModel(NamedTuple):
    """`document`: what only clients read. `url` may name an asset (`aml://asset/{id}`); any other is kept as it is."""

    name: str
    url: str | None
    document: dict[str, Any]
    run_id: str | None = None
    parent_id: str | None = None
    tags: dict[str, str] | None = None
    properties: dict[str, str] | None = None


class ModelView(NamedTuple):
    """Times are microseconds UTC. `url` names the asset where the model has one."""

    row_id: int
    model_id: str
    name: str
    version: int
    url: str | None
    document: dict[str, Any]
    run_id: str | None
    experiment_name: str | None
    parent_name: str | None
    derived_names: list[str]
    labels: Labels
    author: Author | None
    created_at: int
    updated_at: int

    @property
    def versioned_name(self) -> str:
        return f"{self.name}:{self.version}"


class FoundModels(NamedTuple):
    models: list[ModelView]
    next_place: list[Any] | None


def register_model(db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewModel) -> ModelView:
    """The next version of the name. Raises Invalid, NotFound for an asset, run or parent that is not here."""
    check_name(KIND, new.name)
    values = new_document(db, actor, workspace)
    document, secret = secret_rules.part(new.document | {"url": new.url or ""})
    links = {
        "asset_row": _row_of_asset(db, workspace, new.url),
        "parent_row": get_row(db, workspace, new.parent_id) if new.parent_id else None,
        "run_row": _row_of_run(db, workspace, new.run_id),
    }
    own: dict[str, Any] = {
        "model_id": db.new_id(),
        "name": new.name,
        "version": take_version(db, workspace, KIND, new.name),
        "document": document | ({"url": None} if links["asset_row"] else {}),
    }
    row_id = documents.add(db, workspace.workspace_id, Model, values | links | own)
    secrets.keep(db, workspace, Model, row_id, secret)
    put_labels(db, workspace, Model, row_id, tags=new.tags, properties=new.properties)
    return get_model(db, workspace, own["model_id"])


def get_model(db: Transaction, workspace: WorkspaceRef, name: str, *, opens: bool = False) -> ModelView:
    """By `name:version`, by id, or by name alone: the newest. `opens`: with its secrets. Raises NotFound."""
    return _views(db, workspace, [_find(db, workspace, name)], opens=opens)[0]


def get_row(db: Transaction, workspace: WorkspaceRef, name: str) -> int:
    return get_model(db, workspace, name).row_id


def find_model(db: Transaction, workspace: WorkspaceRef, name: str) -> ModelView | None:
    try:
        return get_model(db, workspace, name)
    except NotFound:
        return None


def list_models(
    db: Transaction, workspace: WorkspaceRef, paging: Paging, wanted: Wanted = ANY, *, opens: bool = False
) -> FoundModels:
    page = queries.find_page(db, workspace.workspace_id, paging, wanted)
    return FoundModels(_views(db, workspace, page.rows, opens=opens), page.next_place)


def change_model(
    db: Transaction,
    workspace: WorkspaceRef,
    name: str,
    *,
    document: dict[str, Any] | None = None,
    tags: dict[str, str] | None = None,
    properties: dict[str, str] | None = None,
) -> ModelView:
    """`document`: fields to set in it."""
    row = _find(db, workspace, name)
    values: dict[str, Any] = {"updated_at": db.now()}
    if document is not None:
        said = secret_rules.part(document)
        secrets.keep_changed(db, workspace, Model, row.row_id, row.document, said)
        values["document"] = row.document | said.document
    change_document(db, workspace, Model, row, values)
    put_labels(db, workspace, Model, row.row_id, tags=tags, properties=properties)
    return get_model(db, workspace, row.model_id)


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, ModelView]:
    """Row → view, of those that stand."""
    found = queries.find_rows(db, workspace.workspace_id, rows)
    return {view.row_id: view for view in _views(db, workspace, found)}


def rows_named(db: Transaction, workspace: WorkspaceRef, model_id: str | None, name: str | None) -> list[int] | None:
    """Rows of one model, or of all versions of a name; None where neither is asked for."""
    if model_id is not None:
        found = find_model(db, workspace, model_id)
        return [found.row_id] if found else []
    return queries.rows_named(db, workspace.workspace_id, name) if name is not None else None


def _find(db: Transaction, workspace: WorkspaceRef, name: str) -> sa.Row[Any]:
    row = queries.find(db, workspace.workspace_id, name)
    if row is None:
        raise NotFound("ModelNotFound", "There is no model of this id in the workspace.")
    return row


def _row_of_asset(db: Transaction, workspace: WorkspaceRef, url: str | None) -> int | None:
    if not url or not url.startswith(ASSET_ADDRESS):
        return None
    asset_id = url.removeprefix(ASSET_ADDRESS)
    row = asset_queries.find(db, workspace.workspace_id, asset_id)
    if row is None:
        raise NotFound("AssetNotFound", "The url names an asset that is not in this workspace.", target="url")
    return int(row.row_id)


def _row_of_run(db: Transaction, workspace: WorkspaceRef, run_id: str | None) -> int | None:
    if not run_id:
        return None
    found = run_queries.find_writable(db, workspace.workspace_id, run_id)
    if found is None:
        raise NotFound("RunNotFound", "runId names a run that is not in this workspace.", target="runId")
    return found[0]


def _views(
    db: Transaction, workspace: WorkspaceRef, rows: Sequence[sa.Row[Any]], *, opens: bool = False
) -> list[ModelView]:
    kept = {row.row_id: row.document for row in rows}
    kept = secrets.with_secrets(db, workspace, Model, kept) if opens else kept
    return [_view(db, row, kept[row.row_id]) for row in rows]


def _view(db: Transaction, row: sa.Row[Any], kept: dict[str, Any]) -> ModelView:
    document = {key: value for key, value in kept.items() if key != "url"}
    return ModelView(
        row.row_id,
        row.model_id,
        row.name,
        row.version,
        f"{ASSET_ADDRESS}{row.asset_id}" if row.asset_id is not None else kept["url"] or None,
        document,
        row.run_id,
        row.experiment_name,
        f"{row.parent_name}:{row.parent_version}" if row.parent_name is not None else None,
        [f"{name}:{version}" for name, version in spread(row.derived)],
        labels_of(row),
        author_of(db, row),
        row.created_at,
        row.updated_at,
    )
