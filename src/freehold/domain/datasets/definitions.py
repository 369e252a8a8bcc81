"""Versions of datasets, and saved datasets: what a dataset is before, and apart from, its name.

A saved dataset is kept as a dataset of its own, named by the digest of what it holds; the same content saved again is
the same saved dataset. Every version refers to one (azureml-core 1.61.0 opens a dataset by that id).
"""

import json
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.datasets import queries, rules
from freehold.domain.documents import queries as documents
from freehold.domain.documents.service import new_document, take_version
from freehold.kit.digests import sha256_hex
from freehold.kit.problems import Invalid, NotFound, PreconditionFailed
from freehold.records.outside import Dataset, DatasetDefinition
from freehold.storage.transaction import Transaction

KIND = "dataset"
LATEST = "latest"
_SAVED_NAME = "saved/"
"""With a slash, which no name of a dataset has."""


class NewDefinition(NamedTuple):
    """`content`: dataflow, dataPath, notes, properties … as the client wrote them. `saved_id`: what it was saved as."""

    content: dict[str, Any]
    saved_id: str | None = None
    is_pending: bool = False


class DefinitionView(NamedTuple):
    """Times are microseconds UTC."""

    dataset_id: str
    version: int
    state: str
    saved_id: str | None
    etag: str
    document: dict[str, Any]
    created_at: int
    updated_at: int


class SavedView(NamedTuple):
    row_id: int
    saved_id: str
    dataset_type: str | None
    document: dict[str, Any]


def add_definition(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    dataset_row: int,
    name: str,
    new: NewDefinition,
    dataset_type: str | None,
) -> None:
    """The next version. Raises Invalid for an unknown saved dataset, or a secret in the definition."""
    rules.check_holds_no_secret(new.content)
    now = db.now()
    values = {
        "dataset_row": dataset_row,
        "version": take_version(db, workspace, KIND, name),
        "etag": db.new_id(),
        "document": _with_saved(db, actor, workspace, new, dataset_type)
        | {"state": rules.PENDING if new.is_pending else rules.ACTIVE},
        "created_at": now,
        "updated_at": now,
    }
    documents.add(db, workspace.workspace_id, DatasetDefinition, values)


def replace_definition(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    dataset: sa.Row[Any],
    version: str,
    new: NewDefinition,
    etag: str | None = None,
) -> None:
    """Raises NotFound, Invalid, PreconditionFailed."""
    row = find_definition(db, workspace, dataset.row_id, version)
    check_etag(row.etag, etag)
    rules.check_holds_no_secret(new.content)
    document = _with_saved(db, actor, workspace, new, dataset.dataset_type) | {"state": row.document["state"]}
    _change(db, workspace, row.row_id, document)


def set_definition_state(
    db: Transaction,
    workspace: WorkspaceRef,
    dataset_row: int,
    version: str,
    state: str,
    deprecated_by: dict[str, Any] | None,
    etag: str | None = None,
) -> None:
    row = find_definition(db, workspace, dataset_row, version)
    check_etag(row.etag, etag)
    _change(
        db, workspace, row.row_id, row.document | {"state": rules.check_state(state), "deprecatedBy": deprecated_by}
    )


def find_definition(
    db: Transaction, workspace: WorkspaceRef, dataset_row: int, version: str | None = None
) -> sa.Row[Any]:
    """The newest for None and `latest`. Raises NotFound."""
    number = None if version in {None, LATEST} else rules.version_number(version or "")
    if version in {None, LATEST} or number is not None:
        row = queries.find_definition(db, workspace.workspace_id, dataset_row, number)
        if row is not None:
            return row
    raise NotFound("DatasetDefinitionNotFound", "The dataset has no such version.")


def list_definitions(
    db: Transaction, workspace: WorkspaceRef, dataset: sa.Row[Any], before: int | None, limit: int
) -> list[DefinitionView]:
    """Newest first, from below the version `before`."""
    found = queries.find_definitions(db, workspace.workspace_id, dataset.row_id, before, limit)
    return [definition_view(row, dataset.dataset_id) for row in found]


