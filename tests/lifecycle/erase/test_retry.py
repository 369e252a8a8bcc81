"""An erasure that finds a trace stops with a clear state; once the trace is gone it can go on."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from freehold.lifecycle.deletion import delete
from freehold.operations.model import Operation, State
from freehold.operations.runner import Runner
from freehold.operations.service import retry_operation
from freehold.records.rules import Scope
from tests.lifecycle.erase.site import Site, open_site, traces
from tests.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One that looks every second for operations that wait."""
    made = make_world(tmp_path / "data").start(FREEHOLD_SWEEP_SECONDS="1")
    yield made
    made.kill()


def wait_for(world: World, operation_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        operation: dict[str, Any] = world.get(f"/freehold/v1/operations/{operation_id}", world.alice).json()
        if operation["ended_at"]:
            return operation
        time.sleep(0.1)
    raise AssertionError("the operation did not end")


def test_an_erasure_that_found_a_trace_goes_on_once_it_is_gone(world: World) -> None:
    experiment_id = world.mlflow("POST", "experiments/create", {"name": "with-a-stray-copy"})["experiment_id"]
    stray = world.folder / "tmp" / "stray.txt"
    stray.parent.mkdir(exist_ok=True)
    stray.write_text(f"somebody copied {experiment_id} here")
    body = {"scope": "experiment", "id": experiment_id}
    begun = world.post("/freehold/v1/erasures", body, world.alice).json()
    failed = wait_for(world, begun["id"])
    assert failed["state"] == "Failed"
    assert experiment_id not in failed["error"]["message"]
    assert world.get(f"/freehold/v1/certificates/{begun['id']}", world.alice).status_code == 404

    stray.unlink()
    address = f"/freehold/v1/operations/{begun['id']}/retry"
    assert world.post(address, None, None).status_code == 401
    assert world.post(address, None, world.charlie).status_code == 404
    assert world.post(address, None, world.alice).status_code == 200
    assert wait_for(world, begun["id"])["state"] == "Succeeded"
    statement = world.get(f"/freehold/v1/certificates/{begun['id']}", world.alice).json()["statement"]
    assert statement["level"] == "verified"
    assert world.post(address, None, world.alice).status_code == 409


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = open_site(tmp_path / "data")
    yield made
    made.close()


@pytest.mark.parametrize("step", ["", "forget", "copies", "rows"])
def test_what_is_deleted_beside_a_retry_is_erased_too(site: Site, step: str) -> None:
    """A deletion that had begun knows what it erases; none of what comes later is counted to it."""
    experiment = site.experiment()
    of_experiment = len(site.canaries)
    first = delete_run(site, site.run(experiment, points=500))
    fail_at(site, first, step)
    site.database.write_now(lambda db: retry_operation(db, site.engine, first.operation_id))
    second = delete_run(site, site.run(experiment, points=500))
    for each in {first.operation_id, second.operation_id}:
        assert site.work_off(site.operation(each)).state is State.SUCCEEDED
    assert traces(site.folder, site.canaries[of_experiment:]) == {}


def delete_run(site: Site, run_id: str) -> Operation:
    row = site.row_of("runs", "run_id", run_id)
    return site.database.write_now(
        lambda db: delete(db, site.engine, site.actor, site.workspace, [(Scope.RUN, row)], forget_days=1)
    )


def fail_at(site: Site, operation: Operation, step: str) -> None:
    runner = Runner(site.database, site.settings, site.engine.kinds, site.engine._stopping)
    with patch("freehold.operations.runner.SLICE_SECONDS", 0):
        while site.operation(operation.operation_id).step != step:
            assert runner.run_slice(operation.operation_id)
    runner.give_up(operation.operation_id, "Planted")
