"""Graphs: nodes, edges, interface and layout. What is made of one shares it; a draft has its own to draw on."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.documents import queries as documents
from freehold.domain.documents.service import new_document
from freehold.domain.holds.service import refuse_loss
from freehold.domain.pipelines import queries, rules
from freehold.domain.secrets import rules as secret_rules
from freehold.domain.secrets import service as secrets
from freehold.kit.problems import NotFound
from freehold.records.pipelines import PipelineGraph
from freehold.storage.transaction import Transaction


class Drawing(NamedTuple):
    """What a graph holds, in the client's own words. `graph_id`: the graph that the client says it is."""

    document: dict[str, Any]
    interface: dict[str, Any] | None = None
    layout: dict[str, Any] | None = None
    graph_id: str | None = None


class GraphView(NamedTuple):
    """Times are microseconds UTC."""

    row_id: int
    graph_id: str
    drawing: Drawing
    author: Author | None
    created_at: int
    updated_at: int

    @property
    def steps(self) -> int:
        return len(self.drawing.document["ModuleNodes"])


def keep_graph(db: Transaction, actor: Actor, workspace: WorkspaceRef, drawing: Drawing) -> GraphView:
    """The standing graph that the drawing names, if it is the same; else a new one. Raises Invalid.

    Publishing a run sends its graph back: both share it.
    """
    drawing = drawing._replace(document=rules.whole_graph(drawing.document))
    rules.check_graph(drawing.document)
    row = queries.find_graph(db, workspace.workspace_id, drawing.graph_id) if drawing.graph_id else None
    if row is not None and _is_same(db, workspace, row, drawing):
        return _view(db, workspace, row, opens=False)
    return add_graph(db, actor, workspace, drawing)


def add_graph(db: Transaction, actor: Actor, workspace: WorkspaceRef, drawing: Drawing) -> GraphView:
    """A new graph, whatever stands."""
    drawing = drawing._replace(document=rules.whole_graph(drawing.document))
    rules.check_graph(drawing.document)
    columns, hidden = secret_rules.part(_columns(drawing))
    values = new_document(db, actor, workspace) | columns | {"graph_id": db.new_id()}
    row_id = documents.add(db, workspace.workspace_id, PipelineGraph, values)
    secrets.keep(db, workspace, PipelineGraph, row_id, hidden)
    return graph_of(db, workspace, row_id)


def change_graph(db: Transaction, workspace: WorkspaceRef, graph: GraphView, drawing: Drawing) -> GraphView:
    """Draw it anew, for drafts; a layout that is not given stays. Raises Invalid, UnderHold."""
    drawing = drawing._replace(document=rules.whole_graph(drawing.document))
    rules.check_graph(drawing.document)
    if drawing.layout is None:
        drawing = drawing._replace(layout=graph.drawing.layout)
    columns, hidden = secret_rules.part(_columns(drawing))
    standing, _ = secret_rules.part(_columns(graph.drawing))
    refuse_loss(db, workspace, PipelineGraph, graph.row_id, standing, columns)
    documents.change(db, workspace.workspace_id, PipelineGraph, graph.row_id, columns | {"updated_at": db.now()})
    secrets.keep(db, workspace, PipelineGraph, graph.row_id, hidden)
    return graph_of(db, workspace, graph.row_id)


def copy_graph(db: Transaction, actor: Actor, workspace: WorkspaceRef, row_id: int) -> GraphView:
    """A graph of its own with the same drawing, its secrets too: what is drawn on a draft changes no run."""
    return add_graph(db, actor, workspace, graph_of(db, workspace, row_id, opens=True).drawing)


def get_graph(db: Transaction, workspace: WorkspaceRef, graph_id: str, *, opens: bool = False) -> GraphView:
    """Raises NotFound."""
    row = queries.find_graph(db, workspace.workspace_id, graph_id)
    if row is None:
        raise NotFound("GraphNotFound", "There is no graph of this id in the workspace.")
    return _view(db, workspace, row, opens=opens)


def graph_of(db: Transaction, workspace: WorkspaceRef, row_id: int, *, opens: bool = False) -> GraphView:
    """The graph of an object that stands."""
    return _view(db, workspace, queries.find_graph_rows(db, workspace.workspace_id, [row_id])[row_id], opens=opens)


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, GraphView]:
    """Row → view, of those that stand."""
    found = queries.find_graph_rows(db, workspace.workspace_id, list(rows))
    return {row_id: _view(db, workspace, row, opens=False) for row_id, row in found.items()}


def _columns(drawing: Drawing) -> dict[str, Any]:
    return {"document": drawing.document, "interface": drawing.interface, "layout": drawing.layout}


def _is_same(db: Transaction, workspace: WorkspaceRef, row: sa.Row[Any], drawing: Drawing) -> bool:
    """A client that may not see the secrets sends none back: that is the same, other secrets are not."""
    shown, sent = secret_rules.part(_columns(drawing))
    held = secrets.secrets_of(db, workspace, PipelineGraph, [row.row_id])[row.row_id]
    kept = (row.document, rules.whole_interface(row.interface))
    return sent.items() <= held.items() and kept == (shown["document"], rules.whole_interface(shown["interface"]))


def _view(db: Transaction, workspace: WorkspaceRef, row: sa.Row[Any], *, opens: bool) -> GraphView:
    kept = {"document": row.document, "interface": row.interface, "layout": row.layout}
    if opens:
        kept = secrets.with_secrets(db, workspace, PipelineGraph, {row.row_id: kept})[row.row_id]
    drawing = Drawing(kept["document"], kept["interface"], kept["layout"], row.graph_id)
    return GraphView(row.row_id, row.graph_id, drawing, author_of(db, row), row.created_at, row.updated_at)
