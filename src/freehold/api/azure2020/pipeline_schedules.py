"""Schedules: create, read, list, change. Freehold keeps them and starts nothing by the clock.

Fields: azureml-pipeline-core 1.6.0 and 1.62.0.
"""

from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.azure.reading import read_json
from freehold.api.azure2020.pipeline_lists import Found, answer_list
from freehold.api.azure2020.pipeline_routes import pipeline_route
from freehold.api.azure2020.pipeline_shapes import Pascal, SubmissionIn, creator, fields_of, head, kept
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.documents.queries import Paging
from freehold.domain.pipelines import objects, rules, schedules
from freehold.domain.pipelines.objects import ObjectView
from freehold.domain.pipelines.queries import Wanted
from freehold.domain.pipelines.schedules import Schedule
from freehold.storage.transaction import Transaction

_KEPT = ("ScheduleType", "Recurrence", "DataStoreTriggerInfo")


class ScheduleIn(Pascal):
    name: str | None = None
    pipeline_id: str | None = None
    pipeline_endpoint_id: str | None = None
    pipeline_submission_info: SubmissionIn | None = None
    recurrence: dict[str, Any] | None = None
    schedule_type: str | None = None
    data_store_trigger_info: dict[str, Any] | None = None
    entity_status: str | None = None

    def schedule(self) -> Schedule:
        document = fields_of(msgspec.to_builtins(self), *_KEPT)
        said = kept(self.pipeline_submission_info) if self.pipeline_submission_info is not None else None
        document |= {"PipelineSubmissionInfo": said}
        return Schedule(document, self.name, self.pipeline_id, self.pipeline_endpoint_id)


@pipeline_route("GET", "/Schedules", Action.READ)
async def list_schedules(call: Call) -> Response:
    """Schedules, newest first; `activeOnly=true` leaves out those that were disabled."""
    return await answer_list(call, lambda db, paging, active_only: _page(db, call, paging, Wanted(active_only)))


@pipeline_route("POST", "/Schedules/Create", Action.WRITE, body=ScheduleIn)
async def create_schedule(call: Call) -> Response:
    """Keep a schedule of a pipeline or of a pipeline endpoint."""
    body = await read_json(call, ScheduleIn)
    made = await call.services.database.write(
        lambda db: schedules.create_schedule(db, call.actor, call.workspace, body.schedule())
    )
    return reply(schedule_out(made))


@pipeline_route("GET", "/Schedules/Pipeline/{id}", Action.READ)
async def list_schedules_of_pipeline(call: Call) -> Response:
    """Schedules of a pipeline."""
    return await _list_under(call, rules.PIPELINE)


@pipeline_route("GET", "/Schedules/PipelineEndpoint/{id}", Action.READ)
async def list_schedules_of_endpoint(call: Call) -> Response:
    """Schedules of a pipeline endpoint."""
    return await _list_under(call, rules.ENDPOINT)


@pipeline_route("GET", "/Schedules/{id}", Action.READ)
async def read_schedule(call: Call) -> Response:
    """One schedule."""
    found = await call.services.database.read(
        lambda db: objects.get(db, call.workspace, schedules.KIND, call.params["id"], opens=call.opens_secrets)
    )
    return reply(schedule_out(found))


@pipeline_route("PUT", "/Schedules/{id}", Action.WRITE, body=ScheduleIn)
async def change_schedule(call: Call) -> Response:
    """Change a schedule; what is left out stays. `EntityStatus` disables and enables it."""
    body = await read_json(call, ScheduleIn)
    changed = await call.services.database.write(
        lambda db: schedules.change_schedule(db, call.workspace, call.params["id"], body.schedule(), body.entity_status)
    )
    return reply(schedule_out(changed))


def schedule_out(found: ObjectView) -> dict[str, Any]:
    """PipelineScheduleEntity. It is provisioned as soon as it is kept."""
    document = found.document
    return (
        head(found)
        | creator(found.author)
        | {
            "Name": found.name,
            "PipelineId": found.id_of(rules.PIPELINE),
            "PipelineEndpointId": found.id_of(rules.ENDPOINT),
            "ProvisioningStatus": "Completed",
            "PipelineSubmissionInfo": document.get("PipelineSubmissionInfo"),
        }
        | fields_of(document, *_KEPT)
    )


async def _list_under(call: Call, kind: str) -> Response:
    def page(db: Transaction, paging: Paging, active_only: bool) -> Found:
        under = objects.get(db, call.workspace, kind, call.params["id"]).row_id
        return _page(db, call, paging, Wanted(active_only, under))

    return await answer_list(call, page)


def _page(db: Transaction, call: Call, paging: Paging, wanted: Wanted) -> Found:
    found = objects.list_objects(db, call.workspace, schedules.KIND, paging, wanted)
    return [schedule_out(each) for each in found.objects], found.next_place
