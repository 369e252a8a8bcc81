"""What all pipeline objects share: they are made, found, listed and changed alike, whatever their kind.

Their documents are kept in the client's own words (PascalCase); what the server itself knows stands in columns.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Paging
from freehold.domain.documents.service import change_document, new_document
from freehold.domain.pipelines import queries, rules
from freehold.domain.pipelines.queries import ALL, Wanted
from freehold.domain.secrets import rules as secret_rules
from freehold.domain.secrets import service as secrets
from freehold.kit.problems import NotFound
from freehold.records.pipelines import PipelineObject
from freehold.storage.transaction import Transaction

PAGE = 500


class NewObject(NamedTuple):
    """`under`: the row of the pipeline, endpoint, run or module that it belongs to."""

    document: dict[str, Any]
    name: str | None = None
    object_id: str | None = None
    digest: str | None = None
    graph_row: int | None = None
    under: int | None = None
    run_row: int | None = None
    schedule_row: int | None = None


class ObjectView(NamedTuple):
    """`under`: kind and id of what it belongs to, while that stands; so `schedule_id`, of the schedule that a run was
    submitted by. Times are microseconds UTC."""

    row_id: int
    object_id: str
    kind: str
    name: str | None
    digest: str | None
    status: str
    document: dict[str, Any]
    graph_row: int | None
    graph_id: str | None
    under_row: int | None
    under: tuple[str, str] | None
    schedule_id: str | None
    run_row: int | None
    author: Author | None
    created_at: int
    updated_at: int

    def id_of(self, kind: str) -> str | None:
        """The id of what it belongs to, if that is of this kind."""
        return self.under[1] if self.under is not None and self.under[0] == kind else None


class FoundObjects(NamedTuple):
    objects: list[ObjectView]
    next_place: list[Any] | None


def add(db: Transaction, actor: Actor, workspace: WorkspaceRef, kind: str, new: NewObject) -> ObjectView:
    """Raises Invalid, NotFound where the workspace is being erased."""
    rules.check_said(kind, new.name, new.document.get("Description"))
    document, hidden = secret_rules.part(new.document)
    values = new_document(db, actor, workspace) | {
        "pipeline_object_id": new.object_id or db.new_id(),
        "kind": kind,
        "name": new.name,
        "digest": new.digest,
        "status": rules.ACTIVE,
        "document": document,
        "graph_row": new.graph_row,
        "pipeline_row": new.under,
        "schedule_row": new.schedule_row,
        "run_row": new.run_row,
    }
    row_id = documents.add(db, workspace.workspace_id, PipelineObject, values)
    secrets.keep(db, workspace, PipelineObject, row_id, hidden)
    return get(db, workspace, kind, values["pipeline_object_id"])


def get(db: Transaction, workspace: WorkspaceRef, kind: str, object_id: str, *, opens: bool = False) -> ObjectView:
    """Raises NotFound."""
    return views(db, workspace, [_find(db, workspace, kind, object_id)], opens=opens)[0]


def find(db: Transaction, workspace: WorkspaceRef, kind: str, object_id: str | None) -> ObjectView | None:
    row = queries.find(db, workspace.workspace_id, kind, object_id) if object_id else None
    return views(db, workspace, [row])[0] if row else None


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int], kind: str) -> dict[int, ObjectView]:
    """Row → view, of those that stand and are of the kind."""
    found = documents.find_rows(db, workspace.workspace_id, PipelineObject, rows)
    return {view.row_id: view for view in views(db, workspace, [row for row in found if row.kind == kind])}


def find_by_digest(
    db: Transaction, workspace: WorkspaceRef, kind: str, digest: str, *, opens: bool = False
) -> ObjectView | None:
    """The newest of this digest."""
    row = queries.find_by_digest(db, workspace.workspace_id, kind, digest)
    return views(db, workspace, [row], opens=opens)[0] if row else None


def find_same(db: Transaction, workspace: WorkspaceRef, kind: str, new: NewObject) -> ObjectView | None:
    """The active object that has this digest and says the same, secrets included: making it again is idempotent."""
    found = find_by_digest(db, workspace, kind, new.digest, opens=True) if new.digest else None
    if found is None or found.status != rules.ACTIVE:
        return None
    return found if (found.name, found.document) == (new.name, new.document) else None


def get_by_digest(
    db: Transaction, workspace: WorkspaceRef, kind: str, digest: str, *, opens: bool = False
) -> ObjectView:
    """Raises NotFound, by which the SDK knows that it has to make one."""
    found = find_by_digest(db, workspace, kind, digest, opens=opens)
    if found is None:
        raise _missing(kind, "hash")
    return found


def get_by_name(db: Transaction, workspace: WorkspaceRef, kind: str, name: str) -> ObjectView:
    """The newest of this name. Raises NotFound."""
    row = queries.find_by_name(db, workspace.workspace_id, kind, name)
    if row is None:
        raise _missing(kind, "name")
    return views(db, workspace, [row])[0]


def list_objects(
    db: Transaction,
    workspace: WorkspaceRef,
    kind: str,
    paging: Paging,
    wanted: Wanted = ALL,
    *,
    opens: bool = False,
) -> FoundObjects:
    page = queries.find_page(db, workspace.workspace_id, kind, paging, wanted)
    return FoundObjects(views(db, workspace, page.rows, opens=opens), page.next_place)


def all_objects(db: Transaction, workspace: WorkspaceRef, kind: str, wanted: Wanted = ALL) -> Iterator[ObjectView]:
    """Newest first."""
    paging: Paging | None = Paging(PAGE)
    while paging is not None:
        found = list_objects(db, workspace, kind, paging, wanted)
        yield from found.objects
        paging = Paging(PAGE, found.next_place) if found.next_place else None


def change(
    db: Transaction,
    workspace: WorkspaceRef,
    kind: str,
    object_id: str,
    *,
    fields: dict[str, Any] | None = None,
    name: str | None = None,
    status: str | None = None,
    under: int | None = None,
) -> ObjectView:
    """Set what is given; None leaves a thing as it is. Raises NotFound, Invalid.

    A field that comes back as it was shown keeps its secrets, which who may not see them cannot send.
    """
    row = _find(db, workspace, kind, object_id)
    given = {key: value for key, value in (fields or {}).items() if value is not None}
    rules.check_said(kind, name, given.get("Description"))
    whole = secrets.with_secrets(db, workspace, PipelineObject, {row.row_id: row.document})[row.row_id]
    changed = {key: value for key, value in given.items() if value != row.document.get(key)}
    document, hidden = secret_rules.part(whole | changed)
    values = {"document": document, "updated_at": db.now()}
    values |= {"name": name} if name is not None else {}
    values |= {"status": rules.read_status(status)} if status is not None else {}
    values |= {"pipeline_row": under} if under is not None else {}
    change_document(db, workspace, PipelineObject, row, values)
    secrets.keep(db, workspace, PipelineObject, row.row_id, hidden)
    return get(db, workspace, kind, object_id)


def views(
    db: Transaction, workspace: WorkspaceRef, rows: Sequence[sa.Row[Any]], *, opens: bool = False
) -> list[ObjectView]:
    kept = {row.row_id: row.document for row in rows}
    kept = secrets.with_secrets(db, workspace, PipelineObject, kept) if opens else kept
    here = workspace.workspace_id
    named = {key for row in rows for key in (row.pipeline_row, row.schedule_row) if key}
    names = queries.names_of(db, here, sorted(named))
    graphs = queries.graph_ids(db, here, sorted({row.graph_row for row in rows if row.graph_row}))
    return [
        ObjectView(
            row.row_id,
            row.pipeline_object_id,
            row.kind,
            row.name,
            row.digest,
            row.status,
            kept[row.row_id],
            row.graph_row,
            graphs.get(row.graph_row),
            row.pipeline_row,
            names.get(row.pipeline_row),
            names[row.schedule_row][1] if row.schedule_row in names else None,
            row.run_row,
            author_of(db, row),
            row.created_at,
            row.updated_at,
        )
        for row in rows
    ]


def _find(db: Transaction, workspace: WorkspaceRef, kind: str, object_id: str) -> sa.Row[Any]:
    row = queries.find(db, workspace.workspace_id, kind, object_id)
    if row is None:
        raise _missing(kind, "id")
    return row


def _missing(kind: str, by: str) -> NotFound:
    what = rules.CALLED[kind]
    code = "".join(word.capitalize() for word in what.split())
    return NotFound(f"{code}NotFound", f"There is no {what} of this {by} in the workspace.")
