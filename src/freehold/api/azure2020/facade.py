"""The façades of the 2020 services, and the addresses under which experiments and runs are found."""

from collections.abc import Callable
from functools import partial

from freehold.api.azure.versions import MODEL_MANAGEMENT, PROVIDER, after, check_data_version, check_version
from freehold.api.entry import Call
from freehold.api.errors import (
    arm_envelope,
    history_envelope,
    model_management_envelope,
    pipelines_envelope,
)
from freehold.api.routing import WORKSPACE, Echo, Endpoint, Facade, Rule, Within
from freehold.domain.access.actor import Action
from freehold.domain.experiments import service as experiments
from freehold.domain.experiments.service import ExperimentView
from freehold.domain.runs import service as runs
from freehold.domain.runs.views import RunView
from freehold.kit.problems import NotFound
from freehold.storage.transaction import Transaction

arm = Facade("arm", arm_envelope, folds_case=True, echo=Echo.WHEN_ASKED)
history = Facade("history", history_envelope, echo=Echo.ALWAYS)
artifact = Facade("artifact", history_envelope, echo=Echo.ALWAYS)
metric = Facade("metric", history_envelope, echo=Echo.ALWAYS)
modelmanagement = Facade("modelmanagement", model_management_envelope, echo=Echo.ALWAYS)
notification = Facade("notification", history_envelope, echo=Echo.ALWAYS)
datastore = Facade("datastore", history_envelope, echo=Echo.ALWAYS)
dataset = Facade("dataset", history_envelope, echo=Echo.ALWAYS)
pipelines = Facade("pipelines", pipelines_envelope, echo=Echo.ALWAYS)

HISTORY = f"/history/v1.0{WORKSPACE}"
ARTIFACTS = (f"/artifact/v2.0{WORKSPACE}/artifacts", f"/artifact/v1.0{WORKSPACE}/artifacts")
METRICS = f"/metric/v2.0{WORKSPACE}/runs/{{run}}"
_EXPERIMENTS = ("/experiments/{experiment}", "/experimentids/{experiment_id}")


def arm_route(
    method: str, path: str, rule: Rule, versions: frozenset[str] = PROVIDER
) -> Callable[[Endpoint], Endpoint]:
    """Declare an ARM handler; it is called only with an api-version that is served."""

    def declare(endpoint: Endpoint) -> Endpoint:
        checked = after(lambda call: check_version(call, versions))(endpoint)
        arm.route(method, path, rule, versions=versions)(checked)
        return endpoint

    return declare


MODEL_MANAGEMENT_ROOTS = (f"/modelmanagement/v1.0{WORKSPACE}", f"/api{WORKSPACE}")
"""The SDK's addresses, which need no api-version, and the published pages', which have one."""


def model_management_route(
    method: str, tail: str, action: Action, *, body: type | None = None, answer: type | None = None, status: int = 200
) -> Callable[[Endpoint], Endpoint]:
    """Below both roots; called only with an api-version that is served."""

    def declare(endpoint: Endpoint) -> Endpoint:
        for root in MODEL_MANAGEMENT_ROOTS:
            may_lack = root.startswith("/modelmanagement/")

            check = partial(check_data_version, served=MODEL_MANAGEMENT, may_lack=may_lack)
            route = modelmanagement.route(
                method,
                f"{root}{tail}",
                Within(action),
                body=body,
                answer=answer,
                status=status,
                versions=MODEL_MANAGEMENT,
            )
            route(after(check)(endpoint))
        return endpoint

    return declare


def history_route(method: str, tail: str, action: Action) -> Callable[[Endpoint], Endpoint]:
    return history.route(method, HISTORY + tail, Within(action))


def experiment_route(method: str, tail: str, action: Action) -> Callable[[Endpoint], Endpoint]:
    """Below `experiments/{name}` and `experimentids/{id}`: one client call may use both."""
    return _each(method, [f"{HISTORY}{root}{tail}" for root in _EXPERIMENTS], action)


def run_route(method: str, tail: str, action: Action) -> Callable[[Endpoint], Endpoint]:
    """Below each way of naming an experiment, and below `runs/{id}` alone."""
    roots = [*(f"{root}/runs/{{run}}" for root in _EXPERIMENTS), "/runs/{run}"]
    return _each(method, [f"{HISTORY}{root}{tail}" for root in roots], action)


def find_experiment(db: Transaction, call: Call) -> ExperimentView | None:
    """The experiment that the address names; None if it names none. Raises NotFound.

    A name wins; MLflow's plugin for Azure puts what it holds where the name belongs, which may be the id.
    """
    if "experiment" in call.params:
        named = experiments.find_experiment_by_name(db, call.workspace, call.params["experiment"])
        return named or experiments.get_experiment(db, call.workspace, call.params["experiment"])
    if "experiment_id" in call.params:
        return experiments.get_experiment(db, call.workspace, call.params["experiment_id"])
    return None


def get_experiment(db: Transaction, call: Call) -> ExperimentView:
    found = find_experiment(db, call)
    assert found is not None, "a route of experiments names one"
    return found


def get_run(db: Transaction, call: Call, run_id: str | None = None) -> RunView:
    """The run that the address names. Raises NotFound, also for one of another experiment or set aside as deleted."""
    run = runs.get_run(db, call.workspace, run_id or call.params["run"])
    experiment = find_experiment(db, call)
    if run.deleted_at is not None or (experiment is not None and run.experiment_id != experiment.experiment_id):
        raise NotFound("RunNotFound", "There is no run with this id in the experiment.")
    return run


def _each(method: str, paths: list[str], action: Action) -> Callable[[Endpoint], Endpoint]:
    def declare(endpoint: Endpoint) -> Endpoint:
        for path in paths:
            history.route(method, path, Within(action))(endpoint)
        return endpoint

    return declare
