"""Pipeline endpoints: create, read by id or name, list, change, submit.

Fields: azureml-pipeline-core 1.6.0 and 1.62.0.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.azure.reading import read_json
from freehold.api.azure2020.pipeline_lists import Found, answer_list
from freehold.api.azure2020.pipeline_published_shapes import pipeline_out, submit_url
from freehold.api.azure2020.pipeline_routes import ListAsked, pipeline_route
from freehold.api.azure2020.pipeline_run_shapes import pipeline_run_out
from freehold.api.azure2020.pipeline_shapes import Pascal, SubmissionIn, creator, fields_of, head
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.documents.queries import Paging
from freehold.domain.pipelines import endpoints
from freehold.domain.pipelines.endpoints import EndpointChange, EndpointView
from freehold.domain.pipelines.queries import Wanted
from freehold.kit.problems import Invalid
from freehold.storage.transaction import Transaction


class EndpointIn(Pascal):
    name: str
    pipeline_id: str
    description: str | None = None
    properties: dict[str, Any] | None = None

    def document(self) -> dict[str, Any]:
        return {"Description": self.description, "Properties": self.properties or {}, "tags": {}}


class VersionIn(Pascal):
    version: str
    pipeline_id: str


class ChangedEndpointIn(Pascal):
    name: str | None = None
    default_version: str | None = None
    description: str | None = None
    pipeline_version_list: list[VersionIn] | None = None
    entity_status: str | None = None
    properties: dict[str, Any] | None = None
    tags: dict[str, Any] | None = msgspec.field(name="tags", default=None)

    def change(self) -> EndpointChange:
        given = self.pipeline_version_list
        versions = [(each.version, each.pipeline_id) for each in given] if given is not None else None
        fields = fields_of(msgspec.to_builtins(self), "Description", "Properties", "tags")
        return EndpointChange(self.name, self.entity_status, versions, self.default_version, fields)


@pipeline_route("GET", "/PipelineEndpoints", Action.READ)
async def list_endpoints(call: Call) -> Response:
    """Pipeline endpoints, newest first; the header `BatchSize` says how many at most."""

    def page(db: Transaction, paging: Paging, active_only: bool) -> Found:
        found = endpoints.list_endpoints(db, call.workspace, paging, Wanted(active_only))
        return [endpoint_out(call, each) for each in found.endpoints], found.next_place

    return await answer_list(call, page)


@pipeline_route("POST", "/PipelineEndpoints/Create", Action.WRITE, body=EndpointIn)
async def create_endpoint(call: Call) -> Response:
    """Make an endpoint of one pipeline, its version 0."""
    body = await read_json(call, EndpointIn)
    made = await call.services.database.write(
        lambda db: endpoints.create_endpoint(
            db, call.actor, call.workspace, body.name, body.pipeline_id, body.document()
        )
    )
    return reply(endpoint_out(call, made))


@pipeline_route("GET", "/PipelineEndpoints/Id/{id}", Action.READ)
async def read_endpoint(call: Call) -> Response:
    """One pipeline endpoint."""
    found = await call.services.database.read(lambda db: endpoints.get_endpoint(db, call.workspace, call.params["id"]))
    return reply(endpoint_out(call, found))


@pipeline_route("GET", "/PipelineEndpoints/Name", Action.READ)
async def read_endpoint_by_name(call: Call) -> Response:
    """The one of the name in `?Name=`."""
    given = {key.lower(): value for key, value in call.query.items()}
    name = given.get("name")
    if not name:
        raise Invalid("NameMissing", "Name the pipeline endpoint: ?Name=…", target="Name")
    found = await call.services.database.read(lambda db: endpoints.get_endpoint_by_name(db, call.workspace, name))
    return reply(endpoint_out(call, found))


@pipeline_route("PUT", "/PipelineEndpoints/{id}", Action.WRITE, body=ChangedEndpointIn)
async def change_endpoint(call: Call) -> Response:
    """Change its name, description, status, versions or default; what is left out stays."""
    body = await read_json(call, ChangedEndpointIn)
    changed = await call.services.database.write(
        lambda db: endpoints.change_endpoint(db, call.workspace, call.params["id"], body.change())
    )
    return reply(endpoint_out(call, changed))


@pipeline_route("GET", "/PipelineEndpoints/{id}/pipelines", Action.READ)
async def list_pipelines(call: Call) -> Response:
    """The pipelines of its versions."""
    active_only = ListAsked(call).active_only
    found = await call.services.database.read(
        lambda db: endpoints.pipelines_of(db, call.workspace, call.params["id"], active_only=active_only)
    )
    return reply([pipeline_out(call, each) for each in found])


@pipeline_route("POST", "/PipelineRuns/PipelineEndpointSubmit/Id/{id}/{version}", Action.WRITE, body=SubmissionIn)
@pipeline_route("POST", "/PipelineRuns/PipelineEndpointSubmit/Id/{id}", Action.WRITE, body=SubmissionIn)
async def submit_endpoint(call: Call) -> Response:
    """A submitted run of the default version, or of `pipelineVersion`, which 1.62 puts into the address too."""
    said = (await read_json(call, SubmissionIn)).submission(call.query.get("parentRunId"))
    version = call.params.get("version") or call.query.get("pipelineVersion")
    made = await call.services.database.write(
        lambda db: endpoints.submit_endpoint(db, call.actor, call.workspace, call.params["id"], version, said)
    )
    return reply(pipeline_run_out(made))


def endpoint_out(call: Call, view: EndpointView) -> dict[str, Any]:
    """PipelineEndpointEntity."""
    found = view.object
    return (
        head(found)
        | creator(found.author)
        | {
            "Name": found.name,
            "Url": submit_url(call, "PipelineEndpointSubmit/Id", found.object_id),
            "SwaggerUrl": None,
            "Properties": found.document.get("Properties") or {},
            "tags": found.document.get("tags") or {},
        }
        | {"PipelineVersionList": [{"Version": name, "PipelineId": of} for name, of in view.shown]}
        | fields_of(found.document, "Description", "DefaultVersion")
    )
