"""Lists of runs: by experiment, below a run, on a compute, and how many there are."""

from starlette.responses import Response

from freehold.api.azure.history_answers import answer_runs
from freehold.api.azure.reading import Paged, QueryIn, paged_by_body, paged_by_query, read_json
from freehold.api.azure2020.facade import experiment_route, get_experiment, get_run, history_route, run_route
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.listing.service import FoundRuns, Within, count_runs, list_runs
from freehold.storage.transaction import Transaction

_COUNTED = (
    "provisioning",
    "queued",
    "notStarted",
    "starting",
    "preparing",
    "running",
    "completed",
    "failed",
    "canceled",
    "notResponding",
)


@experiment_route("GET", "/runs", Action.READ)
async def list_in_experiment(call: Call) -> Response:
    """Runs of an experiment in pages."""
    return await _in_experiment(call, paged_by_query(call))


@experiment_route("POST", "/runs:query", Action.READ)
async def query_in_experiment(call: Call) -> Response:
    """Runs of an experiment by filter and order."""
    return await _in_experiment(call, paged_by_body(call, await read_json(call, QueryIn)))


@history_route("GET", "/runs", Action.READ)
async def list_in_workspace(call: Call) -> Response:
    """Runs of the whole workspace in pages."""
    return await _in_workspace(call, Within(), paged_by_query(call))


@history_route("POST", "/runs:query", Action.READ)
async def query_in_workspace(call: Call) -> Response:
    """Runs of the whole workspace by filter and order."""
    return await _in_workspace(call, Within(), paged_by_body(call, await read_json(call, QueryIn)))


@history_route("GET", "/computes/{compute}/runs", Action.READ)
async def list_on_compute(call: Call) -> Response:
    """Runs whose target is a compute."""
    return await _in_workspace(call, Within(target=call.params["compute"]), paged_by_query(call))


@run_route("GET", "/children", Action.READ)
async def list_children(call: Call) -> Response:
    """Runs that name this one as their parent."""
    paged = paged_by_query(call)

    def find(db: Transaction) -> FoundRuns:
        return list_runs(db, call.workspace, Within(parent_row=get_run(db, call).row_id), paged.question)

    return answer_runs(call, await call.services.database.read(find), paged)


@experiment_route("GET", "/runcounts", Action.READ)
async def count(call: Call) -> Response:
    """How many runs of an experiment stand in each status."""
    filter_ = paged_by_query(call).question.filter

    def counted(db: Transaction) -> dict[str, int]:
        return count_runs(db, call.workspace, get_experiment(db, call).row_id, filter_)

    found = await call.services.database.read(counted)
    return reply({name: found.get(name[0].upper() + name[1:], 0) for name in _COUNTED} | {"continuationToken": None})


async def _in_experiment(call: Call, paged: Paged) -> Response:
    def find(db: Transaction) -> FoundRuns:
        return list_runs(db, call.workspace, Within(experiment_row=get_experiment(db, call).row_id), paged.question)

    return answer_runs(call, await call.services.database.read(find), paged)


async def _in_workspace(call: Call, within: Within, paged: Paged) -> Response:
    found = await call.services.database.read(lambda db: list_runs(db, call.workspace, within, paged.question))
    return answer_runs(call, found, paged)
