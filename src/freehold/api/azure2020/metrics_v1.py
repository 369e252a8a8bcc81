"""Metrics, first generation: documents with cells, listed over an experiment."""

import msgspec
from starlette.responses import Response

from freehold.api.azure.history_answers import answer_metrics
from freehold.api.azure.metric_shapes import MetricV1In, metric_v1_out
from freehold.api.azure.reading import Paged, QueryIn, paged_by_body, paged_by_query, read_json
from freehold.api.azure.wire import Wire
from freehold.api.azure2020.facade import experiment_route, get_experiment, get_run, run_route
from freehold.api.entry import Call
from freehold.api.replies import empty, reply
from freehold.domain.access.actor import Action
from freehold.domain.listing.metrics import FoundMetrics, RunMetric, get_metric, list_metrics
from freehold.domain.metrics.documents import Logged, log_documents
from freehold.storage.transaction import Transaction


class BatchIn(Wire):
    values: list[MetricV1In] = msgspec.field(default_factory=list)


@run_route("POST", "/metrics", Action.WRITE)
async def log_metric(call: Call) -> Response:
    """Log one metric of a run."""
    return await _log(call, [await read_json(call, MetricV1In)])


@run_route("POST", "/batch/metrics", Action.WRITE)
async def log_metrics(call: Call) -> Response:
    """Log metrics of a run, all or none."""
    return await _log(call, (await read_json(call, BatchIn)).values)


@experiment_route("GET", "/metrics", Action.READ)
async def list_in_experiment(call: Call) -> Response:
    """Metrics of all runs of an experiment in pages."""
    return await _list(call, paged_by_query(call))


@experiment_route("POST", "/metrics:query", Action.READ)
async def query_in_experiment(call: Call) -> Response:
    """Metrics of an experiment's runs by filter: RunId, Name, MetricType, CreatedUtc."""
    return await _list(call, paged_by_body(call, await read_json(call, QueryIn)))


@experiment_route("GET", "/metrics/{metric}", Action.READ)
async def read_metric(call: Call) -> Response:
    """One metric by its id."""

    def read(db: Transaction) -> RunMetric:
        return get_metric(db, call.workspace, get_experiment(db, call).experiment_id, call.params["metric"])

    return reply(metric_v1_out(await call.services.database.read(read)))


async def _log(call: Call, metrics: list[MetricV1In]) -> Response:
    logged = Logged([], [])
    for each in metrics:
        points, documents = each.logged(call)
        logged.points.extend(points)
        logged.documents.extend(documents)

    def log(db: Transaction) -> None:
        log_documents(db, call.workspace, get_run(db, call).run_id, logged)

    await call.services.database.write(log)
    return empty()


async def _list(call: Call, paged: Paged) -> Response:
    question = paged.question

    def find(db: Transaction) -> FoundMetrics:
        row = get_experiment(db, call).row_id
        return list_metrics(db, call.workspace, row, question.filter, limit=question.limit, after=question.after)

    found = await call.services.database.read(find)
    return answer_metrics(call, found, paged)
