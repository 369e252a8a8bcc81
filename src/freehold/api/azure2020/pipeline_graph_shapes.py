"""Documents of graphs."""

from typing import Any

from freehold.api.azure2020.pipeline_shapes import moments
from freehold.domain.pipelines import rules
from freehold.domain.pipelines.graphs import GraphView


def graph_out(graph: GraphView) -> dict[str, Any]:
    """GraphEntity."""
    head = {"Id": graph.graph_id, **moments(graph.created_at, graph.updated_at), "EntityStatus": rules.ACTIVE}
    return head | graph.drawing.document


def layout_out(graph: GraphView) -> dict[str, Any]:
    """GraphLayout."""
    layout = graph.drawing.layout or {}
    head = {"Id": graph.graph_id, **moments(graph.created_at, graph.updated_at)}
    return head | {"NodeLayouts": layout.get("NodeLayouts") or {}}
