"""An erasure that finds a trace stops with a clear state; once the trace is gone it can go on."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

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
