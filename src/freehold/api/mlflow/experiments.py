"""MLflow's experiments: create, get, search, update, delete (archive), restore, tags."""

import msgspec
from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.mlflow import shapes, words
from freehold.api.mlflow.door import EMPTY, max_results, named, open_token, read_body, route, seal_token
from freehold.api.mlflow.printing import STORE, experiment_out
from freehold.api.replies import reply
from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.experiments import service
from freehold.domain.experiments.service import ExperimentRef, ExperimentView
from freehold.domain.experiments.vocabulary import EXPERIMENTS
from freehold.domain.search.service import Question, search_experiments
from freehold.kit.filters import parse_filter, parse_orderings
from freehold.kit.problems import Invalid, NotFound
from freehold.storage.transaction import Transaction

DEFAULT_ID, DEFAULT_NAME = "0", "Default"
"""What clients mean who never chose an experiment: its id is fixed in them."""
LARGEST_PAGE = 50_000
PAGE = 5_000

_CREATE = msgspec.json.Decoder(shapes.CreateExperiment)
_UPDATE = msgspec.json.Decoder(shapes.UpdateExperiment)
_TARGET = msgspec.json.Decoder(shapes.ExperimentTarget)
_SET_TAG = msgspec.json.Decoder(shapes.SetExperimentTag)
_DELETE_TAG = msgspec.json.Decoder(shapes.DeleteExperimentTag)
_SEARCH = msgspec.json.Decoder(shapes.SearchExperiments)


@route("POST", "/mlflow/experiments/create", Action.WRITE)
async def create_experiment(call: Call) -> Response:
    """Make an experiment."""
    body = await read_body(call, _CREATE)
    named(body.name, "name")
    if body.artifact_location and not body.artifact_location.startswith(STORE):
        message = "Freehold keeps artifacts in its own store. Leave artifact_location out."
        raise Invalid("InvalidArtifactLocation", message, target="artifact_location")
    tags = words.entries(body.tags, "tags")
    made = await call.services.database.write(
        lambda db: service.create_experiment(db, call.actor, call.workspace, body.name, tags=tags)
    )
    return reply(shapes.ExperimentIdAnswer(made.experiment_id))


@route("GET", "/mlflow/experiments/get", Action.READ)
async def get_experiment(call: Call) -> Response:
    """Read an experiment by its id."""
    experiment_id = named(call.query.get("experiment_id", ""), "experiment_id")
    found = await call.services.database.read(lambda db: experiment_by_id(db, call.workspace, experiment_id))
    return reply(shapes.ExperimentAnswer(experiment_out(found)))


@route("GET", "/mlflow/experiments/get-by-name", Action.READ)
async def get_experiment_by_name(call: Call) -> Response:
    """Read an experiment by its name, also a deleted one."""
    name = named(call.query.get("experiment_name", ""), "experiment_name")
    found = await call.services.database.read(lambda db: service.get_experiment_by_name(db, call.workspace, name))
    return reply(shapes.ExperimentAnswer(experiment_out(found)))


@route("POST", "/mlflow/experiments/search", Action.READ)
async def search(call: Call) -> Response:
    """Find experiments by a filter, in an order, in pages."""
    body = await read_body(call, _SEARCH)
    asked = (body.filter, body.order_by, body.view_type)
    question = Question(
        parse_filter(body.filter, EXPERIMENTS),
        parse_orderings(body.order_by, EXPERIMENTS),
        words.view(body.view_type, "view_type"),
        max_results(body.max_results, default=1_000, largest=LARGEST_PAGE, page=PAGE),
        open_token(call, body.page_token, asked),
    )
    found = await call.services.database.read(lambda db: search_experiments(db, call.workspace, question))
    token = seal_token(call, found.next_place, asked)
    return reply(shapes.ExperimentsAnswer([experiment_out(each) for each in found.experiments], token))


