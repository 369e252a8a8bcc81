"""Versions of datasets, and saved datasets: what a dataset is before, and apart from, its name.

A saved dataset is kept as a dataset of its own, named by the digest of what it holds, a keyed one where that is a
secret; the same content saved again is the same saved dataset. Every version refers to one (azureml-core 1.61.0 opens a
dataset by that id).
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.datasets import queries, rules
from freehold.domain.documents import queries as documents
from freehold.domain.documents.service import change_document, new_document, take_version
from freehold.domain.secrets import service as secrets
from freehold.domain.secrets.texts import part_with_texts
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
    """Times are microseconds UTC. `document`: without its secrets, until `open_definitions` puts them back."""

    row_id: int
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
    """The next version. Raises Invalid for an unknown saved dataset."""
    now = db.now()
    said, saved_row = _with_saved(db, actor, workspace, new, dataset_type)
    document, hidden = part_with_texts(said)
    values = {
        "dataset_row": dataset_row,
        "saved_row": saved_row,
        "version": take_version(db, workspace, KIND, name),
        "etag": db.new_id(),
        "document": document | {"state": rules.PENDING if new.is_pending else rules.ACTIVE},
        "created_at": now,
        "updated_at": now,
    }
    row_id = documents.add(db, workspace.workspace_id, DatasetDefinition, values)
    secrets.keep(db, workspace, DatasetDefinition, row_id, hidden)


def replace_definition(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    dataset: sa.Row[Any],
    version: str,
    new: NewDefinition,
    etag: str | None = None,
) -> None:
    """What is sent back as a reader without the right to secrets sees it keeps them.

    Raises NotFound, Invalid, PreconditionFailed.
    """
    row = find_definition(db, workspace, dataset.row_id, version)
    check_etag(row.etag, etag)
    opened = secrets.with_secrets(db, workspace, DatasetDefinition, {row.row_id: row.document})[row.row_id]
    new = new._replace(content=rules.kept_from(row.document, opened, new.content))
    said, saved_row = _with_saved(db, actor, workspace, new, dataset.dataset_type)
    document, hidden = part_with_texts(said)
    _change(db, workspace, row, document | {"state": row.document["state"]}, saved_row=saved_row)
    if row.saved_row not in (None, saved_row):
        queries.keep_earlier(db, workspace.workspace_id, dataset.row_id, row.saved_row)
    secrets.keep(db, workspace, DatasetDefinition, row.row_id, hidden)


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
    _change(db, workspace, row, row.document | {"state": rules.check_state(state), "deprecatedBy": deprecated_by})


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
    """`content`: dataflowJson, properties, dataPath. It stands until it is deleted, or goes with the last version of a
    dataset that was saved as it."""
    content = {key: value for key, value in content.items() if value is not None}
    document, hidden = part_with_texts(content)
    name = _saved_name(db, workspace, [dataset_type, content], is_secret=bool(hidden))
    standing = queries.find_saved_alike(db, workspace.workspace_id, name)
    if standing is not None:
        if hidden:  # one that came back by an import, or whose key is gone, has them no more
            secrets.keep(db, workspace, Dataset, standing.row_id, hidden)
        return _saved_view(standing)
    values = new_document(db, actor, workspace) | {
        "dataset_id": db.new_id(),
        "name": name,
        "dataset_type": dataset_type,
        "state": rules.SAVED,
        "is_visible": False,
        "etag": db.new_id(),
        "document": document,
    }
    secrets.keep(db, workspace, Dataset, documents.add(db, workspace.workspace_id, Dataset, values), hidden)
    return get_saved(db, workspace, values["dataset_id"])


def get_saved(db: Transaction, workspace: WorkspaceRef, saved_id: str, *, may_be_registered: bool = False) -> SavedView:
    """`may_be_registered`: the id may be one of a dataset, and then means its newest version. Raises NotFound."""
    row = queries.find_saved(db, workspace.workspace_id, saved_id)
    if row is None and may_be_registered:
        dataset = queries.find(db, workspace.workspace_id, saved_id)
        newest = queries.find_definition(db, workspace.workspace_id, dataset.row_id) if dataset else None
        wanted = newest.saved_id if newest else None
        row = queries.find_saved(db, workspace.workspace_id, wanted) if wanted else None
    if row is None:
        raise NotFound("SavedDatasetNotFound", "There is no saved dataset with this id in the workspace.")
    return _saved_view(row)


def open_definitions(db: Transaction, workspace: WorkspaceRef, views: Sequence[DefinitionView]) -> list[DefinitionView]:
    """With their secrets: for who has the right to them."""
    found = {view.row_id: view.document for view in views}
    opened = secrets.with_secrets(db, workspace, DatasetDefinition, found)
    return [view._replace(document=opened[view.row_id]) for view in views]


def link_saved(db: Transaction, workspace_id: int) -> None:
    """For versions that came from an older release, which named what they were saved as in their documents."""
    queries.link_saved(db, workspace_id)
    for row_id, document in documents.saying(db, workspace_id, DatasetDefinition, [queries.SAVED_ID]):
        kept = {name: value for name, value in document.items() if name != queries.SAVED_ID}
        documents.change(db, workspace_id, DatasetDefinition, row_id, {"document": kept})


def open_saved(db: Transaction, workspace: WorkspaceRef, view: SavedView) -> SavedView:
    """With its secrets: for who has the right to them."""
    opened = secrets.with_secrets(db, workspace, Dataset, {view.row_id: view.document})
    return view._replace(document=opened[view.row_id])


def check_etag(standing: str, asked: str | None) -> None:
    if asked is not None and asked != standing:
        message = "It was changed since you read it. Read it again, or send forceUpdate=true."
        raise PreconditionFailed("EtagMismatch", message, target="etag")


def definition_view(row: sa.Row[Any], dataset_id: str) -> DefinitionView:
    return DefinitionView(
        row.row_id,
        dataset_id,
        row.version,
        row.document["state"],
        row.saved_id,
        row.etag,
        row.document,
        row.created_at,
        row.updated_at,
    )


def _with_saved(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewDefinition, dataset_type: str | None
) -> tuple[dict[str, Any], int]:
    """The definition, and the row of what it was saved as, whose id stands in no text: it goes with the link. It is
    saved now, if it was not yet."""
    if new.saved_id is None:
        shared = {name: new.content.get(name) for name in ("properties", "dataPath")}
        content = {"dataflowJson": new.content.get("dataflow"), **shared}
        return new.content, save_dataset(db, actor, workspace, dataset_type, content).row_id
    saved = queries.find_saved(db, workspace.workspace_id, new.saved_id)
    if saved is None:
        message = "There is no saved dataset with this id in the workspace. Save it first, or leave the id out."
        raise Invalid("SavedDatasetNotFound", message, target="savedDatasetId")
    given = {key: value for key, value in new.content.items() if value is not None}
    shown, known = _fields(saved.document), _fields(open_saved(db, workspace, _saved_view(saved)).document)
    return new.content | known | rules.kept_from(shown, known, given), saved.row_id


def _fields(saved: dict[str, Any]) -> dict[str, Any]:
    """Of a saved dataset, under their names in a definition."""
    return {"dataflow": saved.get("dataflowJson")} | {name: saved.get(name) for name in ("properties", "dataPath")}


def _saved_name(db: Transaction, workspace: WorkspaceRef, content: list[Any], *, is_secret: bool) -> str:
    """A plain digest would let anybody who reads it try what the secret is; a keyed one tells nothing.

    Without a secret it is plain: so content that came by an import is still known.
    """
    text = json.dumps(content, sort_keys=True)
    if is_secret:
        return _SAVED_NAME + db.keys.forgotten.digest("saved dataset", workspace.public_id, text).hex()
    return _SAVED_NAME + sha256_hex(text.encode())


def _change(db: Transaction, workspace: WorkspaceRef, row: sa.Row[Any], document: dict[str, Any], **more: int) -> None:
    values = {"document": document, "etag": db.new_id(), "updated_at": db.now(), **more}
    change_document(db, workspace, DatasetDefinition, row, values)


def _saved_view(row: sa.Row[Any]) -> SavedView:
    return SavedView(row.row_id, row.dataset_id, row.dataset_type, row.document)
