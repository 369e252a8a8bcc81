"""Drafts: a pipeline being drawn, and the graph draft it is drawn on. Both may be deleted at any time."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Paging
from freehold.domain.documents.rules import check_text
from freehold.domain.documents.service import change_document, new_document
from freehold.domain.pipelines import graphs, objects, origins, queries, rules
from freehold.domain.pipelines.graphs import Drawing, GraphView
from freehold.domain.pipelines.objects import PAGE, NewObject, ObjectView
from freehold.domain.secrets import rules as secret_rules
from freehold.domain.secrets import service as secrets
from freehold.kit.problems import NotFound
from freehold.records.pipelines import PipelineDraft
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

GRAPH_DRAFT = rules.GRAPH_DRAFT


class DraftView(NamedTuple):
    """`document`: with what it came from and became (`origins.py`). `graph_row`, `graph_draft_id`: of the graph draft,
    while that stands; it has its graph's id. Times are microseconds UTC."""

    row_id: int
    draft_id: str
    name: str
    document: dict[str, Any]
    graph_row: int | None
    graph_draft_id: str | None
    author: Author | None
    created_at: int
    updated_at: int

    @property
    def tags(self) -> dict[str, str]:
        return rules.texts(self.document.get("tags"))

    @property
    def properties(self) -> dict[str, str]:
        return rules.texts(self.document.get("Properties"))


def create_graph_draft(db: Transaction, actor: Actor, workspace: WorkspaceRef, drawing: Drawing) -> GraphView:
    """Raises Invalid."""
    graph = graphs.add_graph(db, actor, workspace, drawing)
    _hold(db, actor, workspace, graph)
    return graph


def get_graph_draft(db: Transaction, workspace: WorkspaceRef, graph_id: str, *, opens: bool = False) -> GraphView:
    """Raises NotFound, also for a graph that is no draft's: that one does not change any more."""
    found = objects.get(db, workspace, GRAPH_DRAFT, graph_id)
    return graphs.graph_of(db, workspace, _graph_row(found), opens=opens)


def change_graph_draft(db: Transaction, workspace: WorkspaceRef, graph_id: str, drawing: Drawing) -> GraphView:
    return graphs.change_graph(db, workspace, get_graph_draft(db, workspace, graph_id), drawing)


def graph_draft_roots(db: Transaction, workspace: WorkspaceRef, graph_id: str) -> list[tuple[Scope, int]]:
    """Its graph goes with it. Raises NotFound.

    Pipeline drafts on it are left without a graph: the SDK deletes the graph draft first, then its draft.
    """
    return [(Scope.PIPELINE_OBJECT, objects.get(db, workspace, GRAPH_DRAFT, graph_id).row_id)]


def create_draft(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    name: str,
    graph_draft_id: str | None,
    document: dict[str, Any],
) -> DraftView:
    """Raises NotFound for a graph draft that is not here, Invalid."""
    hold = objects.get(db, workspace, GRAPH_DRAFT, graph_draft_id) if graph_draft_id else None
    return _add(db, actor, workspace, name, hold, document)


def get_draft(db: Transaction, workspace: WorkspaceRef, draft_id: str, *, opens: bool = False) -> DraftView:
    """Raises NotFound."""
    return _views(db, workspace, [_find(db, workspace, draft_id)], opens=opens)[0]


def list_drafts(db: Transaction, workspace: WorkspaceRef, tags: Mapping[str, str]) -> Iterator[DraftView]:
    """Those that have all these tags, newest first."""
    paging: Paging | None = Paging(PAGE)
    while paging is not None:
        page = queries.draft_page(db, workspace.workspace_id, paging)
        found = _views(db, workspace, page.rows)
        yield from (each for each in found if tags.items() <= each.tags.items())
        paging = Paging(PAGE, page.next_place) if page.next_place else None


def change_draft(
    db: Transaction,
    workspace: WorkspaceRef,
    draft_id: str,
    *,
    fields: dict[str, Any],
    name: str | None = None,
    graph_draft_id: str | None = None,
) -> DraftView:
    """Set what is given; None leaves a thing as it is. Raises NotFound, Invalid."""
    row = _find(db, workspace, draft_id)
    given = {key: value for key, value in fields.items() if value is not None}
    _check(name, given)
    given, links = origins.part(db, workspace.workspace_id, given)
    whole = secrets.with_secrets(db, workspace, PipelineDraft, {row.row_id: row.document})[row.row_id]
    changed = {key: value for key, value in given.items() if value != row.document.get(key)}
    document, hidden = secret_rules.part(whole | changed)
    values = {"document": document, "updated_at": db.now(), **links}
    values |= {"name": name} if name is not None else {}
    if graph_draft_id is not None:
        values |= _drawn_on(objects.get(db, workspace, GRAPH_DRAFT, graph_draft_id))
        if row.graph_draft_row not in (None, values["graph_draft_row"]):
            queries.keep_earlier(db, workspace.workspace_id, row.row_id, row.graph_draft_row)
    change_document(db, workspace, PipelineDraft, row, values)
    secrets.keep(db, workspace, PipelineDraft, row.row_id, hidden)
    return get_draft(db, workspace, draft_id)


