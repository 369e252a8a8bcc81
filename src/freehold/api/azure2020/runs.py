"""Runs of the run history. A PATCH makes the run if it is not there; clients choose its id."""

from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.azure.artifact_links import content_uri
from freehold.api.azure.history_answers import run_document
from freehold.api.azure.problems import problem_out
from freehold.api.azure.reading import read_json
from freehold.api.azure.run_shapes import RunIn, details_out
from freehold.api.azure.wire import Wire
from freehold.api.azure2020.facade import (
    experiment_route,
    get_experiment,
    get_run,
    run_route,
)
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.artifacts.service import list_artifacts
from freehold.domain.experiments import service as experiments
from freehold.domain.runs import service as runs
from freehold.domain.runs.upsert import RunChanges, put_run
from freehold.domain.runs.views import RunView
from freehold.kit.clock import MICROSECONDS, to_iso
from freehold.kit.problems import Invalid, Problem
from freehold.storage.transaction import Transaction

MOST_AT_ONCE = 1_000
_LOG_FOLDERS = ("azureml-logs/", "logs/", "user_logs/", "system_logs/")


class RunsIn(Wire):
    runs: list[RunIn] = msgspec.field(default_factory=list)


@run_route("GET", "", Action.READ)
async def read_run(call: Call) -> Response:
    """One run."""

    def read(db: Transaction) -> dict[str, Any]:
        run = get_run(db, call)
        return run_document(db, call, run)

    return reply(await call.services.database.read(read))


@run_route("PATCH", "", Action.WRITE)
async def upsert_run(call: Call) -> Response:
    """Make or change a run; tags and properties are merged."""
    body = await read_json(call, RunIn)
    return reply(await _put(call, call.params["run"], body.changes()))


@experiment_route("POST", "/runs", Action.WRITE)
async def create_run(call: Call) -> Response:
    """Make a run; without `runId` the server chooses one."""
    body = await read_json(call, RunIn)
    run_id = body.run_id or call.services.ids.new_id()
    return reply(await _put(call, run_id, body.changes()))


@experiment_route("PATCH", "/batch/runs", Action.WRITE)
async def upsert_runs(call: Call) -> Response:
    """Make or change many runs; one that cannot be is told of, and the others are kept."""
    body = await read_json(call, RunsIn)
    if len(body.runs) > MOST_AT_ONCE:
        raise Invalid("TooManyRuns", f"At most {MOST_AT_ONCE} runs are taken at once.", target="runs")
    kept: dict[str, Any] = {}
    errors: dict[str, Any] = {}
    for each in body.runs:
        run_id = each.run_id or call.services.ids.new_id()
        try:
            kept[run_id] = await _put(call, run_id, each.changes())
        except Problem as problem:
            errors[run_id] = problem_out(call, problem)
    return reply({"runs": kept, "errors": errors})


@run_route("GET", "/details", Action.READ)
async def read_details(call: Call) -> Response:
    """A run with its definition, its data and its log files."""

    def read(db: Transaction) -> dict[str, Any]:
        run = get_run(db, call)
        return details_out(run, _log_files(db, call, run))

    return reply(await call.services.database.read(read))


@run_route("DELETE", "/tags", Action.WRITE)
async def delete_tags(call: Call) -> Response:
    """Remove the tags whose keys the body lists."""
    keys = await read_json(call, list[str])

    def remove(db: Transaction) -> dict[str, Any]:
        run = get_run(db, call)
        runs.remove_tags(db, call.workspace, run.run_id, keys)
        return run_document(db, call, runs.get_run(db, call.workspace, run.run_id))

    return reply(await call.services.database.write(remove))


@run_route("GET", "/token", Action.WRITE)
async def read_token(call: Call) -> Response:
    """A token of the caller's own, for a job that goes on after the one it came with has ended."""
    await call.services.database.read(lambda db: get_run(db, call))
    issued = call.services.tokens.issuer.issue(call.actor, client_id=call.actor.object_id)
    return reply({"token": issued.token, "expiryTimeUtc": to_iso(issued.expires_at * MICROSECONDS)})


@run_route("GET", "/metricsingest/wait", Action.READ)
async def wait_for_metrics(call: Call) -> Response:
    """Metrics are durable and readable when their request is answered, so there is nothing to wait for."""
    await call.services.database.read(lambda db: get_run(db, call))
    return reply({})


async def _put(call: Call, run_id: str, changes: RunChanges) -> dict[str, Any]:
    def put(db: Transaction) -> dict[str, Any]:
        if {"experiment", "experiment_id"}.isdisjoint(call.params):  # runs/{id}: only one that stands has an experiment
            experiment_id = get_run(db, call, run_id).experiment_id
            experiment = experiments.get_experiment(db, call.workspace, experiment_id)
        else:
            experiment = get_experiment(db, call)
        return run_document(db, call, put_run(db, call.actor, call.workspace, experiment, run_id, changes))

    return await call.services.database.write(put)


def _log_files(db: Transaction, call: Call, run: RunView) -> dict[str, str]:
    found = [
        artifact
        for folder in _LOG_FOLDERS
        for artifact in list_artifacts(db, call.workspace, "ExperimentRun", run.data_container_id, prefix=folder)
    ]
    return {each.name.path: content_uri(call, each.name, may=Action.READ) for each in found if each.object_key}
