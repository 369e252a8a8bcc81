"""Pipelines that were published: create, read, list, disable, submit. Each run shares the graph."""

from typing import Any

from starlette.responses import Response

from freehold.api.azure.reading import read_json
from freehold.api.azure2020.pipeline_lists import Found, answer_list
from freehold.api.azure2020.pipeline_published_shapes import PipelineIn, pipeline_out, view_out
from freehold.api.azure2020.pipeline_routes import RUNS, pipeline_route
from freehold.api.azure2020.pipeline_run_shapes import pipeline_run_out
from freehold.api.azure2020.pipeline_shapes import SubmissionIn, drawing
from freehold.api.entry import Call
from freehold.api.replies import empty, reply
from freehold.domain.access.actor import Action
from freehold.domain.documents.queries import Paging
from freehold.domain.pipelines import objects, published
from freehold.domain.pipelines.queries import Wanted
from freehold.storage.transaction import Transaction


@pipeline_route("GET", "/Pipelines", Action.READ)
async def list_pipelines(call: Call) -> Response:
    """Pipelines, newest first; `activeOnly=true` leaves out those that were disabled."""

    def page(db: Transaction, paging: Paging, active_only: bool) -> Found:
        found = objects.list_objects(db, call.workspace, published.PIPELINE, paging, Wanted(active_only))
        return [pipeline_out(call, each) for each in found.objects], found.next_place

    return await answer_list(call, page)


@pipeline_route("POST", "/Pipelines/Create", Action.WRITE, body=PipelineIn)
async def create_pipeline(call: Call) -> Response:
    """Publish a graph."""
    body = await read_json(call, PipelineIn)
    drawn = drawing(body.graph, body.graph_interface, body.graph_layout)
    made = await call.services.database.write(
        lambda db: published.create_pipeline(db, call.actor, call.workspace, body.name, drawn, body.document())
    )
    return reply(pipeline_out(call, made))


@pipeline_route("GET", "/Pipelines/View", Action.READ)
async def list_views(call: Call) -> Response:
    """Pipelines with their last runs."""

    def page(db: Transaction, paging: Paging, active_only: bool) -> Found:
        found = objects.list_objects(db, call.workspace, published.PIPELINE, paging, Wanted(active_only))
        summaries = [published.summarise(db, call.workspace, each) for each in found.objects]
        return [view_out(call, each) for each in summaries], found.next_place

    return await answer_list(call, page)


@pipeline_route("GET", "/Pipelines/{id}", Action.READ)
async def read_pipeline(call: Call) -> Response:
    """One pipeline."""
    found = await call.services.database.read(
        lambda db: objects.get(db, call.workspace, published.PIPELINE, call.params["id"], opens=call.opens_secrets)
    )
    return reply(pipeline_out(call, found))


@pipeline_route("GET", "/Pipelines/{id}/View", Action.READ)
async def read_view(call: Call) -> Response:
    """One pipeline with its last run."""

    def read(db: Transaction) -> dict[str, Any]:
        found = objects.get(db, call.workspace, published.PIPELINE, call.params["id"])
        return view_out(call, published.summarise(db, call.workspace, found))

    return reply(await call.services.database.read(read))


@pipeline_route("PUT", "/Pipelines/{id}/status", Action.WRITE, body=str)
async def change_status(call: Call) -> Response:
    """Active, Deprecated or Disabled, as a JSON string; a disabled pipeline cannot be submitted."""
    status = await read_json(call, str)
    await call.services.database.write(
        lambda db: objects.change(db, call.workspace, published.PIPELINE, call.params["id"], status=status)
    )
    return empty()


@pipeline_route("POST", "/PipelineSubmit/{id}", Action.WRITE, body=SubmissionIn, below=RUNS)
async def submit_pipeline(call: Call) -> Response:
    """A submitted run of the pipeline; nobody executes it here."""
    said = (await read_json(call, SubmissionIn)).submission(call.query.get("parentRunId"))
    made = await call.services.database.write(
        lambda db: published.submit(db, call.actor, call.workspace, published.PIPELINE, call.params["id"], said)
    )
    return reply(pipeline_run_out(made))
