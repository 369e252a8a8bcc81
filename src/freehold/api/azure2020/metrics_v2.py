"""Metrics, second generation: logged in batches, listed by name, read whole."""

from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.azure.metric_shapes import MetricV2In, definition_out, metric_v2_out
from freehold.api.azure.problems import problem_out
from freehold.api.azure.reading import read_json
from freehold.api.azure.wire import Wire, read_moment
from freehold.api.azure2020.facade import METRICS, get_run, metric
from freehold.api.entry import Call
from freehold.api.paging import give_token, take_token
from freehold.api.replies import reply
from freehold.api.routing import Within
from freehold.domain.access.actor import Action
from freehold.domain.metrics.documents import (
    Logged,
    MetricDocument,
    Window,
    list_columns,
    log_documents,
    read_metric,
)
from freehold.domain.metrics.service import METRICS as STREAM
from freehold.domain.metrics.service import prepare
from freehold.domain.runs.service import open_run
from freehold.domain.runs.views import RunView
from freehold.kit.problems import Invalid, NotFound, Problem
from freehold.storage.transaction import Transaction

VALUES_ON_A_PAGE = 10_000


class BatchIn(Wire):
    values: list[MetricV2In] = msgspec.field(default_factory=list)
    report_errors: bool = True


class FullIn(Wire):
    metric_name: str = ""
    start_time: str | None = None
    end_time: str | None = None
    continuation_token: str | None = None


@metric.route("POST", f"{METRICS}/batch", Within(Action.WRITE))
async def log_batch(call: Call) -> Response:
    """Log metrics: 200 all, 207 with those that could not be. The same name may come often; order is kept."""
    body = await read_json(call, BatchIn)
    logged, errors = _sorted_out(call, body.values)
    await _log(call, logged)
    if errors and not body.report_errors:
        raise Invalid("InvalidMetric", errors[0]["errorResponse"]["error"]["message"], target="values")
    return reply({"errors": errors}, 207 if errors else 200)


@metric.route("POST", f"{METRICS}/list", Within(Action.READ))
async def list_names(call: Call) -> Response:
    """Every metric of the run with its columns, on one page: the clients cannot page this list."""
    found = await call.services.database.read(lambda db: list_columns(db, call.workspace, get_run(db, call).row_id))
    value = [definition_out(name, columns) for name, columns in found.items()]
    return reply({"value": value, "continuationToken": None})


@metric.route("POST", f"{METRICS}/full", Within(Action.READ))
async def read_full(call: Call) -> Response:
    """All values of one metric in order of time. 404 when there is none: clients take that for none."""
    body = await read_json(call, FullIn)
    bound = (body.metric_name, body.start_time, body.end_time)
    place = take_token(call, body.continuation_token, *bound)
    moments = read_moment("startTime", body.start_time), read_moment("endTime", body.end_time)
    window = Window(*moments, place[0] if place else 0, VALUES_ON_A_PAGE)

    def read(db: Transaction) -> tuple[RunView, tuple[MetricDocument, bool] | None]:
        run = get_run(db, call)
        return run, read_metric(db, call.workspace, run.row_id, body.metric_name, window)

    run, found = await call.services.database.read(read)
    if found is None:
        raise NotFound("MetricNotFound", "The run has no metric of this name.")
    document, has_more = found
    token = give_token(call, [window.last] if has_more else None, *bound)
    return reply(metric_v2_out(document, run.data_container_id, token))


def _sorted_out(call: Call, values: list[MetricV2In]) -> tuple[Logged, list[dict[str, Any]]]:
    logged, errors = Logged([], []), []
    for each in values:
        try:
            points, documents = each.logged(call)
        except Problem as problem:
            errors.append({"metric": each, "errorResponse": problem_out(call, problem)})
        else:
            logged.points.extend(points)
            logged.documents.extend(documents)
    return logged, errors


async def _log(call: Call, logged: Logged) -> None:
    """Points alone join others of the run in one group commit."""
    database, run_id = call.services.database, call.params["run"]
    if logged.documents:
        await database.write(lambda db: log_documents(db, call.workspace, run_id, logged))
    elif logged.points:
        await database.append(STREAM, (call.workspace.workspace_id, run_id), prepare(logged.points))
    else:
        await database.read(lambda db: open_run(db, call.workspace, run_id))
