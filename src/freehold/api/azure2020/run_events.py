"""What clients report of a run: that it started, ended, failed, warns."""

from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.azure.problems import problem_out
from freehold.api.azure.reading import read_json
from freehold.api.azure.wire import Wire, read_moment
from freehold.api.azure2020.facade import experiment_route, get_run, run_route
from freehold.api.entry import Call
from freehold.api.replies import empty, reply
from freehold.domain.access.actor import Action
from freehold.domain.runs.events import Event, apply_event, list_events
from freehold.kit.clock import to_iso
from freehold.kit.problems import Invalid, Problem
from freehold.storage.transaction import Transaction

MOST_AT_ONCE = 1_000


class EventIn(Wire):
    timestamp: str | None = None
    name: str = ""
    data: dict[str, Any] | None = None

    def event(self) -> Event:
        """Its moment is StartTime or EndTime, else the time it was written. Raises Invalid."""
        data = self.data or {}
        told = data.get("StartTime") or data.get("EndTime") or self.timestamp
        return Event(self.name, data, read_moment("timestamp", str(told)) if told else None)


class EventsIn(Wire):
    events: list[EventIn] = msgspec.field(default_factory=list)


@run_route("POST", "/events", Action.WRITE)
async def report(call: Call) -> Response:
    """Report an event: `Microsoft.MachineLearning.Run.Start`, `.Completed` and so on."""
    event = (await read_json(call, EventIn)).event()
    await call.services.database.write(lambda db: _apply(db, call, call.params["run"], event))
    return empty()


@run_route("GET", "/events", Action.READ)
async def read_events(call: Call) -> Response:
    """The events of a run in order of arrival."""
    rows = await call.services.database.read(lambda db: list_events(db, call.workspace, get_run(db, call).row_id))
    value = [{"timestamp": to_iso(row.happened_at), "name": row.name, "data": row.data} for row in rows]
    return reply({"value": value, "continuationToken": None})


@experiment_route("POST", "/batch/events", Action.WRITE)
async def report_many(call: Call) -> Response:
    """Report events of several runs, each named in its data; the ones that failed are told of."""
    body = await read_json(call, EventsIn)
    if len(body.events) > MOST_AT_ONCE:
        raise Invalid("TooManyEvents", f"At most {MOST_AT_ONCE} events are taken at once.", target="events")
    errors = []
    for each in body.events:
        try:
            await _report_one(call, each)
        except Problem as problem:
            errors.append({"key": each, "value": problem_out(call, problem)})
    return reply({"errors": errors})


async def _report_one(call: Call, each: EventIn) -> None:
    event = each.event()
    run_id = str(event.data.get("RunId") or "")
    await call.services.database.write(lambda db: _apply(db, call, run_id, event))


def _apply(db: Transaction, call: Call, run_id: str, event: Event) -> None:
    run = get_run(db, call, run_id or " ")
    apply_event(db, call.workspace, run.run_id, event)
