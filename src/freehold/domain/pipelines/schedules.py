"""Schedules: what would submit a pipeline, and when. Freehold keeps them; it starts nothing by the clock."""

from typing import Any, NamedTuple

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.documents import queries as documents
from freehold.domain.pipelines import objects, queries, rules
from freehold.domain.pipelines.objects import NewObject, ObjectView
from freehold.kit.problems import Invalid
from freehold.records.pipelines import PipelineObject
from freehold.storage.transaction import Transaction

KIND = rules.SCHEDULE
BY_SCHEDULE = "ScheduleId"
_RECURRENCE, _DATA_STORE = ("0", "Recurrence"), ("1", "DataStore")


class Schedule(NamedTuple):
    """`document`: ScheduleType, Recurrence or DataStoreTriggerInfo, PipelineSubmissionInfo."""

    document: dict[str, Any]
    name: str | None = None
    pipeline_id: str | None = None
    endpoint_id: str | None = None


def create_schedule(db: Transaction, actor: Actor, workspace: WorkspaceRef, new: Schedule) -> ObjectView:
    """Raises NotFound for a pipeline that is not here, Invalid."""
    _check(new.document)
    under = _target(db, workspace, new)
    if under is None:
        message = "A schedule submits one: name PipelineId or PipelineEndpointId."
        raise Invalid("InvalidSchedule", message, target="PipelineId")
    return objects.add(db, actor, workspace, KIND, NewObject(new.document, new.name, under=under))


def change_schedule(
    db: Transaction, workspace: WorkspaceRef, schedule_id: str, new: Schedule, status: str | None
) -> ObjectView:
    """What is left out stays as it is. Raises NotFound, Invalid."""
    standing = objects.get(db, workspace, KIND, schedule_id)
    given = {name: value for name, value in new.document.items() if value is not None}
    _check(standing.document | given)
    under = _target(db, workspace, new)
    return objects.change(db, workspace, KIND, schedule_id, fields=given, name=new.name, status=status, under=under)


def part_schedule(db: Transaction, workspace_id: int, document: dict[str, Any]) -> tuple[dict[str, Any], int | None]:
    """What a run says without the schedule that it was submitted by, and the row of that: the link goes with it. One
    that is not here is no fault, and is not kept."""
    kept = {name: value for name, value in document.items() if name != BY_SCHEDULE}
    named = document.get(BY_SCHEDULE)
    return kept, queries.find_row(db, workspace_id, KIND, named) if named else None


def link_schedules(db: Transaction, workspace_id: int) -> None:
    """For runs that came from an older release, whose documents said it."""
    is_run = PipelineObject.c.kind == rules.PIPELINE_RUN
    for row_id, document in documents.saying(db, workspace_id, PipelineObject, [BY_SCHEDULE], is_run):
        kept, schedule = part_schedule(db, workspace_id, document)
        documents.change(db, workspace_id, PipelineObject, row_id, {"document": kept, "schedule_row": schedule})


def _target(db: Transaction, workspace: WorkspaceRef, new: Schedule) -> int | None:
    if new.endpoint_id:
        return objects.get(db, workspace, rules.ENDPOINT, new.endpoint_id).row_id
    return objects.get(db, workspace, rules.PIPELINE, new.pipeline_id).row_id if new.pipeline_id else None


def _check(document: dict[str, Any]) -> None:
    """The SDK opens Recurrence or DataStoreTriggerInfo, by the type, without looking whether it is there."""
    kind = document.get("ScheduleType")
    if kind not in (*_RECURRENCE, *_DATA_STORE):
        raise Invalid("InvalidSchedule", "ScheduleType is Recurrence or DataStore.", target="ScheduleType")
    needed = "Recurrence" if kind in _RECURRENCE else "DataStoreTriggerInfo"
    if not document.get(needed):
        raise Invalid("InvalidSchedule", f"A schedule of this type has a {needed}.", target=needed)
