"""Everything that reads documents of a world: every list and every GET, and calls that go on from what stands."""

import itertools
import re
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import sqlalchemy as sa

from freehold.api.routing import Route, SignedIn, Within
from freehold.app import facades
from freehold.domain.access.kinds import Kind
from freehold.records.assets import Asset, Model
from freehold.records.containers import Workspace
from freehold.records.experiments import Experiment
from freehold.records.metrics import StructuredMetric
from freehold.records.notifications import Task
from freehold.records.outside import Compute, Dataset, Datastore
from freehold.records.pipelines import PipelineDraft, PipelineGraph, PipelineObject
from freehold.records.runs import Run
from freehold.records.serving import Image, Manifest, Service
from freehold.storage.transaction import Transaction
from tests.oracle.serving import Served

Names = dict[str, list[str]]
"""Placeholder of routes → what it may stand for."""
NOT_READ = ("/write", "/content", "/Clone", "/token", "{operation}", "/freehold/v1", "artifact")
"""Routes that make something, lead to bytes, or to what is in no bag."""
ALIASES = ("/api/v1.0", "/rp/", "/ajax-api", "/experimentids/", "/experiments/{experiment}/runs/", "/Experiments")
"""Other spellings of what is asked."""
SEARCHES = ("/runs:query", "/experiments:query", "/metrics:query")
IDS = (
    Asset.c.asset_id,
    Model.c.model_id,
    Manifest.c.manifest_id,
    Image.c.image_id,
    Service.c.service_id,
    PipelineGraph.c.graph_id,
    PipelineObject.c.pipeline_object_id,
    PipelineDraft.c.pipeline_draft_id,
)
NAMES: dict[str, sa.Column[Any]] = {
    "experiment": Experiment.c.name,
    "compute": Compute.c.name,
    "name": Datastore.c.name,
    "dataset": Dataset.c.dataset_id,
    "saved": Dataset.c.dataset_id,
    "metric": StructuredMetric.c.metric_id,
    "task": Task.c.task_id,
}
CONTAINERS = {
    "hosting": Kind.HOSTING_ACCOUNT,
    "account": Kind.EXPERIMENTATION_ACCOUNT,
    "above": Kind.EXPERIMENTATION_WORKSPACE,
    "project": Kind.PROJECT,
    "cluster": Kind.CLUSTER,
}
_PLACE = re.compile(r"\{(\w+)(?::\w+)?\}")


class Question(NamedTuple):
    method: str
    path: str
    body: Any = None


def ask(served: Served, question: Question) -> int:
    return served.call(served.world.alice, *question).status


def reads(served: Served) -> list[Question]:
    """Every list and every GET that finds something."""
    known = served.services.database.read_now(lambda db: _names(served, db))
    asked = {each.path: each for route in _routes() for each in _of_route(route, known)}
    return [each for each in asked.values() if ask(served, each) == 200]


def _routes() -> Iterator[Route]:
    for route in (route for facade in facades() for route in facade.routes):
        is_read = route.method == "GET" or (route.method == "POST" and route.path.endswith(SEARCHES))
        is_asked = route.path != "/metrics" and not any(each in route.path for each in (*NOT_READ, *ALIASES))
        if is_read and is_asked and isinstance(route.rule, Within | SignedIn):
            yield route


def _of_route(route: Route, known: Names) -> Iterator[Question]:
    names = list(dict.fromkeys(_PLACE.findall(route.path)))
    for values in itertools.product(*(known.get(name, []) for name in names)):
        given = dict(zip(names, values, strict=True))
        path = _PLACE.sub(lambda found, of=given: of[found[1]], route.path)  # type: ignore[misc]  # binds the loop's value
        path += f"?api-version={max(route.versions)}" if route.versions else ""
        yield Question(route.method, path, {} if route.method == "POST" else None)


def _names(served: Served, db: Transaction) -> Names:
    def values(column: sa.Column[Any], *conditions: sa.ColumnElement[bool]) -> list[str]:
        return [quote(str(each)) for each in db.execute(sa.select(column).where(*conditions)).scalars()]

    world = served.world
    return {
        "subscription": [world.subscription_id],
        "group": ["freehold"],
        "workspace": ["default"],
        "namespace": ["Microsoft.MachineLearningServices"],
        "version": ["1"],
        "object": [world.alice.object_id],
        "id": [each for column in IDS for each in values(column)],
        "run": values(Run.c.run_id, Run.c.details.is_not(None)),
        **{name: values(column) for name, column in NAMES.items()},
        **{name: values(Workspace.c.name, Workspace.c.kind == kind) for name, kind in CONTAINERS.items()},
    }
