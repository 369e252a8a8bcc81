"""Graphs: read, with their interface and layout. Call 33. They come with what is made of them, and go with the last."""

from starlette.responses import Response

from freehold.api.azure2020.pipeline_graph_shapes import graph_out, layout_out
from freehold.api.azure2020.pipeline_routes import pipeline_route
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.pipelines import graphs, rules
from freehold.domain.pipelines.graphs import GraphView


@pipeline_route("GET", "/Graphs/{id}", Action.READ)
async def read_graph(call: Call) -> Response:
    """One graph: its nodes and edges."""
    return reply(graph_out(await _read(call)))


@pipeline_route("GET", "/Graphs/{id}/Interface", Action.READ)
async def read_interface(call: Call) -> Response:
    """Its parameters and ports."""
    return reply(rules.whole_interface((await _read(call)).drawing.interface))


@pipeline_route("GET", "/Graphs/{id}/Layout", Action.READ)
async def read_layout(call: Call) -> Response:
    """Where its nodes stand on the canvas."""
    return reply(layout_out(await _read(call)))


async def _read(call: Call) -> GraphView:
    return await call.services.database.read(
        lambda db: graphs.get_graph(db, call.workspace, call.params["id"], opens=call.opens_secrets)
    )
