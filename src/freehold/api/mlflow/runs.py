"""MLflow's runs: create, get, update, search, delete (set aside), restore."""

from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.mlflow import shapes, words
from freehold.api.mlflow.door import (
    EMPTY,
    max_results,
    named,
    open_token,
    read_body,
    route,
    run_id_of,
    seal_token,
)
from freehold.api.mlflow.experiments import (
    DEFAULT_ID,
    DEFAULT_NAME,
    experiment_by_id,
    experiment_to_log_into,
)
from freehold.api.mlflow.names import invented_name
from freehold.api.mlflow.printing import artifact_uri, run_info_out, run_out, tags_out
from freehold.api.replies import JSON, reply
from freehold.domain.access.actor import Action, WorkspaceRef
from freehold.domain.experiments.service import find_experiment_by_name
from freehold.domain.metrics.queries import latest_of
from freehold.domain.runs import service
from freehold.domain.runs.rules import ENDED, NAME_TAG
from freehold.domain.runs.views import USER_TAG
from freehold.domain.runs.vocabulary import RUNS
from freehold.domain.search.service import Question, search_runs
from freehold.kit.filters import parse_filter, parse_orderings
from freehold.kit.problems import Invalid
from freehold.storage.transaction import Transaction

LARGEST_PAGE = 50_000
PAGE = 5_000
"""A page is never longer, whatever was asked: clients follow the token."""
MOST_EXPERIMENTS = 5_000

_CREATE = msgspec.json.Decoder(shapes.CreateRun)
_UPDATE = msgspec.json.Decoder(shapes.UpdateRun)
_TARGET = msgspec.json.Decoder(shapes.RunTarget)
_SEARCH = msgspec.json.Decoder(shapes.SearchRuns)


@route("POST", "/mlflow/runs/create", Action.WRITE)
async def create_run(call: Call) -> Response:
    """Start a run in an experiment."""
    body = await read_body(call, _CREATE)
    experiment_id = named(body.experiment_id, "experiment_id")
    tags = words.entries(body.tags, "tags")
    name = _name(body.run_name, tags.pop(NAME_TAG, "")) or invented_name(call.services.ids.new_id())
    user = tags.setdefault(USER_TAG, body.user_id) if body.user_id else tags.get(USER_TAG, "")
    now = call.services.clock.now()
    started_at = now if body.start_time is None else words.to_microseconds(body.start_time, "start_time")

    def make(db: Transaction) -> tuple[str, str]:
        experiment = experiment_to_log_into(db, call.actor, call.workspace, experiment_id)
        run_id = service.create_run(
            db, call.actor, call.workspace, experiment, name=name, started_at=started_at, tags=tags
        )
        return experiment.experiment_id, run_id

    in_experiment, run_id = await call.services.database.write(make)
    info = shapes.RunInfoOut(
        run_id,
        run_id,
        name,
        in_experiment,
        user,
        "RUNNING",
        words.to_milliseconds(started_at),
        artifact_uri(call, in_experiment, run_id),
        words.stage(False),
    )
    data = shapes.RunDataOut(tags=tags_out(tags | {NAME_TAG: name}))
    return reply(shapes.RunAnswer(shapes.RunOut(info, data)))


@route("GET", "/mlflow/runs/get", Action.READ)
async def get_run(call: Call) -> Response:
    """Read a run: its fields, parameters, tags and latest metrics."""
    run_id = run_id_of(call.query)

    def read(db: Transaction) -> shapes.RunOut:
        run = service.get_run(db, call.workspace, run_id)
        latest = latest_of(db, call.workspace.workspace_id, [run.row_id])[run.row_id]
        experiment = experiment_by_id(db, call.workspace, run.experiment_id)
        return run_out(call, run, latest, set_aside=(run.deleted_at or experiment.archived_at) is not None)

    return reply(shapes.RunAnswer(await call.services.database.read(read)))


