"""Over the public interfaces, against a real server: canaries go in by MLflow's API and stand nowhere afterwards."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.erase.site import traces
from tests.patience import patient
from tests.world import World, make_world

ERASURES = "/freehold/v1/erasures"
PATIENCE = patient(60)


@pytest.fixture(params=["sqlite3", "pysqlite3"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "data", FREEHOLD_SQLITE_DRIVER=request.param).start()
    yield made
    made.kill()


def _log_run(world: World, experiment_id: str, mark: str) -> str:
    tags = [{"key": "mlflow.runName", "value": f"run name {mark}"}, {"key": f"tag key {mark}", "value": f"tag {mark}"}]
    body = {"experiment_id": experiment_id, "start_time": 1, "tags": tags, "run_name": f"run name {mark}"}
    run_id: str = world.mlflow("POST", "runs/create", body)["run"]["info"]["run_id"]
    metrics = [{"key": f"metric {mark}", "value": step / 7, "timestamp": step, "step": step} for step in range(800)]
    world.mlflow(
        "POST",
        "runs/log-batch",
        {"run_id": run_id, "metrics": metrics, "params": [{"key": f"key {mark}", "value": f"parameter {mark}"}]},
    )
    world.mlflow("POST", "runs/log-metric", {"run_id": run_id, "key": f"lone {mark}", "value": 1.0, "timestamp": 1})
    world.mlflow("POST", "runs/set-tag", {"run_id": run_id, "key": "mlflow.note.content", "value": f"note {mark}"})
    path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment_id}/{run_id}/artifacts/{mark.replace(' ', '-')}.txt"
    response = world.request("PUT", path, world.alice, content=f"artifact {mark} ".encode() * 3_000)
    assert response.status_code == 200, response.text
    return run_id


def _marks(mark: str) -> list[str]:
    words = ("run name", "tag key", "tag", "metric", "key", "parameter", "lone", "note", "artifact")
    return [f"{word} {mark}" for word in words]


def _finish(world: World, response: Any) -> dict[str, Any]:
    assert response.status_code == 202, response.text
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        operation: dict[str, Any] = world.get(response.headers["Location"], world.alice).json()
        if operation["state"] not in ("NotStarted", "Running"):
            return operation
        time.sleep(0.1)
    raise AssertionError(f"the erasure did not end: {operation}, {world.log()}")


def test_erased_over_http_stands_in_no_byte(served: World) -> None:
    mark, kept_mark = "Quagga-5b0f6ad0c1e94c2b", "Numbat-97e2f0d0416b4d6b"
    experiment_id = served.mlflow("POST", "experiments/create", {"name": "Quokka-3d1f6e1d84c34a0a"})["experiment_id"]
    other_id = served.mlflow("POST", "experiments/create", {"name": "Numbat-home"})["experiment_id"]
    run_id, second = (_log_run(served, experiment_id, mark) for _ in range(2))
    kept = _log_run(served, other_id, kept_mark)
    planted = set(_marks(mark)) - {f"artifact {mark}"}
    assert planted <= set(traces(served.folder, _marks(mark)))

    plan = served.post(ERASURES, {"scope": "run", "id": run_id, "dry_run": True}, served.alice).json()
    answer = served.post(ERASURES, {"scope": "run", "id": run_id, "plan_digest": plan["digest"]}, served.alice)
    assert served.get(f"/api/2.0/mlflow/runs/get?run_id={run_id}", served.alice).status_code == 404
    assert _finish(served, answer)["state"] == "Succeeded"
    assert traces(served.folder, [run_id]) == {}

    operation = _finish(served, served.post(ERASURES, {"scope": "experiment", "id": experiment_id}, served.alice))
    assert operation["state"] == "Succeeded"
    assert operation["result"]["level"] == "verified"
    gone = [*_marks(mark), run_id, second, experiment_id, "Quokka-3d1f6e1d84c34a0a"]
    assert traces(served.folder, gone) == {}
    assert set(traces(served.folder, [*_marks(kept_mark), kept])) == {*_marks(kept_mark), kept}
    assert served.get(f"/api/2.0/mlflow/runs/get?run_id={kept}", served.alice).status_code == 200


def test_stranger_finds_nothing_to_erase(shared_world: World) -> None:
    world = shared_world
    experiment_id = world.mlflow("POST", "experiments/create", {"name": "not Charlie's"})["experiment_id"]
    run_id = _log_run(world, experiment_id, "Tapir-1f0c1d7e")
    body = {"scope": "run", "id": run_id}
    assert world.post(ERASURES, body).status_code == 401
    assert world.post(ERASURES, body, world.charlie).status_code == 404
    assert world.post(ERASURES, body, world.bob).status_code == 403
    assert world.get(f"/api/2.0/mlflow/runs/get?run_id={run_id}", world.alice).status_code == 200


def test_exports_under_way_and_finished_ones_are_withdrawn(served: World) -> None:
    """A bag of the workspace holds the run too: one is ready when the erasure begins, one is being written."""
    world, mark = served, "Wombat-6a0d2c1b7e8f4a55"
    experiment_id = world.mlflow("POST", "experiments/create", {"name": "exported"})["experiment_id"]
    run_id = _log_run(world, experiment_id, mark)
    ready = _finish(world, world.post("/freehold/v1/exports", {"scope": "workspace"}, world.alice))
    bag = f"/freehold/v1/exports/{ready['id']}/bag"
    assert ready["state"] == "Succeeded"
    assert list((world.folder / "exports").iterdir())
    under_way = world.post("/freehold/v1/exports", {"scope": "workspace"}, world.alice)
    answer = world.post(ERASURES, {"scope": "run", "id": run_id}, world.alice)
    assert world.get(bag, world.alice).status_code == 404
    assert _finish(world, answer)["state"] == "Succeeded"
    stopped = _finish(world, under_way)
    assert stopped["state"] in ("Canceled", "Failed", "Succeeded")
    assert traces(world.folder, [run_id, *_marks(mark)]) == {}
    assert world.get(bag, world.alice).status_code == 404
    kept = {path.name for path in (world.folder / "exports").iterdir()}
    assert kept <= {stopped["id"]}
    again = _finish(world, world.post("/freehold/v1/exports", {"scope": "workspace"}, world.alice))
    assert again["state"] == "Succeeded"
