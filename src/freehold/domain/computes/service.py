"""What one can do with computes. They lie outside: registering or deleting one starts, stops and removes nothing."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.computes import queries, rules
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Paging
from freehold.domain.documents.rules import check_name
from freehold.domain.documents.service import new_document
from freehold.domain.holds.service import refuse_loss
from freehold.domain.secrets import rules as secret_rules
from freehold.domain.secrets import service as secrets
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.records.outside import Compute
from freehold.storage.transaction import Transaction

INNER, NODES, ERRORS = "properties", "nodes", "errors"


class NewCompute(NamedTuple):
    """`document`: what the caller says of it; what only its type has stands under `properties`."""

    name: str
    compute_type: str
    document: dict[str, Any]


class ComputeView(NamedTuple):
    """Times are microseconds UTC. `document` is without its secrets."""

    row_id: int
    compute_id: str
    name: str
    compute_type: str
    state: str
    document: dict[str, Any]
    author: Author | None
    created_at: int
    updated_at: int

    @property
    def inner(self) -> dict[str, Any]:
        return dict(self.document.get(INNER) or {})


class FoundComputes(NamedTuple):
    computes: list[ComputeView]
    next_place: list[Any] | None


class Report(NamedTuple):
    """`properties` are set in those that stand; `nodes` and `errors` take the place of what was reported before."""

    state: str
    properties: dict[str, Any] | None = None
    nodes: list[dict[str, Any]] | None = None
    errors: list[dict[str, Any]] | None = None


def put_compute(db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewCompute) -> tuple[ComputeView, bool]:
    """Register it, or write it anew; True when it is new. Secrets that are not given again stay.

    Raises Invalid, Conflict where one of another type has this name.
    """
    check_name("compute", new.name, most=rules.LONGEST_NAME)
    compute_type = rules.check_type(new.compute_type)
    standing = queries.find(db, workspace.workspace_id, new.name)
    if standing is None:
        return _register(db, actor, workspace, new, compute_type), True
    if standing.compute_type != compute_type:
        message = f"The compute stands as {standing.compute_type}. Delete it first, or choose another name."
        raise Conflict("ComputeTypeMismatch", message)
    reported = {key: standing.document[key] for key in (NODES, ERRORS) if key in standing.document}
    _write(db, workspace, standing, new.document | reported, rules.SUCCEEDED)
    return get_compute(db, workspace, new.name), False


def get_compute(db: Transaction, workspace: WorkspaceRef, name: str) -> ComputeView:
    """Raises NotFound."""
    return _view(db, _find(db, workspace, name))


def find_compute(db: Transaction, workspace: WorkspaceRef, name: str) -> ComputeView | None:
    row = queries.find(db, workspace.workspace_id, name)
    return _view(db, row) if row is not None else None


def list_computes(
    db: Transaction, workspace: WorkspaceRef, paging: Paging, compute_type: str | None = None
) -> FoundComputes:
    page = queries.find_page(db, workspace.workspace_id, paging, compute_type)
    return FoundComputes([_view(db, row) for row in page.rows], page.next_place)


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, ComputeView]:
    """Row → view, of those that stand."""
    found = documents.find_rows(db, workspace.workspace_id, Compute, rows)
    return {row.row_id: _view(db, row) for row in found}


def change_compute(db: Transaction, workspace: WorkspaceRef, name: str, document: dict[str, Any]) -> ComputeView:
    """`document`: fields to set in it; those under `properties` are set in the ones that stand.
    Raises NotFound, UnderHold."""
    row = _find(db, workspace, name)
    inner = (row.document.get(INNER) or {}) | (document.get(INNER) or {})
    changed = row.document | document | {INNER: inner}
    refuse_loss(db, workspace, Compute, row.row_id, row.document, secret_rules.part(changed).document)
    _write(db, workspace, row, changed, row.state)
    return get_compute(db, workspace, name)


def report_compute(db: Transaction, workspace: WorkspaceRef, name: str, report: Report) -> ComputeView:
    """How it is, told by who runs it. Raises Conflict for a move that the life of a compute does not have, Invalid."""
    row = _find(db, workspace, name)
    rules.check_move(row.state, report.state)
    if report.nodes is not None and len(report.nodes) > rules.MOST_NODES:
        raise Invalid("TooManyNodes", f"A report names at most {rules.MOST_NODES} nodes.", target=NODES)
    told = {NODES: report.nodes, ERRORS: report.errors}
    document = row.document | {key: value for key, value in told.items() if value is not None}
    document[INNER] = (row.document.get(INNER) or {}) | (report.properties or {})
    _write(db, workspace, row, document, report.state)
    return get_compute(db, workspace, name)


def keys_of(db: Transaction, workspace: WorkspaceRef, name: str) -> dict[str, Any]:
    """What only its type has, with the secrets in their places."""
    row = _find(db, workspace, name)
    opened = secrets.with_secrets(db, workspace, Compute, {row.row_id: row.document})[row.row_id]
    return dict(opened.get(INNER) or {})


def _register(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewCompute, compute_type: str
) -> ComputeView:
    document, hidden = secret_rules.part(new.document)
    values = new_document(db, actor, workspace) | {
        "compute_id": db.new_id(),
        "name": new.name,
        "name_folded": new.name.casefold(),
        "compute_type": compute_type,
        "state": rules.SUCCEEDED,
        "document": document,
    }
    row_id = documents.add(db, workspace.workspace_id, Compute, values)
    secrets.keep(db, workspace, Compute, row_id, hidden)
    return get_compute(db, workspace, new.name)


def _write(db: Transaction, workspace: WorkspaceRef, row: sa.Row[Any], document: dict[str, Any], state: str) -> None:
    parted, hidden = secret_rules.part(document)
    kept = secrets.secrets_of(db, workspace, Compute, [row.row_id])[row.row_id]
    secrets.keep(db, workspace, Compute, row.row_id, kept | hidden)
    values = {"document": parted, "state": state, "updated_at": db.now()}
    documents.change(db, workspace.workspace_id, Compute, row.row_id, values)


def _find(db: Transaction, workspace: WorkspaceRef, name: str) -> sa.Row[Any]:
    row = queries.find(db, workspace.workspace_id, name)
    if row is None:
        raise NotFound("ComputeNotFound", "There is no compute of this name in the workspace.")
    return row


def _view(db: Transaction, row: sa.Row[Any]) -> ComputeView:
    return ComputeView(
        row.row_id,
        row.compute_id,
        row.name,
        row.compute_type,
        row.state,
        row.document,
        author_of(db, row),
        row.created_at,
        row.updated_at,
    )