@route("POST", "/mlflow/experiments/update", Action.WRITE)
async def update_experiment(call: Call) -> Response:
    """Rename an experiment."""
    body = await read_body(call, _UPDATE)
    new_name = named(body.new_name or "", "new_name")

    def change(db: Transaction) -> None:
        experiment = active_experiment(db, call.workspace, named(body.experiment_id, "experiment_id"))
        service.change_experiment(db, call.workspace, experiment, name=new_name)

    await call.services.database.write(change)
    return EMPTY


@route("POST", "/mlflow/experiments/delete", Action.DELETE)
async def delete_experiment(call: Call) -> Response:
    """Set an experiment and its runs aside; restorable until they are erased."""
    await _set_aside(call, deleted=True)
    return EMPTY


@route("POST", "/mlflow/experiments/restore", Action.WRITE)
async def restore_experiment(call: Call) -> Response:
    """Bring an experiment back that was set aside."""
    await _set_aside(call, deleted=False)
    return EMPTY


@route("POST", "/mlflow/experiments/set-experiment-tag", Action.WRITE)
async def set_experiment_tag(call: Call) -> Response:
    """Set one tag of an experiment."""
    body = await read_body(call, _SET_TAG)
    words.check_entry_name(named(body.key, "key"))

    def change(db: Transaction) -> None:
        experiment = active_experiment(db, call.workspace, named(body.experiment_id, "experiment_id"))
        service.change_experiment(db, call.workspace, experiment, tags={body.key: body.value})

    await call.services.database.write(change)
    return EMPTY


@route("POST", "/mlflow/experiments/delete-experiment-tag", Action.WRITE)
async def delete_experiment_tag(call: Call) -> Response:
    """Remove one tag of an experiment."""
    body = await read_body(call, _DELETE_TAG)

    def change(db: Transaction) -> None:
        experiment = active_experiment(db, call.workspace, named(body.experiment_id, "experiment_id"))
        if named(body.key, "key") not in experiment.tags:
            raise NotFound("TagNotFound", "The experiment has no tag of this key.", target="key")
        service.remove_tags(db, call.workspace, experiment, [body.key])

    await call.services.database.write(change)
    return EMPTY


def experiment_by_id(db: Transaction, workspace: WorkspaceRef, experiment_id: str) -> ExperimentView:
    if experiment_id == DEFAULT_ID:
        return service.get_experiment_by_name(db, workspace, DEFAULT_NAME)
    return service.get_experiment(db, workspace, experiment_id)


def active_experiment(db: Transaction, workspace: WorkspaceRef, experiment_id: str) -> ExperimentView:
    """Raises Invalid for one that is set aside, as MLflow does."""
    experiment = experiment_by_id(db, workspace, experiment_id)
    if experiment.archived_at is not None:
        raise Invalid("ExperimentDeleted", "The experiment is deleted. Restore it before you change it.")
    return experiment


def experiment_to_log_into(db: Transaction, actor: Actor, workspace: WorkspaceRef, experiment_id: str) -> ExperimentRef:
    """The default one is made when it is first used."""
    if experiment_id != DEFAULT_ID:
        return service.get_experiment_ref(db, workspace, experiment_id)
    default = service.find_experiment_by_name(db, workspace, DEFAULT_NAME)
    default = default or service.create_experiment(db, actor, workspace, DEFAULT_NAME)
    return ExperimentRef(default.row_id, default.experiment_id, default.archived_at)


async def _set_aside(call: Call, *, deleted: bool) -> None:
    body = await read_body(call, _TARGET)

    def change(db: Transaction) -> None:
        experiment = experiment_by_id(db, call.workspace, named(body.experiment_id, "experiment_id"))
        if (experiment.archived_at is not None) == deleted:
            state = "deleted already" if deleted else "not deleted"
            raise NotFound("ExperimentNotFound", f"The experiment is {state}.")
        service.change_experiment(db, call.workspace, experiment, deleted=deleted)

    await call.services.database.write(change)
