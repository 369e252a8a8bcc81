"""What is told of operations: also their failure, in the server as it is composed, and never what they were about."""

from types import SimpleNamespace
from typing import cast

import pytest
import sqlalchemy as sa

from freehold.api.services import Services
from freehold.app import _engine, operation_kinds
from freehold.domain.documents.queries import Paging
from freehold.domain.experiments.service import create_experiment
from freehold.domain.notifications.rules import MESSAGES
from freehold.domain.notifications.service import TaskView, list_tasks
from freehold.domain.runs import service as runs
from freehold.lifecycle.erase import request_erasure
from freehold.lifecycle.export import request_export
from freehold.operations.engine import OperationEngine
from freehold.operations.model import Operation, State
from freehold.operations.service import get_operation
from freehold.records.notifications import Notification, Task
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction
from tests.azure2020.conftest import Azure
from tests.conftest import House

NAME = "experiment-of-a-secret-name"


@pytest.fixture
def run(sqlite_house: House) -> str:
    house = sqlite_house

    def make(db: Transaction) -> str:
        experiment = create_experiment(db, house.alice, house.workspace, NAME)
        return runs.create_run(db, house.alice, house.workspace, experiment, run_id="run-of-a-secret-name")

    return house.database.write_now(make)


@pytest.fixture
def engine(sqlite_house: House) -> OperationEngine:
    """As the server builds it, not started."""
    parts = SimpleNamespace(database=sqlite_house.database, settings=sqlite_house.settings)
    return _engine(cast(Services, parts))


def request(house: House, engine: OperationEngine, kind: str, run: str) -> Operation:
    def ask(db: Transaction) -> Operation:
        if kind == "export":
            return request_export(db, engine, house.alice, house.workspace, Scope.RUN, run)
        return request_erasure(db, engine, house.alice, house.workspace, Scope.RUN, run)

    return house.database.write_now(ask)


def tasks(house: House) -> list[TaskView]:
    return house.database.read_now(lambda db: list_tasks(db, house.workspace, Paging(100)).tasks)


@pytest.mark.parametrize(("kind", "title"), [("export", "Export failed"), ("erase", "Erasure needs attention")])
def test_an_operation_that_fails_is_told_to_who_asked(
    sqlite_house: House, engine: OperationEngine, run: str, kind: str, title: str
) -> None:
    begun = request(sqlite_house, engine, kind, run)
    engine._runner.give_up(begun.operation_id, "DiskFull")
    ended = sqlite_house.database.read_now(lambda db: get_operation(db, begun.operation_id))
    assert ended.state is State.FAILED
    (task,) = tasks(sqlite_house)
    assert (task.task_type, task.status, task.operation_id) == ("Operation", "Failed", begun.operation_id)
    assert task.person is not None
    assert task.person.object_id == sqlite_house.alice.object_id
    (told,) = task.notifications
    assert (told.level, told.title, told.object_id) == ("Error", title, sqlite_house.alice.object_id)
    engine._runner.give_up(begun.operation_id, "DiskFull")
    assert tasks(sqlite_house) == [task]


@pytest.mark.parametrize("kind", ["export", "erase"])
def test_what_is_stored_of_a_failure_names_nothing(
    sqlite_house: House, engine: OperationEngine, run: str, kind: str
) -> None:
    begun = request(sqlite_house, engine, kind, run)
    engine._runner.give_up(begun.operation_id, "DiskFull")
    stored = sqlite_house.database.read_now(
        lambda db: [str(list(row)) for table in (Task, Notification) for row in db.execute(sa.select(table.table))]
    )
    assert len(stored) == 2
    assert not any(name in row for row in stored for name in (NAME, run))


def test_every_kind_of_operation_has_words_for_both_ends(engine: OperationEngine) -> None:
    for kind in operation_kinds():
        assert {f"{kind.name} succeeded", f"{kind.name} failed"} <= MESSAGES.keys()
        assert engine.kinds[kind.name].on_failure is kind.on_failure is not None


def test_a_failed_export_of_what_is_erased_meanwhile_is_told_to_nobody(
    sqlite_house: House, engine: OperationEngine, run: str
) -> None:
    """Its target is known no more, so nobody can tell in which workspace it was."""
    begun = request(sqlite_house, engine, "export", run)
    sqlite_house.database.write_now(_forget_targets)
    engine._runner.give_up(begun.operation_id, "OperationSuperseded")
    assert tasks(sqlite_house) == []


def _forget_targets(db: Transaction) -> None:
    db.execute(sa.text("DELETE FROM operation_targets"))


def test_logging_tells_nothing_and_an_end_tells_once(azure: Azure) -> None:
    """Metrics, tags and heartbeats are the hot path: none of them becomes a task."""
    run = azure.new_run(status="Running")
    place = f"/notification/v1.0{azure.workspace}/tasks?$top=500"
    for step in range(3):
        azure.world.mlflow("POST", "runs/log-metric", {"run_id": run, "key": "m", "value": step, "timestamp": 1})
    azure.report(run, "Heartbeat")
    azure.put_run(run, tags={"a": "b"})
    assert [each for each in azure.ok("GET", place)["value"] if each["runId"] == run] == []
    azure.report(run, "Completed")
    azure.report(run, "Completed")
    (task,) = [each for each in azure.ok("GET", place)["value"] if each["runId"] == run]
    assert len(task["notifications"]) == 1


def test_erasing_a_run_leaves_neither_its_task_nor_its_name_in_the_tasks_of_operations(azure: Azure) -> None:
    run = azure.new_run(status="Running", displayName="a name to be forgotten")
    azure.put_run(run, status="Failed")
    place = f"/notification/v1.0{azure.workspace}/tasks?$top=500"
    exported = azure.ok("POST", "/freehold/v1/exports", {"scope": "run", "id": run}, status=202)["id"]
    while azure.ok("GET", f"/freehold/v1/operations/{exported}")["state"] in ("NotStarted", "Running"):
        pass
    erased = azure.ok("POST", "/freehold/v1/erasures", {"scope": "run", "id": run}, status=202)["id"]
    azure.erased()
    listed = azure.ok("GET", place)["value"]
    assert {exported, erased} <= {each["operationId"] for each in listed}
    assert not any(name in str(listed) for name in (run, "a name to be forgotten"))
