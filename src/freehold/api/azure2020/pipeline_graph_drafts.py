"""Graph drafts: the graphs that pipeline drafts are drawn on. Create, read, change, delete."""

from starlette.responses import Response

from freehold.api.azure.deleting import Roots, delete_document
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.pipeline_draft_shapes import GraphDraftIn, graph_draft_out
from freehold.api.azure2020.pipeline_routes import pipeline_route
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.pipelines import drafts
from freehold.kit.problems import NotFound
from freehold.storage.transaction import Transaction


@pipeline_route("POST", "/GraphDrafts", Action.WRITE, body=GraphDraftIn)
async def create_graph_draft(call: Call) -> Response:
    """Make a graph to draw on."""
    body = await read_json(call, GraphDraftIn)
    made = await call.services.database.write(
        lambda db: drafts.create_graph_draft(db, call.actor, call.workspace, body.drawing())
    )
    return reply(graph_draft_out(made))


@pipeline_route("GET", "/GraphDrafts/{id}", Action.READ)
async def read_graph_draft(call: Call) -> Response:
    """One graph draft."""
    found = await call.services.database.read(
        lambda db: drafts.get_graph_draft(db, call.workspace, call.params["id"], opens=call.opens_secrets)
    )
    return reply(graph_draft_out(found))


@pipeline_route("PUT", "/GraphDrafts/{id}", Action.WRITE, body=GraphDraftIn)
async def change_graph_draft(call: Call) -> Response:
    """Draw it anew; a layout that is left out stays."""
    body = await read_json(call, GraphDraftIn)
    changed = await call.services.database.write(
        lambda db: drafts.change_graph_draft(db, call.workspace, call.params["id"], body.drawing())
    )
    return reply(graph_draft_out(changed))


@pipeline_route("DELETE", "/GraphDrafts/{id}", Action.DELETE)
async def delete_graph_draft(call: Call) -> Response:
    """Delete a graph draft: 200 done, 204 there was none. A pipeline draft on it is left without a graph."""

    def find(db: Transaction) -> Roots:
        try:
            return drafts.graph_draft_roots(db, call.workspace, call.params["id"])
        except NotFound:
            return []

    return await delete_document(call, find)
