"""MLflow's metric histories."""

import msgspec
from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.mlflow import shapes, words
from freehold.api.mlflow.door import max_results, named, open_token, route, run_id_of, seal_token
from freehold.api.mlflow.printing import history_answer, history_out
from freehold.api.replies import JSON
from freehold.domain.access.actor import Action
from freehold.domain.metrics.history import Place, read_page, sample
from freehold.domain.runs.service import get_run
from freehold.kit.problems import Invalid
from freehold.storage.transaction import Transaction

LARGEST_HISTORY = 1_000_000
MOST_SAMPLED_RUNS, LARGEST_SAMPLE = 100, 2_500


@route("GET", "/mlflow/metrics/get-history", Action.READ)
async def get_history(call: Call) -> Response:
    """All points of a metric of a run, by time, in pages if asked."""
    query = call.query
    run_id, key = run_id_of(query), named(query.get("metric_key", ""), "metric_key")
    limit = max_results(
        query.get("max_results"), default=LARGEST_HISTORY, largest=LARGEST_HISTORY, page=LARGEST_HISTORY
    )
    asked = (run_id, key)
    place = open_token(call, query.get("page_token"), asked)

    def read(db: Transaction) -> bytes:
        run = get_run(db, call.workspace, run_id)
        after = Place(*place) if place else None
        page = read_page(db, call.workspace, run.row_id, key, after=after, limit=limit)
        token = seal_token(call, page.next_place, asked)
        return history_answer(key, page.blocks, token)

    return Response(await call.services.database.read(read), media_type=JSON)


@route("GET", "/mlflow/metrics/get-history-bulk-interval", Action.READ)
async def get_history_bulk_interval(call: Call) -> Response:
    """Points of a metric of several runs by step, thinned out evenly."""
    params, query = call.request.query_params, call.query
    run_ids, key = params.getlist("run_ids"), named(query.get("metric_key", ""), "metric_key")
    if not 1 <= len(run_ids) <= MOST_SAMPLED_RUNS:
        raise Invalid("InvalidRunIds", f"Name 1 to {MOST_SAMPLED_RUNS} run_ids.", target="run_ids")
    limit = max_results(query.get("max_results"), default=LARGEST_SAMPLE, largest=LARGEST_SAMPLE, page=LARGEST_SAMPLE)
    steps = _steps(query)

    def read(db: Transaction) -> bytes:
        points: list[shapes.MetricWithRunOut] = []
        for run_id in run_ids:
            run = get_run(db, call.workspace, run_id)
            history = sample(db, call.workspace, run.row_id, key, steps=steps, limit=limit)
            points += (
                shapes.MetricWithRunOut(each.key, each.value, each.timestamp, each.step, run_id)
                for each in history_out(key, history)
            )
        return msgspec.json.encode(shapes.BulkHistoryAnswer(points))

    return Response(await call.services.database.read(read), media_type=JSON)


def _steps(query: dict[str, str]) -> tuple[int, int] | None:
    start, end = query.get("start_step"), query.get("end_step")
    if start is None and end is None:
        return None
    if start is None or end is None:
        raise Invalid("InvalidSteps", "Give start_step and end_step together, or neither.", target="start_step")
    first, last = words.to_int(start, "start_step"), words.to_int(end, "end_step")
    if first > last:
        raise Invalid("InvalidSteps", "end_step must not be less than start_step.", target="end_step")
    return first, last
