"""Runs, experiments and metrics of a project: calls 63 to 67. What makes them is here, too.

A run of this generation need not name an experiment: one that does not is in the experiment `default`.
Source: the addresses that azureml-core 0.1.50 keeps for projects.
"""

from typing import Any

from starlette.responses import Response

from freehold.api.azure.experiment_shapes import ExperimentIn, experiment_out
from freehold.api.azure.history_answers import answer_experiments, answer_metrics, answer_runs, run_document
from freehold.api.azure.metric_shapes import MetricV1In, metric_v1_out
from freehold.api.azure.reading import QueryIn, paged_by_body, paged_by_query, read_json
from freehold.api.azure.run_shapes import RunIn
from freehold.api.azure2018.facade import HISTORY, projects
from freehold.api.entry import Call
from freehold.api.replies import empty, reply
from freehold.api.routing import Within
from freehold.domain.access.actor import Action
from freehold.domain.experiments import service as experiments
from freehold.domain.experiments.service import ExperimentView
from freehold.domain.listing import service as listing
from freehold.domain.listing.metrics import FoundMetrics, get_metric, list_metrics
from freehold.domain.metrics.documents import log_documents
from freehold.domain.runs import service as runs
from freehold.domain.runs.upsert import put_run
from freehold.domain.runs.views import RunView
from freehold.kit.problems import NotFound
from freehold.storage.transaction import Transaction

DEFAULT_EXPERIMENT = "default"
_RUN = f"{HISTORY}/runs/{{run}}"


@projects.route("GET", f"{HISTORY}/runs", Within(Action.READ))
async def list_runs(call: Call) -> Response:
    """Runs of a project in pages."""
    paged = paged_by_query(call)
    found = await call.services.database.read(
        lambda db: listing.list_runs(db, call.workspace, listing.Within(), paged.question)
    )
    return answer_runs(call, found, paged)


@projects.route("POST", f"{HISTORY}/runs:query", Within(Action.READ))
async def query_runs(call: Call) -> Response:
    """Runs of a project by filter and order."""
    paged = paged_by_body(call, await read_json(call, QueryIn))
    found = await call.services.database.read(
        lambda db: listing.list_runs(db, call.workspace, listing.Within(), paged.question)
    )
    return answer_runs(call, found, paged)


@projects.route("GET", _RUN, Within(Action.READ))
async def read_run(call: Call) -> Response:
    """One run."""
    return reply(await call.services.database.read(lambda db: run_document(db, call, get_run(db, call))))


@projects.route("PATCH", _RUN, Within(Action.WRITE))
async def put(call: Call) -> Response:
    """Make or change a run; tags and properties are merged. `?experiment=` names the experiment of a new one."""
    changes = (await read_json(call, RunIn)).changes()

    def write(db: Transaction) -> dict[str, Any]:
        standing = runs.find_run(db, call.workspace, call.params["run"])
        if standing is not None:
            experiment = experiments.get_experiment(db, call.workspace, standing.experiment_id)
        else:
            experiment = _make_experiment(db, call, call.query.get("experiment") or DEFAULT_EXPERIMENT, ExperimentIn())
        made = put_run(db, call.actor, call.workspace, experiment, call.params["run"], changes)
        return run_document(db, call, made)

    return reply(await call.services.database.write(write))


@projects.route("GET", f"{HISTORY}/experiments", Within(Action.READ))
async def list_experiments(call: Call) -> Response:
    """Experiments of a project in pages, archived ones too."""
    paged = paged_by_query(call)
    found = await call.services.database.read(
        lambda db: listing.list_experiments(db, call.workspace, paged.question, archived=None)
    )
    return answer_experiments(call, found, paged)


@projects.route("GET", f"{HISTORY}/experiments/{{experiment}}", Within(Action.READ))
async def read_experiment(call: Call) -> Response:
    """One experiment by its id; a name is understood, too. The page has blanks behind it, which count for nothing."""

    def read(db: Transaction) -> ExperimentView:
        wanted = call.params["experiment"].strip()
        named = experiments.find_experiment_by_name(db, call.workspace, wanted)
        return named or experiments.get_experiment(db, call.workspace, wanted)

    return reply(experiment_out(await call.services.database.read(read)))


@projects.route("POST", f"{HISTORY}/experiments/{{experiment}}", Within(Action.WRITE))
async def create_experiment(call: Call) -> Response:
    """Make an experiment; one that stands is answered as it is."""
    body = await read_json(call, ExperimentIn)
    made = await call.services.database.write(lambda db: _make_experiment(db, call, call.params["experiment"], body))
    return reply(experiment_out(made))


@projects.route("GET", f"{HISTORY}/runmetrics", Within(Action.READ))
async def list_all_metrics(call: Call) -> Response:
    """Metrics of all runs of a project in pages; `$filter` by RunId, Name, MetricType, CreatedUtc."""
    paged = paged_by_query(call)
    question = paged.question

    def find(db: Transaction) -> FoundMetrics:
        return list_metrics(db, call.workspace, None, question.filter, limit=question.limit, after=question.after)

    return answer_metrics(call, await call.services.database.read(find), paged)


@projects.route("GET", f"{HISTORY}/runmetrics/{{metric}}", Within(Action.READ))
async def read_metric(call: Call) -> Response:
    """One metric by its id."""
    found = await call.services.database.read(lambda db: get_metric(db, call.workspace, None, call.params["metric"]))
    return reply(metric_v1_out(found))


@projects.route("POST", f"{_RUN}/metrics", Within(Action.WRITE))
async def log_metric(call: Call) -> Response:
    """Log one metric of a run."""
    logged = (await read_json(call, MetricV1In)).logged(call)
    await call.services.database.write(lambda db: log_documents(db, call.workspace, get_run(db, call).run_id, logged))
    return empty()


def get_run(db: Transaction, call: Call) -> RunView:
    """The run that the address names. Raises NotFound, also for one that was set aside as deleted."""
    run = runs.get_run(db, call.workspace, call.params["run"])
    if run.deleted_at is not None:
        raise NotFound("RunNotFound", "There is no run with this id in the project.")
    return run


def _make_experiment(db: Transaction, call: Call, name: str, body: ExperimentIn) -> ExperimentView:
    standing = experiments.find_experiment_by_name(db, call.workspace, name)
    if standing is not None:
        return standing
    return experiments.create_experiment(
        db, call.actor, call.workspace, name, description=body.description, tags=body.tags
    )
