"""Pipeline runs: create, submit, read, list, change, cancel, delete. Call 32. Freehold executes none of them.

A run is NotStarted until whoever runs it reports to the run history, where it has the same id.
"""

from starlette.responses import Response

from freehold.api.azure.deleting import Roots, delete_document
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.pipeline_lists import Found, answer_list
from freehold.api.azure2020.pipeline_routes import RUNS, pipeline_route
from freehold.api.azure2020.pipeline_run_shapes import RunEntityIn, RunWithGraphIn, pipeline_run_out
from freehold.api.azure2020.pipeline_shapes import drawing
from freehold.api.entry import Call
from freehold.api.replies import empty, reply
from freehold.domain.access.actor import Action
from freehold.domain.documents.queries import Paging
from freehold.domain.pipelines import graphs, objects, rules, runs
from freehold.domain.pipelines.queries import Wanted
from freehold.domain.pipelines.runs import PipelineRunView
from freehold.kit.problems import NotFound
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction


@pipeline_route("GET", "", Action.READ, below=RUNS)
async def list_runs(call: Call) -> Response:
    """Pipeline runs, newest first."""
    return await answer_list(call, lambda db, paging, active_only: _page(db, call, paging, Wanted(active_only)))


@pipeline_route("POST", "/Unsubmitted/CreationInfoWithGraph", Action.WRITE, body=RunWithGraphIn, below=RUNS)
async def create_run(call: Call) -> Response:
    """Make a run of a graph, in the experiment that `experimentName` names; it is submitted by another call."""
    body = await read_json(call, RunWithGraphIn)
    drawn = drawing(body.graph, body.graph_interface, body.graph_layout)

    def make(db: Transaction) -> PipelineRunView:
        graph = graphs.keep_graph(db, call.actor, call.workspace, drawn)
        new = body.creation_info.new(graph.row_id, call.query.get("experimentName"))
        return runs.create_pipeline_run(db, call.actor, call.workspace, new)

    return reply(pipeline_run_out(await call.services.database.write(make)))


@pipeline_route("POST", "/Submit/{id}", Action.WRITE, below=RUNS)
async def submit_run(call: Call) -> Response:
    """Mark a run as submitted, below the run that `parentRunId` names if one is named."""
    parent = call.query.get("parentRunId")
    await call.services.database.write(
        lambda db: runs.submit_pipeline_run(db, call.workspace, call.params["id"], parent)
    )
    return empty()


@pipeline_route("GET", "/Pipeline/{id}", Action.READ, below=RUNS)
async def list_runs_of_pipeline(call: Call) -> Response:
    """Runs of a pipeline, newest first."""

    def page(db: Transaction, paging: Paging, active_only: bool) -> Found:
        pipeline = objects.get(db, call.workspace, rules.PIPELINE, call.params["id"])
        return _page(db, call, paging, Wanted(active_only, pipeline.row_id))

    return await answer_list(call, page)


@pipeline_route("GET", "/Schedule/{id}", Action.READ, below=RUNS)
async def list_runs_of_schedule(call: Call) -> Response:
    """Runs that were submitted in the name of a schedule."""
    found = await call.services.database.read(lambda db: list(runs.of_schedule(db, call.workspace, call.params["id"])))
    return reply([pipeline_run_out(each) for each in found])


@pipeline_route("GET", "/Schedule/{id}/Last", Action.READ, below=RUNS)
async def read_last_run_of_schedule(call: Call) -> Response:
    """The newest of them; 204 where there is none."""
    found = await call.services.database.read(
        lambda db: next(runs.of_schedule(db, call.workspace, call.params["id"]), None)
    )
    return reply(pipeline_run_out(found)) if found is not None else empty(204)


@pipeline_route("GET", "/{id}", Action.READ, below=RUNS)
async def read_run(call: Call) -> Response:
    """One pipeline run."""
    found = await call.services.database.read(
        lambda db: runs.get_pipeline_run(db, call.workspace, call.params["id"], opens=call.opens_secrets)
    )
    return reply(pipeline_run_out(found))


@pipeline_route("PUT", "/{id}", Action.WRITE, body=RunEntityIn, below=RUNS)
async def change_run(call: Call) -> Response:
    """Change its description, tags, properties, status or assignments; what is left out stays."""
    body = await read_json(call, RunEntityIn)
    changed = await call.services.database.write(
        lambda db: runs.change_pipeline_run(db, call.actor, call.workspace, call.params["id"], body.change())
    )
    return reply(pipeline_run_out(changed))


@pipeline_route("DELETE", "/{id}/Execution", Action.WRITE, below=RUNS)
async def cancel_run(call: Call) -> Response:
    """Cancel a run; whoever runs it is told by its status."""
    await call.services.database.write(lambda db: runs.cancel_pipeline_run(db, call.workspace, call.params["id"]))
    return empty()


@pipeline_route("DELETE", "/{id}", Action.DELETE, below=RUNS)
async def delete_run(call: Call) -> Response:
    """Delete it with its run in the run history: 200 done, 204 there was none. Azure has no such call."""

    def find(db: Transaction) -> Roots:
        try:
            return [(Scope.RUN, runs.get_pipeline_run(db, call.workspace, call.params["id"]).run.row_id)]
        except NotFound:
            return []

    return await delete_document(call, find)


def _page(db: Transaction, call: Call, paging: Paging, wanted: Wanted) -> Found:
    found = runs.list_pipeline_runs(db, call.workspace, paging, wanted)
    return [pipeline_run_out(each) for each in found.runs], found.next_place
