"""Content to export, made through the domain, and an exporter's bench on a real database."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from freehold.domain.artifacts.service import ArtifactName
from freehold.domain.artifacts.transfer import upload
from freehold.domain.experiments.service import ExperimentView, create_experiment
from freehold.domain.metrics.service import log_metrics
from freehold.domain.runs import service as runs
from freehold.lifecycle.export_task import write_bag
from freehold.lifecycle.spool import Spool
from freehold.records.rules import Scope
from freehold.settings import Settings
from freehold.storage.blobs import open_objects
from freehold.storage.metrics import Point
from freehold.storage.transaction import Transaction
from tests.conftest import House
from tests.sent_bags import as_sent

T = TypeVar("T")
FILES = {"model/MLmodel": b"flavor: x\n", "plots/Loss é.png": bytes(range(256)) * 300, "A": b"1", "a": b"2"}


@dataclass
class LocalBench:
    """As the worker's: settings, reads, a line to the parent."""

    house: House
    said: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def settings(self) -> Settings:
        return self.house.settings

    def read(self, query: Callable[[Transaction], T]) -> T:
        return self.house.database.read_now(query)

    def report(self, progress: Mapping[str, Any]) -> None:
        self.said.append(progress)


def add_experiment(house: House, name: str) -> ExperimentView:
    return house.database.write_now(
        lambda db: create_experiment(db, house.alice, house.workspace, name, tags={"team": "blue"})
    )


def add_run(house: House, experiment: ExperimentView, name: str, points: int = 60, **more: Any) -> str:
    """A run with a parameter, a tag, metrics of two keys in several segments, and an author that its client named."""

    def make(db: Transaction) -> str:
        run_id = runs.create_run(
            db, house.alice, house.workspace, experiment, name=name, user="alice@example.org", started_at=1, **more
        )
        runs.log_parameters(db, house.workspace, run_id, [("depth", "3")])
        runs.set_tags(db, house.alice, house.workspace, run_id, {"note": name})
        runs.record_event(db, house.workspace, run_id, "started", {"by": "test"}, 5)
        return run_id

    run_id = house.database.write_now(make)
    for start in range(0, points, 20):
        log = [Point(key, step, 1_000 * step, step / 7) for step in range(start, start + 10) for key in ("loss", "acc")]
        house.database.write_now(lambda db, log=log: log_metrics(db, house.workspace, run_id, log))  # type: ignore[misc]  # binds the loop's value
    return run_id


def add_file(house: House, run_id: str, path: str, content: bytes) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield content

    name = ArtifactName("ExperimentRun", f"dcid.{run_id}", path)
    objects = open_objects(house.settings)
    asyncio.run(upload(house.database, objects, house.alice, house.workspace, name, pieces()))


def fill(house: House) -> dict[str, str]:
    """Two experiments with three runs and files; run ids by name."""
    first, second = add_experiment(house, "first/ø"), add_experiment(house, "second")
    made = {"one": add_run(house, first, "one"), "two": add_run(house, first, "two")}
    made["three"] = add_run(house, second, "three", parent_run_id=made["one"])
    for run_id in made.values():
        for path, content in FILES.items():
            add_file(house, run_id, path, content + run_id.encode())
    return made


def job_of(house: House, operation_id: str, scope: Scope = Scope.WORKSPACE, root_row: int = 1) -> dict[str, Any]:
    keys = dict(house.keys.certificates.jwks())
    return {
        "operation_id": operation_id,
        "scope": scope.value,
        "workspace_id": house.workspace.workspace_id,
        "root_row": root_row,
        "version": "0.1.0",
        "keys": keys,
    }


def export(house: House, operation_id: str, scope: Scope = Scope.WORKSPACE, root_row: int = 1) -> Path:
    """The folder of the finished bag, as it is sent."""
    write_bag(LocalBench(house), job_of(house, operation_id, scope, root_row))
    return as_sent(Spool(house.settings.data_folder, operation_id).bag)
