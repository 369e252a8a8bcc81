"""Experiments of the run history."""

from starlette.responses import Response

from freehold.api.addresses import own_base
from freehold.api.azure.experiment_shapes import ExperimentChange, ExperimentIn, TagsIn, experiment_out
from freehold.api.azure.history_answers import answer_experiments
from freehold.api.azure.reading import Paged, QueryIn, paged_by_body, paged_by_query, read_json
from freehold.api.azure2020.facade import HISTORY, experiment_route, get_experiment, history_route
from freehold.api.entry import Call
from freehold.api.longrunning import RETRY_SECONDS, look, settle
from freehold.api.replies import empty, reply
from freehold.domain.access.actor import Action
from freehold.domain.experiments import service as experiments
from freehold.domain.experiments.service import ExperimentView
from freehold.domain.listing import service as listing
from freehold.kit.problems import Conflict, Invalid, Problem
from freehold.lifecycle.erase import request_erasure
from freehold.operations.model import Operation, State
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

_VIEWS = {"": False, "activeonly": False, "default": False, "archivedonly": True, "all": None}


@history_route("GET", "/experiments", Action.READ)
async def list_experiments(call: Call) -> Response:
    """Experiments in pages; `viewType`: ActiveOnly (default), ArchivedOnly, All."""
    return await _list(call, paged_by_query(call), call.query.get("viewType"))


@history_route("POST", "/experiments:query", Action.READ)
async def query_experiments(call: Call) -> Response:
    """Experiments by filter and order, in pages."""
    body = await read_json(call, QueryIn)
    return await _list(call, paged_by_body(call, body), body.view_type or call.query.get("viewType"))


@experiment_route("GET", "", Action.READ)
async def read_experiment(call: Call) -> Response:
    """One experiment, by name or by id."""
    found = await call.services.database.read(lambda db: get_experiment(db, call))
    return reply(experiment_out(found))


@history_route("POST", "/experiments/{experiment}", Action.WRITE)
async def create_experiment(call: Call) -> Response:
    """Make an experiment; one that stands is answered as it is, so that two clients may begin at once."""
    body, name = await read_json(call, ExperimentIn), call.params["experiment"]

    def make(db: Transaction) -> ExperimentView:
        standing = experiments.find_experiment_by_name(db, call.workspace, name)
        if standing is not None:
            return standing
        return experiments.create_experiment(
            db, call.actor, call.workspace, name, description=body.description, tags=body.tags
        )

    return reply(experiment_out(await call.services.database.write(make)))


@experiment_route("PATCH", "", Action.WRITE)
async def change_experiment(call: Call) -> Response:
    """Rename, describe, tag (merged), archive or bring back."""
    body = await read_json(call, ExperimentChange)

    def change(db: Transaction) -> ExperimentView:
        return experiments.change_experiment(
            db,
            call.workspace,
            get_experiment(db, call),
            name=body.name,
            description=body.description,
            tags=body.tags,
            archived=body.archive,
        )

    return reply(experiment_out(await call.services.database.write(change)))


@experiment_route("POST", "/tags:delete", Action.WRITE)
async def delete_tags(call: Call) -> Response:
    """Remove tags by their keys; those that are not there are no fault."""
    keys = (await read_json(call, TagsIn)).tags

    def remove(db: Transaction) -> ExperimentView:
        return experiments.remove_tags(db, call.workspace, get_experiment(db, call), keys)

    await call.services.database.write(remove)
    return reply({"errors": []})


@experiment_route("DELETE", "", Action.DELETE)
async def delete_experiment(call: Call) -> Response:
    """Erase an experiment without runs, as Azure does: 200 done, 202 and `Location` under way."""

    def request(db: Transaction) -> Operation:
        found = get_experiment(db, call)
        if listing.has_runs(db, call.workspace, found.row_id):
            message = "Only an experiment without runs is deleted here. POST /freehold/v1/erasures erases it with them."
            raise Conflict("ExperimentNotEmpty", message)
        days, engine = call.services.settings.forget_days, call.services.engine
        scope, found_id = Scope.EXPERIMENT, found.experiment_id
        return request_erasure(db, engine, call.actor, call.workspace, scope, found_id, forget_days=days)

    operation = await settle(call, await call.services.database.write(request))
    return _progress(call, operation)


@history_route("GET", "/operations/{operation}", Action.READ)
async def get_operation(call: Call) -> Response:
    """202 while it runs, 200 when it is done, the error when it failed."""
    return _progress(call, await look(call, call.params["operation"]))


def _progress(call: Call, operation: Operation) -> Response:
    if not operation.is_ended:
        path = HISTORY.format(**{key: call.params[key] for key in ("subscription", "group", "workspace")})
        where = f"{own_base(call)}{path}/operations/{operation.operation_id}"
        return empty(202, {"Location": where, "Retry-After": RETRY_SECONDS})
    if operation.state is not State.SUCCEEDED:
        raise Problem(operation.error_code or str(operation.state), operation.error_message or "It did not end well.")
    return reply({})


async def _list(call: Call, paged: Paged, view: str | None) -> Response:
    archived = _archived(view)
    found = await call.services.database.read(
        lambda db: listing.list_experiments(db, call.workspace, paged.question, archived=archived)
    )
    return answer_experiments(call, found, paged)


def _archived(view: str | None) -> bool | None:
    word = (view or "").lower()
    if word not in _VIEWS:
        raise Invalid("InvalidViewType", "viewType is ActiveOnly, ArchivedOnly or All.", target="viewType")
    return _VIEWS[word]
