"""Pipeline drafts: create, read, list, save, clone, submit, publish, delete."""

from starlette.responses import Response

from freehold.api.azure.deleting import Roots, delete_document
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.pipeline_draft_shapes import DraftIn, draft_out
from freehold.api.azure2020.pipeline_published_shapes import pipeline_out
from freehold.api.azure2020.pipeline_routes import RUNS, pipeline_route
from freehold.api.azure2020.pipeline_run_shapes import pipeline_run_out
from freehold.api.azure2020.pipeline_shapes import SubmissionIn, Texts, plain
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.pipelines import drafts, drawn
from freehold.kit.problems import Invalid, NotFound
from freehold.storage.transaction import Transaction


@pipeline_route("POST", "/PipelineDrafts/Create", Action.WRITE, body=DraftIn)
async def create_draft(call: Call) -> Response:
    """Make a draft on the graph draft that `GraphDraftId` names."""
    body = await read_json(call, DraftIn)
    made = await call.services.database.write(
        lambda db: drafts.create_draft(
            db, call.actor, call.workspace, body.name or "", body.graph_draft_id, body.fields()
        )
    )
    return reply(draft_out(made))


@pipeline_route("POST", "/PipelineDrafts", Action.READ)
async def list_drafts(call: Call) -> Response:
    """Drafts that have all the tags in the body, newest first."""
    tags = plain(await read_json(call, Texts)) or {}
    found = await call.services.database.read(lambda db: list(drafts.list_drafts(db, call.workspace, tags)))
    return reply([draft_out(each) for each in found])


@pipeline_route("GET", "/PipelineDrafts", Action.READ)
async def list_all_drafts(call: Call) -> Response:
    """All drafts, newest first."""
    found = await call.services.database.read(lambda db: list(drafts.list_drafts(db, call.workspace, {})))
    return reply([draft_out(each) for each in found])


@pipeline_route("GET", "/PipelineDrafts/{id}", Action.READ)
async def read_draft(call: Call) -> Response:
    """One draft."""
    found = await call.services.database.read(
        lambda db: drafts.get_draft(db, call.workspace, call.params["id"], opens=call.opens_secrets)
    )
    return reply(draft_out(found))


@pipeline_route("PUT", "/PipelineDrafts/{id}", Action.WRITE, body=DraftIn)
async def save_draft(call: Call) -> Response:
    """Save a draft; what is left out stays."""
    body = await read_json(call, DraftIn)
    changed = await call.services.database.write(
        lambda db: drafts.change_draft(
            db,
            call.workspace,
            call.params["id"],
            fields=body.fields(),
            name=body.name,
            graph_draft_id=body.graph_draft_id,
        )
    )
    return reply(draft_out(changed))


@pipeline_route("DELETE", "/PipelineDrafts/{id}", Action.DELETE)
async def delete_draft(call: Call) -> Response:
    """Delete a draft with its graph draft: 200 done, 204 there was none. What was made of it stays."""

    def find(db: Transaction) -> Roots:
        try:
            return drafts.draft_roots(db, call.workspace, call.params["id"])
        except NotFound:
            return []

    return await delete_document(call, find)


@pipeline_route("GET", "/PipelineDrafts/Clone/{id}", Action.WRITE)
async def clone_draft(call: Call) -> Response:
    """A new draft of what a draft looks like."""
    made = await call.services.database.write(
        lambda db: drawn.clone_draft(db, call.actor, call.workspace, call.params["id"])
    )
    return reply(draft_out(made))


@pipeline_route("GET", "/PipelineDrafts/ClonePipelineRun/{id}", Action.WRITE)
async def clone_run(call: Call) -> Response:
    """A new draft of what a pipeline run ran."""
    made = await call.services.database.write(
        lambda db: drawn.clone_run(db, call.actor, call.workspace, call.params["id"])
    )
    return reply(draft_out(made))


@pipeline_route("GET", "/PipelineDrafts/ClonePublished/{id}", Action.WRITE)
async def clone_pipeline(call: Call) -> Response:
    """A new draft of what a pipeline looks like."""
    made = await call.services.database.write(
        lambda db: drawn.clone_pipeline(db, call.actor, call.workspace, call.params["id"])
    )
    return reply(draft_out(made))


@pipeline_route("POST", "/PipelineDraftSubmit", Action.WRITE, body=DraftIn, below=RUNS)
async def submit_draft(call: Call) -> Response:
    """A submitted run of the draft that the body's `Id` names, as that draft stands."""
    body = await read_json(call, DraftIn)
    said = (body.pipeline_submission_info or SubmissionIn()).submission(call.query.get("parentRunId"))
    made = await call.services.database.write(
        lambda db: drawn.submit_draft(db, call.actor, call.workspace, _id_in(body), said)
    )
    return reply(pipeline_run_out(made))


@pipeline_route("POST", "/Pipelines/PipelineDraftCreate", Action.WRITE, body=DraftIn)
async def publish_draft(call: Call) -> Response:
    """Publish the draft that the body's `Id` names, as that draft stands."""
    body = await read_json(call, DraftIn)
    made = await call.services.database.write(
        lambda db: drawn.publish_draft(db, call.actor, call.workspace, _id_in(body))
    )
    return reply(pipeline_out(call, made))


def _id_in(body: DraftIn) -> str:
    if not body.id:
        raise Invalid("DraftMissing", "The body names a draft that stands, by its Id.", target="Id")
    return body.id
