"""What one can do with datastores. A datastore is named by its name, in any case."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.datastores import queries, rules
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Paging
from freehold.domain.documents.service import change_document, labels_of, new_document, put_labels
from freehold.domain.secrets import rules as secret_rules
from freehold.domain.secrets import service as secrets
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.records.outside import Datastore
from freehold.storage.outside.places import Place
from freehold.storage.transaction import Transaction

CONFLICT = "Another datastore with the same name already exists"
"""azureml-core 1.61.0 looks for this sentence before it overwrites."""


class NewDatastore(NamedTuple):
    """`sections`: its fields beside these, with their secrets. `is_validated`: somebody looked inside."""

    name: str
    store_type: str
    sections: dict[str, Any]
    is_validated: bool = False
    tags: dict[str, str] | None = None


class DatastoreView(NamedTuple):
    """Times are microseconds UTC. `sections` has the secrets only where they were asked for."""

    row_id: int
    datastore_id: str
    name: str
    store_type: str
    is_default: bool
    is_validated: bool
    sections: dict[str, Any]
    tags: dict[str, str]
    author: Author | None
    created_at: int
    updated_at: int


class FoundDatastores(NamedTuple):
    datastores: list[DatastoreView]
    next_place: list[Any] | None


def create_datastore(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewDatastore, *, may_stand: bool = False
) -> DatastoreView:
    """`may_stand`: one of this name is left as it is. Raises Invalid, Conflict where there is one."""
    name = rules.stored_name(new.name)
    rules.check_type(new.store_type)
    if queries.find(db, workspace.workspace_id, name) is not None:
        if may_stand:
            return get_datastore(db, workspace, name)
        raise Invalid("DatastoreExists", f"{CONFLICT}. Update it with PUT, or choose another name.", target="name")
    document, hidden = secret_rules.part(rules.with_named_credential(new.sections))
    values = new_document(db, actor, workspace) | {
        "datastore_id": db.new_id(),
        "name": name,
        "store_type": new.store_type,
        "is_default": False,
        "is_validated": new.is_validated,
        "document": document,
    }
    row_id = documents.add(db, workspace.workspace_id, Datastore, values)
    secrets.keep(db, workspace, Datastore, row_id, hidden)
    put_labels(db, workspace, Datastore, row_id, tags=new.tags)
    return get_datastore(db, workspace, name)


def replace_datastore(db: Transaction, workspace: WorkspaceRef, name: str, new: NewDatastore) -> DatastoreView:
    """All of its sections and secrets are replaced: a secret is never carried over to a place that it was not for.

    Raises NotFound, Invalid, Conflict for another type.
    """
    row = _find(db, workspace, name)
    rules.check_type(new.store_type)
    if new.store_type != row.store_type:
        raise Conflict("DatastoreTypeFixed", f"This datastore is of type {row.store_type}: register another one.")
    document, hidden = secret_rules.part(rules.with_named_credential(new.sections))
    values = {"document": document, "is_validated": new.is_validated, "updated_at": db.now()}
    change_document(db, workspace, Datastore, row, values)
    secrets.keep(db, workspace, Datastore, row.row_id, hidden)
    put_labels(db, workspace, Datastore, row.row_id, tags=new.tags)
    return get_datastore(db, workspace, row.name)


def get_datastore(db: Transaction, workspace: WorkspaceRef, name: str, *, opens: bool = False) -> DatastoreView:
    """`opens`: with its secrets; the caller has the right to them. Raises NotFound."""
    return _views(db, workspace, [_find(db, workspace, name)], opens=opens)[0]


def find_datastore(db: Transaction, workspace: WorkspaceRef, name: str) -> DatastoreView | None:
    row = queries.find(db, workspace.workspace_id, name.lower())
    return None if row is None else _views(db, workspace, [row])[0]


def list_datastores(
    db: Transaction, workspace: WorkspaceRef, paging: Paging, names: Sequence[str] = (), *, opens: bool = False
) -> FoundDatastores:
    page = queries.find_page(db, workspace.workspace_id, paging, [name.lower() for name in names])
    return FoundDatastores(_views(db, workspace, page.rows, opens=opens), page.next_place)


def get_default(db: Transaction, workspace: WorkspaceRef, *, opens: bool = False) -> DatastoreView:
    """Raises NotFound where none was chosen, or the one that was is gone."""
    row = queries.find_default(db, workspace.workspace_id)
    if row is None:
        message = "The workspace has no default datastore. Choose one with PUT …/default/{name}."
        raise NotFound("NoDefaultDatastore", message)
    return _views(db, workspace, [row], opens=opens)[0]


def set_default(db: Transaction, workspace: WorkspaceRef, name: str) -> None:
    queries.set_default(db, workspace.workspace_id, _find(db, workspace, name).row_id)


def rows_standing(db: Transaction, workspace: WorkspaceRef) -> list[int]:
    return queries.rows_standing(db, workspace.workspace_id)


def place_of(db: Transaction, workspace: WorkspaceRef, name: str) -> Place:
    """Where its content lies, with what opens it: for the server, never for an answer. Raises NotFound, Invalid."""
    found = get_datastore(db, workspace, name, opens=True)
    return rules.place_of(found.store_type, found.sections)


def _find(db: Transaction, workspace: WorkspaceRef, name: str) -> sa.Row[Any]:
    row = queries.find(db, workspace.workspace_id, name.lower())
    if row is None:
        raise NotFound("DatastoreNotFound", "There is no datastore of this name in the workspace.")
    return row


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, DatastoreView]:
    """Row → view, of those that stand."""
    found = documents.find_rows(db, workspace.workspace_id, Datastore, rows)
    return {view.row_id: view for view in _views(db, workspace, found)}


def _views(
    db: Transaction, workspace: WorkspaceRef, rows: Sequence[sa.Row[Any]], *, opens: bool = False
) -> list[DatastoreView]:
    kept = {row.row_id: row.document for row in rows}
    kept = secrets.with_secrets(db, workspace, Datastore, kept) if opens else kept
    return [
        DatastoreView(
            row.row_id,
            row.datastore_id,
            row.name,
            row.store_type,
            row.is_default,
            row.is_validated,
            kept[row.row_id],
            labels_of(row).tags,
            author_of(db, row),
            row.created_at,
            row.updated_at,
        )
        for row in rows
    ]
