"""Templates, the older word for what was published of a run: create, read, list, disable, submit. Call 35."""

from starlette.responses import Response

from freehold.api.azure.reading import read_json
from freehold.api.azure2020.pipeline_lists import Found, answer_list
from freehold.api.azure2020.pipeline_published_shapes import TemplateIn
from freehold.api.azure2020.pipeline_routes import TEMPLATES, pipeline_route
from freehold.api.azure2020.pipeline_run_shapes import pipeline_run_out
from freehold.api.azure2020.pipeline_shapes import Texts
from freehold.api.azure2020.pipeline_template_shapes import template_out
from freehold.api.entry import Call
from freehold.api.replies import empty, reply
from freehold.domain.access.actor import Action
from freehold.domain.documents.queries import Paging
from freehold.domain.pipelines import objects, published
from freehold.domain.pipelines.objects import ObjectView
from freehold.domain.pipelines.published import Submission
from freehold.domain.pipelines.queries import Wanted
from freehold.storage.transaction import Transaction

_SUBMISSIONS = ("/Experiments/TemplateSubmit", "/Experiments/PublishedPipelineSubmit")


@pipeline_route("GET", "", Action.READ, below=TEMPLATES)
async def list_templates(call: Call) -> Response:
    """Templates, newest first; `activeOnly=true` leaves out those that were disabled."""

    def page(db: Transaction, paging: Paging, active_only: bool) -> Found:
        found = objects.list_objects(db, call.workspace, published.TEMPLATE, paging, Wanted(active_only))
        return [template_out(each) for each in found.objects], found.next_place

    return await answer_list(call, page)


@pipeline_route("POST", "/Create", Action.WRITE, body=TemplateIn, below=TEMPLATES)
async def create_template(call: Call) -> Response:
    """Publish the graph of the pipeline run that `ExperimentId` names."""
    body = await read_json(call, TemplateIn)

    def make(db: Transaction) -> ObjectView:
        document = {"Description": body.description, "Version": body.version}
        return published.create_template(db, call.actor, call.workspace, body.name, body.experiment_id, document)

    return reply(template_out(await call.services.database.write(make)))


@pipeline_route("GET", "/{id}", Action.READ, below=TEMPLATES)
async def read_template(call: Call) -> Response:
    """One template."""
    found = await call.services.database.read(
        lambda db: objects.get(db, call.workspace, published.TEMPLATE, call.params["id"])
    )
    return reply(template_out(found))


@pipeline_route("PUT", "/{id}/status", Action.WRITE, body=str, below=TEMPLATES)
async def change_status(call: Call) -> Response:
    """Active, Deprecated or Disabled, as a JSON string; a disabled template cannot be submitted."""
    status = await read_json(call, str)
    await call.services.database.write(
        lambda db: objects.change(db, call.workspace, published.TEMPLATE, call.params["id"], status=status)
    )
    return empty()


@pipeline_route("POST", "/{id}", Action.WRITE, below=_SUBMISSIONS)
async def submit_template(call: Call) -> Response:
    """A submitted run of the template; the body assigns its parameters."""
    assigned = await read_json(call, Texts)
    said = Submission({"ParameterAssignments": assigned}, call.query.get("experimentName"))
    made = await call.services.database.write(
        lambda db: published.submit(db, call.actor, call.workspace, published.TEMPLATE, call.params["id"], said)
    )
    return reply(pipeline_run_out(made))