def draft_roots(db: Transaction, workspace: WorkspaceRef, draft_id: str) -> list[tuple[Scope, int]]:
    """Its graph draft goes with the last draft on it. Raises NotFound."""
    return [(Scope.PIPELINE_DRAFT, _find(db, workspace, draft_id).row_id)]


def hold_graphs(db: Transaction, workspace_id: int) -> None:
    """For drafts that came from an older release, which did not say what holds their graphs."""
    for row_id in queries.graphs_without_hold(db, workspace_id):
        queries.add_hold(db, workspace_id, row_id)
    queries.link_holds(db, workspace_id)


def draw_from(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    name: str,
    graph_row: int | None,
    document: dict[str, Any],
) -> DraftView:
    """A draft on a copy of a graph: what is drawn on it changes nothing else."""
    copy = graphs.copy_graph(db, actor, workspace, graph_row) if graph_row is not None else None
    hold = _hold(db, actor, workspace, copy) if copy else None
    return _add(db, actor, workspace, name, hold, document)


def _hold(db: Transaction, actor: Actor, workspace: WorkspaceRef, graph: GraphView) -> ObjectView:
    """The graph draft: what keeps a graph that is being drawn."""
    new = NewObject({}, object_id=graph.graph_id, graph_row=graph.row_id)
    return objects.add(db, actor, workspace, GRAPH_DRAFT, new)


def _add(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    name: str,
    hold: ObjectView | None,
    document: dict[str, Any],
) -> DraftView:
    _check(name, document)
    said, links = origins.part(db, workspace.workspace_id, document)
    kept, hidden = secret_rules.part(said)
    values = new_document(db, actor, workspace) | {
        "pipeline_draft_id": db.new_id(),
        "name": name,
        "document": kept,
        **links,
        **_drawn_on(hold),
    }
    row_id = documents.add(db, workspace.workspace_id, PipelineDraft, values)
    secrets.keep(db, workspace, PipelineDraft, row_id, hidden)
    return get_draft(db, workspace, values["pipeline_draft_id"])


def _drawn_on(hold: ObjectView | None) -> dict[str, int | None]:
    if hold is None:
        return {"graph_row": None, "graph_draft_row": None}
    return {"graph_row": _graph_row(hold), "graph_draft_row": hold.row_id}


def _graph_row(hold: ObjectView) -> int:
    assert hold.graph_row is not None, "a graph draft has a graph"
    return hold.graph_row


def _check(name: str | None, fields: Mapping[str, Any]) -> None:
    check_text("The name of a pipeline draft", name, most=rules.LONGEST_ID)
    check_text("The description of a pipeline draft", fields.get("Description"))
    rules.check_tags(rules.texts(fields.get("tags")))


def _find(db: Transaction, workspace: WorkspaceRef, draft_id: str) -> sa.Row[Any]:
    row = queries.find_draft(db, workspace.workspace_id, draft_id)
    if row is None:
        raise NotFound("PipelineDraftNotFound", "There is no pipeline draft of this id in the workspace.")
    return row


def _views(
    db: Transaction, workspace: WorkspaceRef, rows: list[sa.Row[Any]], *, opens: bool = False
) -> list[DraftView]:
    kept = {row.row_id: row.document for row in rows}
    kept = secrets.with_secrets(db, workspace, PipelineDraft, kept) if opens else kept
    holds = [row.graph_draft_row for row in rows if row.graph_draft_row]
    standing = queries.names_of(db, workspace.workspace_id, holds)
    return [
        DraftView(
            row.row_id,
            row.pipeline_draft_id,
            row.name,
            origins.joined(row, kept[row.row_id]),
            row.graph_row if row.graph_draft_row in standing else None,
            standing[row.graph_draft_row][1] if row.graph_draft_row in standing else None,
            author_of(db, row),
            row.created_at,
            row.updated_at,
        )
        for row in rows
    ]