def save_dataset(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, dataset_type: str | None, content: dict[str, Any]
) -> SavedView:
    """`content`: dataflowJson, properties, dataPath. Raises Invalid for a secret in it."""
    rules.check_holds_no_secret(content)
    kept = {key: value for key, value in content.items() if value is not None}
    name = _SAVED_NAME + sha256_hex(json.dumps([dataset_type, kept], sort_keys=True).encode())
    standing = queries.find_saved_alike(db, workspace.workspace_id, name)
    if standing is not None:
        return _saved_view(standing)
    values = new_document(db, actor, workspace) | {
        "dataset_id": db.new_id(),
        "name": name,
        "dataset_type": dataset_type,
        "state": rules.SAVED,
        "is_visible": False,
        "etag": db.new_id(),
        "document": kept,
    }
    documents.add(db, workspace.workspace_id, Dataset, values)
    return get_saved(db, workspace, values["dataset_id"])


def get_saved(db: Transaction, workspace: WorkspaceRef, saved_id: str, *, may_be_registered: bool = False) -> SavedView:
    """`may_be_registered`: the id may be one of a dataset, and then means its newest version. Raises NotFound."""
    row = queries.find_saved(db, workspace.workspace_id, saved_id)
    if row is None and may_be_registered:
        dataset = queries.find(db, workspace.workspace_id, saved_id)
        newest = queries.find_definition(db, workspace.workspace_id, dataset.row_id) if dataset else None
        wanted = newest.document.get("savedDatasetId") if newest else None
        row = queries.find_saved(db, workspace.workspace_id, wanted) if wanted else None
    if row is None:
        raise NotFound("SavedDatasetNotFound", "There is no saved dataset with this id in the workspace.")
    return _saved_view(row)


def check_etag(standing: str, asked: str | None) -> None:
    if asked is not None and asked != standing:
        message = "It was changed since you read it. Read it again, or send forceUpdate=true."
        raise PreconditionFailed("EtagMismatch", message, target="etag")


def definition_view(row: sa.Row[Any], dataset_id: str) -> DefinitionView:
    return DefinitionView(
        dataset_id,
        row.version,
        row.document["state"],
        row.document.get("savedDatasetId"),
        row.etag,
        row.document,
        row.created_at,
        row.updated_at,
    )


def _with_saved(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewDefinition, dataset_type: str | None
) -> dict[str, Any]:
    """The definition with the id of what it was saved as; it is saved now, if it was not before."""
    if new.saved_id is None:
        shared = {name: new.content.get(name) for name in ("properties", "dataPath")}
        content = {"dataflowJson": new.content.get("dataflow"), **shared}
        return new.content | {"savedDatasetId": save_dataset(db, actor, workspace, dataset_type, content).saved_id}
    saved = queries.find_saved(db, workspace.workspace_id, new.saved_id)
    if saved is None:
        message = "There is no saved dataset with this id in the workspace. Save it first, or leave the id out."
        raise Invalid("SavedDatasetNotFound", message, target="savedDatasetId")
    given = {key: value for key, value in new.content.items() if value is not None}
    known = {"dataflow": saved.document.get("dataflowJson")}
    known |= {name: saved.document.get(name) for name in ("properties", "dataPath")}
    return new.content | known | given | {"savedDatasetId": new.saved_id}


def _change(db: Transaction, workspace: WorkspaceRef, row_id: int, document: dict[str, Any]) -> None:
    values = {"document": document, "etag": db.new_id(), "updated_at": db.now()}
    documents.change(db, workspace.workspace_id, DatasetDefinition, row_id, values)


def _saved_view(row: sa.Row[Any]) -> SavedView:
    return SavedView(row.row_id, row.dataset_id, row.dataset_type, row.document)