@route("POST", "/mlflow/runs/update", Action.WRITE)
async def update_run(call: Call) -> Response:
    """Change a run's status, end or name."""
    body = await read_body(call, _UPDATE)
    run_id = named(body.run_id or body.run_uuid, "run_id")
    fields = _fields(body, call.services.clock.now())

    def change(db: Transaction) -> shapes.RunInfoOut:
        service.change_run(db, call.workspace, run_id, fields)
        return run_info_out(call, service.get_run(db, call.workspace, run_id), set_aside=False)

    return reply(shapes.RunInfoAnswer(await call.services.database.write(change)))


@route("POST", "/mlflow/runs/search", Action.READ)
async def search(call: Call) -> Response:
    """Find runs of experiments by a filter, in an order, in pages."""
    body = await read_body(call, _SEARCH)
    if len(body.experiment_ids) > MOST_EXPERIMENTS:
        raise Invalid("TooManyExperiments", f"Name at most {MOST_EXPERIMENTS} experiments.", target="experiment_ids")
    asked = (sorted(body.experiment_ids), body.filter, body.order_by, body.run_view_type)
    question = Question(
        words.to_domain(parse_filter(body.filter, RUNS)),
        parse_orderings(body.order_by, RUNS),
        words.view(body.run_view_type, "run_view_type"),
        max_results(body.max_results, default=1_000, largest=LARGEST_PAGE, page=PAGE),
        open_token(call, body.page_token, asked),
    )

    def find(db: Transaction) -> bytes:
        ids = _known_ids(db, call.workspace, body.experiment_ids)
        found = search_runs(db, call.workspace, ids, question)
        runs = [
            run_out(
                call,
                run,
                found.latest[run.row_id],
                set_aside=run.deleted_at is not None or run.experiment_id in found.archived_experiments,
            )
            for run in found.runs
        ]
        return msgspec.json.encode(shapes.RunsAnswer(runs, seal_token(call, found.next_place, asked)))

    return Response(await call.services.database.read(find), media_type=JSON)


@route("POST", "/mlflow/runs/delete", Action.DELETE)
async def delete_run(call: Call) -> Response:
    """Set a run aside; restorable until it is erased."""
    run_id = await _target(call)
    await call.services.database.write(lambda db: service.delete_run(db, call.workspace, run_id))
    return EMPTY


@route("POST", "/mlflow/runs/restore", Action.WRITE)
async def restore_run(call: Call) -> Response:
    """Bring a run back that was set aside."""
    run_id = await _target(call)
    await call.services.database.write(lambda db: service.restore_run(db, call.workspace, run_id))
    return EMPTY


async def _target(call: Call) -> str:
    body = await read_body(call, _TARGET)
    return named(body.run_id or body.run_uuid, "run_id")


def _name(field: str, tag: str) -> str:
    """MLflow names a run twice, by a field and by a tag; both must say the same."""
    if field and tag and field != tag:
        message = f"run_name and the tag {NAME_TAG} differ. Send one of them."
        raise Invalid("RunNameDiffers", message, target="run_name")
    return field or tag


def _fields(body: shapes.UpdateRun, now: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if body.status is not None:
        fields["status"] = words.stored_status(body.status)
    if body.end_time is not None:
        fields["ended_at"] = words.to_microseconds(body.end_time, "end_time")
    elif fields.get("status") in ENDED:
        fields["ended_at"] = now
    if body.run_name:
        fields["name"] = body.run_name
    return fields


def _known_ids(db: Transaction, workspace: WorkspaceRef, experiment_ids: list[str]) -> list[str]:
    """The ids with the default experiment's in place of its fixed one."""
    if DEFAULT_ID not in experiment_ids:
        return experiment_ids
    default = find_experiment_by_name(db, workspace, DEFAULT_NAME)
    others = [each for each in experiment_ids if each != DEFAULT_ID]
    return [*others, default.experiment_id] if default else others
