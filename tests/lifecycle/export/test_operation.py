"""An export as people ask for it: over HTTP, from a real server with its worker process."""

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from freehold.lifecycle.bag.certificate import CertificateState
from freehold.lifecycle.bag.verify import verify_bag
from tests.lifecycle.imports.bags import Files, files_of
from tests.world import Person, World

EXPORTS = "/freehold/v1/exports"


def log_run(world: World, experiment: str, metrics: int = 50) -> str:
    experiment_id = world.mlflow("POST", "experiments/create", {"name": experiment})["experiment_id"]
    run = world.mlflow("POST", "runs/create", {"experiment_id": experiment_id, "start_time": 1, "run_name": "first"})
    run_id = str(run["run"]["info"]["run_id"])
    points = [{"key": "loss", "value": step / 3, "timestamp": step, "step": step} for step in range(metrics)]
    world.mlflow("POST", "runs/log-batch", {"run_id": run_id, "metrics": points})
    return run_id


def ask(world: World, scope: str = "workspace", root: str | None = None, person: Person | None = None) -> str:
    answer = world.post(EXPORTS, {"scope": scope, "id": root}, person or world.alice)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def ended(world: World, operation_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        operation: dict[str, Any] = world.get(f"/freehold/v1/operations/{operation_id}", world.alice).json()
        if operation["state"] not in ("NotStarted", "Running"):
            return operation
        time.sleep(0.1)
    raise AssertionError(f"the export did not end: {world.log()}")


def fetch(world: World, operation_id: str, to: Path) -> Path:
    answer = world.get(f"{EXPORTS}/{operation_id}/bag", world.alice)
    assert answer.status_code == 200, answer.text
    to.write_bytes(answer.content)
    return to


def keys_of(world: World) -> dict[str, Any]:
    keys: dict[str, Any] = world.get("/freehold/v1/certificates/keys").json()
    return keys


def test_a_bag_comes_home_signed(world: World, tmp_path: Path) -> None:
    log_run(world, "first")
    operation_id = ask(world)
    operation = ended(world, operation_id)
    assert operation["state"] == "Succeeded", operation
    assert operation["result"]["counts"]["metric_points"] == 50
    report = verify_bag(fetch(world, operation_id, tmp_path / "bag.tar"), keys=keys_of(world))
    assert report.faults == []
    assert report.certificate is CertificateState.VALID
    assert report.claims["operation_id"] == operation_id
    assert "first" not in str(report.claims)


def test_what_was_told_of_an_export_is_accounted_for(world: World, tmp_path: Path) -> None:
    """How much of it stays differs between servers of one content, so only the certificate has a number."""
    log_run(world, "first")
    ended(world, ask(world))
    second = ask(world)
    ended(world, second)
    files = files_of(fetch(world, second, tmp_path / "bag.tar"))
    tables = json.loads(files["data/coverage.json"])["tables"]
    certified = certificate_of(files)["withheld"]
    for name in ("audit_entries", "tasks", "notifications"):
        assert tables[name]["rows_withheld_because"]
        assert "rows_in_snapshot" not in tables[name]
        assert tables[name]["rows_exported"] == 0 < certified[name]
    assert tables["runs"]["rows_in_snapshot"] == tables["runs"]["rows_exported"] == 1


def certificate_of(files: Files) -> dict[str, Any]:
    _, payload, _ = files["certificate.jws"].split(b".")
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + b"=="))
    return said


def test_the_same_bag_is_sent_twice_alike(world: World, tmp_path: Path) -> None:
    log_run(world, "first")
    operation_id = ask(world)
    ended(world, operation_id)
    one, other = (fetch(world, operation_id, tmp_path / name).read_bytes() for name in ("one", "other"))
    assert one == other


def test_a_run_that_is_not_there_cannot_be_exported(world: World) -> None:
    answer = world.post(EXPORTS, {"scope": "run", "id": "0" * 32}, world.alice)
    assert answer.status_code == 404
    assert world.post(EXPORTS, {"scope": "workspace"}, world.charlie).status_code in (403, 404)


def test_a_bag_is_for_those_who_may_export(world: World) -> None:
    log_run(world, "first")
    operation_id = ask(world)
    ended(world, operation_id)
    assert world.get(f"{EXPORTS}/{operation_id}/bag", world.charlie).status_code == 404
    assert world.get(f"{EXPORTS}/{operation_id}/bag").status_code == 401


def test_a_dropped_bag_leaves_no_file(world: World) -> None:
    log_run(world, "first")
    operation_id = ask(world)
    ended(world, operation_id)
    assert world.request("DELETE", f"{EXPORTS}/{operation_id}/bag", world.alice).status_code == 204
    assert world.get(f"{EXPORTS}/{operation_id}/bag", world.alice).status_code == 404
    assert list((world.folder / "exports").glob("*")) == list((world.folder / "spools").glob("*")) == []


def test_an_erasure_takes_the_bags_that_hold_it(world: World) -> None:
    run_id = log_run(world, "first")
    operation_id = ask(world)
    ended(world, operation_id)
    erased = world.post("/freehold/v1/erasures", {"scope": "run", "id": run_id}, world.alice)
    assert erased.status_code == 202, erased.text
    assert world.get(f"{EXPORTS}/{operation_id}/bag", world.alice).status_code == 404
    assert ended(world, erased.json()["id"])["state"] == "Succeeded"
    assert list((world.folder / "exports").glob("*")) == []


@pytest.mark.parametrize("delay", [0.05, 0.4, 0.8, 1.2])
def test_a_killed_server_finishes_the_export_by_itself(world: World, tmp_path: Path, delay: float) -> None:
    log_run(world, "first", 900)
    operation_id = ask(world)
    time.sleep(delay)
    world.kill()
    world.start()
    assert ended(world, operation_id)["state"] == "Succeeded"
    assert verify_bag(fetch(world, operation_id, tmp_path / "bag.tar"), keys=keys_of(world)).faults == []
    assert list((world.folder / "spools").glob("*")) == []


def test_a_failed_export_says_what_to_do(world: World) -> None:
    first, second = log_run(world, "first"), log_run(world, "second")
    kept = ask(world, "run", first)
    assert ended(world, kept)["state"] == "Succeeded"
    answer = world.post(EXPORTS, {"scope": "run", "id": second, "since": kept}, world.alice)
    assert ended(world, answer.json()["id"])["error"] == {
        "code": "WrongBase",
        "message": "The base is a bag of something else. Name a bag of the same thing, or export without --since.",
    }


def test_an_export_with_a_damaged_object_names_its_key_in_the_log(world: World) -> None:
    run = log_run(world, "first")
    path = f"/api/2.0/mlflow-artifacts/artifacts/1/{run}/artifacts/model.bin"
    assert world.request("PUT", path, world.alice, content=b"whole").status_code == 200
    (object_,) = (each for each in (world.folder / "store" / "objects").rglob("*") if each.is_file())
    object_.chmod(0o600)
    object_.write_bytes(b"spoilt")
    error = ended(world, ask(world, "run", run))["error"]
    assert (error["code"], "The server's log has its key" in error["message"]) == ("ObjectDamaged", True)
    (line,) = (line for line in map(json.loads, world.log().splitlines()) if "object" in line)
    assert line["object"].rpartition("/")[2] == object_.name
    assert '"fault":"DamagedObject at lifecycle/export_task.py:' in world.log()
