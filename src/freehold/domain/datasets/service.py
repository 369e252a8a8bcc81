"""What one can do with datasets. A dataset has an id and a name; its definitions are its versions."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.datasets import queries, rules
from freehold.domain.datasets.definitions import (
    DefinitionView,
    NewDefinition,
    add_definition,
    check_etag,
    definition_view,
    find_definition,
    open_definitions,
)
from freehold.domain.datasets.queries import Wanted
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Paging
from freehold.domain.documents.rules import check_text, without_nothing
from freehold.domain.documents.service import change_document, labels_of, new_document, put_labels
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.records.outside import Dataset
from freehold.storage.transaction import Transaction

ANY = Wanted()


class NewDataset(NamedTuple):
    name: str
    definition: NewDefinition
    dataset_type: str | None = None
    description: str | None = None
    default_compute: str | None = None
    is_visible: bool = True
    is_pending: bool = False
    tags: dict[str, str] | None = None


class Change(NamedTuple):
    """What is None is left as it is. `etag`: of the version that is to be changed; None for any."""

    description: str | None = None
    default_compute: str | None = None
    is_visible: bool | None = None
    tags: dict[str, str] | None = None
    etag: str | None = None


class DatasetView(NamedTuple):
    """Times are microseconds UTC. `definition`: the newest, or the one that was asked for; None where none was."""

    row_id: int
    dataset_id: str
    name: str
    dataset_type: str | None
    state: str
    is_visible: bool
    etag: str
    document: dict[str, Any]
    tags: dict[str, str]
    author: Author | None
    created_at: int
    updated_at: int
    definition: DefinitionView | None


class FoundDatasets(NamedTuple):
    datasets: list[DatasetView]
    next_place: list[Any] | None


def register_dataset(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    new: NewDataset,
    *,
    may_stand: bool = False,
    adds_version: bool = False,
) -> DatasetView:
    """Where the name is taken: Conflict, unless it `may_stand`; then as it is, or with a version more.

    Raises Invalid, Conflict.
    """
    rules.check_name(new.name)
    check_text("description", new.description)
    standing = queries.find_named(db, workspace.workspace_id, new.name)
    if standing is None:
        row_id = _create(db, actor, workspace, new)
        add_definition(db, actor, workspace, row_id, new.name, new.definition, new.dataset_type)
        return get_named(db, workspace, new.name)
    if not may_stand:
        message = "There is a dataset of this name. Register a new version of it, or choose another name."
        raise Conflict("DatasetExists", message, target="name")
    if adds_version:
        add_definition(db, actor, workspace, standing.row_id, new.name, new.definition, new.dataset_type)
        change = Change(new.description, new.default_compute, None, new.tags)
        return change_dataset(db, workspace, standing.dataset_id, change)
    return get_named(db, workspace, new.name)


def get_dataset(
    db: Transaction, workspace: WorkspaceRef, dataset_id: str, version: str | None = None, *, has_latest: bool = True
) -> DatasetView:
    """With its newest definition, or the one of `version`. Raises NotFound."""
    return _one(db, workspace, find_row(db, workspace, dataset_id), version, has_latest=has_latest)


def get_named(
    db: Transaction, workspace: WorkspaceRef, name: str, version: str | None = None, *, has_latest: bool = True
) -> DatasetView:
    """Raises NotFound."""
    row = queries.find_named(db, workspace.workspace_id, name)
    if row is None:
        raise NotFound("DatasetNotFound", "There is no dataset of this name in the workspace.")
    return _one(db, workspace, row, version, has_latest=has_latest)


def list_datasets(
    db: Transaction, workspace: WorkspaceRef, paging: Paging, wanted: Wanted = ANY, *, has_latest: bool = True
) -> FoundDatasets:
    page = queries.find_page(db, workspace.workspace_id, paging, wanted)
    rows = [row.row_id for row in page.rows]
    newest = queries.newest_definitions(db, workspace.workspace_id, rows) if has_latest else {}
    return FoundDatasets(_views(db, workspace, page.rows, newest), page.next_place)


def list_of_saved(db: Transaction, workspace: WorkspaceRef, paging: Paging, saved_id: str) -> FoundDatasets:
    """Datasets of which this saved dataset is a version, each with that version."""
    found = queries.definitions_of_saved(db, workspace.workspace_id, saved_id)
    page = queries.find_page(db, workspace.workspace_id, paging, Wanted(rows=sorted(found)))
    return FoundDatasets(_views(db, workspace, page.rows, found), page.next_place)


def open_datasets(db: Transaction, workspace: WorkspaceRef, views: Sequence[DatasetView]) -> list[DatasetView]:
    """With the secrets of their definitions: for who has the right to them."""
    shown = [view.definition for view in views if view.definition is not None]
    opened = {each.row_id: each for each in open_definitions(db, workspace, shown)}
    return [view._replace(definition=view.definition and opened[view.definition.row_id]) for view in views]


def change_dataset(db: Transaction, workspace: WorkspaceRef, dataset_id: str, change: Change) -> DatasetView:
    """Raises NotFound, Invalid, PreconditionFailed where it is another version than the one of `etag`."""
    row = find_row(db, workspace, dataset_id)
    check_etag(row.etag, change.etag)
    check_text("description", change.description)
    given = without_nothing({"description": change.description, "defaultCompute": change.default_compute})
    values: dict[str, Any] = {"document": row.document | given}
    if change.is_visible is not None:
        values["is_visible"] = change.is_visible
    _touch(db, workspace, row, values)
    put_labels(db, workspace, Dataset, row.row_id, tags=change.tags)
    return get_dataset(db, workspace, dataset_id)


def set_state(
    db: Transaction,
    workspace: WorkspaceRef,
    dataset_id: str,
    state: str,
    deprecated_by: dict[str, Any] | None,
    etag: str | None = None,
) -> DatasetView:
    """`deprecated_by`: the reference to another dataset as the client wrote it. Raises as `change_dataset`."""
    row = find_row(db, workspace, dataset_id)
    check_etag(row.etag, etag)
    document = row.document | {"deprecatedBy": deprecated_by}
    _touch(db, workspace, row, {"state": rules.check_state(state), "document": document})
    return get_dataset(db, workspace, dataset_id)


def add_version(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, dataset_id: str, new: NewDefinition, etag: str | None = None
) -> DatasetView:
    row = find_row(db, workspace, dataset_id)
    check_etag(row.etag, etag)
    add_definition(db, actor, workspace, row.row_id, row.name, new, row.dataset_type)
    _touch(db, workspace, row, {})
    return get_dataset(db, workspace, dataset_id)


def find_row(db: Transaction, workspace: WorkspaceRef, dataset_id: str) -> sa.Row[Any]:
    """Raises NotFound."""
    row = queries.find(db, workspace.workspace_id, dataset_id)
    if row is None:
        raise NotFound("DatasetNotFound", "There is no dataset with this id in the workspace.")
    return row


def rows_called(db: Transaction, workspace: WorkspaceRef, name: str) -> list[int]:
    """The row of the dataset of this name, or else of this id; none, where there is neither."""
    row = queries.find_named(db, workspace.workspace_id, name) or queries.find(db, workspace.workspace_id, name)
    return [] if row is None else [row.row_id]


def rows_standing(db: Transaction, workspace: WorkspaceRef) -> list[int]:
    return queries.rows_standing(db, workspace.workspace_id)


def _create(db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewDataset) -> int:
    if new.dataset_type is not None and len(new.dataset_type) > rules.LONGEST_NAME:
        raise Invalid("InvalidDatasetType", "datasetType is a word such as tabular or file.", target="datasetType")
    values = new_document(db, actor, workspace) | {
        "dataset_id": db.new_id(),
        "name": new.name,
        "dataset_type": new.dataset_type,
        "state": rules.PENDING if new.is_pending else rules.ACTIVE,
        "is_visible": new.is_visible,
        "etag": db.new_id(),
        "document": without_nothing({"description": new.description, "defaultCompute": new.default_compute}),
    }
    row_id = documents.add(db, workspace.workspace_id, Dataset, values)
    put_labels(db, workspace, Dataset, row_id, tags=new.tags)
    return row_id


def _touch(db: Transaction, workspace: WorkspaceRef, row: sa.Row[Any], values: Mapping[str, Any]) -> None:
    moved = {**values, "etag": db.new_id(), "updated_at": db.now()}
    change_document(db, workspace, Dataset, row, moved)


def _one(
    db: Transaction, workspace: WorkspaceRef, row: sa.Row[Any], version: str | None, *, has_latest: bool
) -> DatasetView:
    wants_one = has_latest or version is not None
    found = {row.row_id: find_definition(db, workspace, row.row_id, version)} if wants_one else {}
    return _views(db, workspace, [row], found)[0]


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, DatasetView]:
    """Row → view with its latest definition, of those that stand and have a name."""
    found = [row for row in documents.find_rows(db, workspace.workspace_id, Dataset, rows) if row.state != rules.SAVED]
    latest = {row.row_id: find_definition(db, workspace, row.row_id, None) for row in found}
    return {view.row_id: view for view in _views(db, workspace, found, latest)}


def _views(
    db: Transaction, workspace: WorkspaceRef, rows: Sequence[sa.Row[Any]], definitions: Mapping[int, sa.Row[Any]]
) -> list[DatasetView]:
    return [
        DatasetView(
            row.row_id,
            row.dataset_id,
            row.name,
            row.dataset_type,
            row.state,
            row.is_visible,
            row.etag,
            row.document,
            labels_of(row).tags,
            author_of(db, row),
            row.created_at,
            row.updated_at,
            definition_view(definitions[row.row_id], row.dataset_id) if row.row_id in definitions else None,
        )
        for row in rows
    ]
