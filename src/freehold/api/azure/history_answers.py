"""What the run history answers in both generations: pages of runs, experiments and metrics; one run."""

from typing import Any

from starlette.responses import Response

from freehold.api.azure.experiment_shapes import experiment_out
from freehold.api.azure.metric_shapes import metric_v1_out
from freehold.api.azure.reading import Paged
from freehold.api.azure.run_shapes import run_out
from freehold.api.entry import Call
from freehold.api.paging import give_token
from freehold.api.replies import reply
from freehold.domain.listing.metrics import FoundMetrics
from freehold.domain.listing.service import FoundExperiments, FoundRuns, roots_of
from freehold.domain.runs.views import RunView
from freehold.storage.transaction import Transaction


def run_document(db: Transaction, call: Call, run: RunView) -> dict[str, Any]:
    """RunDto."""
    return run_out(run, roots_of(db, call.workspace, [run]).get(run.row_id, run.run_id))


def answer_runs(call: Call, found: FoundRuns, paged: Paged) -> Response:
    """PaginatedRunDto."""
    value = [run_out(run, found.roots.get(run.row_id, run.run_id)) for run in found.runs]
    return _page(call, value, found.next_place, paged)


def answer_experiments(call: Call, found: FoundExperiments, paged: Paged) -> Response:
    """PaginatedExperimentDto."""
    return _page(call, [experiment_out(each) for each in found.experiments], found.next_place, paged)


def answer_metrics(call: Call, found: FoundMetrics, paged: Paged) -> Response:
    """PaginatedRunMetricDto."""
    return _page(call, [metric_v1_out(each) for each in found.metrics], found.next_place, paged)


def _page(call: Call, value: list[Any], place: list[Any] | None, paged: Paged) -> Response:
    return reply({"value": value, "continuationToken": give_token(call, place, *paged.bound)})
