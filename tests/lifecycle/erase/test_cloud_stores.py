"""With its objects in S3, the server erases them there, says how far that came, and waits for a store that is away."""

import gc
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from freehold.kit.clock import SystemClock
from freehold.storage.backup import back_up, check_backup
from tests.gates import Gate
from tests.lifecycle.erase.site import traces
from tests.patience import patient
from tests.stores import Store, azure_environment, run_azurite, run_moto, s3_client, s3_environment
from tests.world import World, make_world

# moto's server leaves the socket of a request that is cut off to the garbage collector, which says so as a warning
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
PATIENCE = patient(90)
ENDED = ("Succeeded", "Failed", "Canceled")


@pytest.fixture
def moto() -> Iterator[Store]:
    with run_moto(f"b{secrets.token_hex(8)}") as store:
        yield store
    gc.collect()  # here, and not in a later test of another file


@contextmanager
def served(folder: Path, environment: dict[str, str]) -> Iterator[World]:
    objects = environment["FREEHOLD_OBJECTS"]
    world = make_world(folder / "data", FREEHOLD_OBJECTS=objects)
    rest = {name: value for name, value in environment.items() if name != "FREEHOLD_OBJECTS"}
    try:
        yield world.start(FREEHOLD_SWEEP_SECONDS="1", **rest)
    finally:
        world.kill()


def _make_run(world: World, experiment_id: str, mark: str) -> str:
    run_id: str = world.mlflow("POST", "runs/create", {"experiment_id": experiment_id})["run"]["info"]["run_id"]
    world.mlflow("POST", "runs/set-tag", {"run_id": run_id, "key": "note", "value": f"tag {mark}"})
    assert _upload(world, experiment_id, run_id, mark).status_code == 200
    return run_id


def _upload(world: World, experiment_id: str, run_id: str, mark: str) -> httpx.Response:
    path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment_id}/{run_id}/artifacts/file.txt"
    return world.request("PUT", path, world.alice, content=f"artifact {mark} ".encode() * 3_000)


def _erase(world: World, run_id: str) -> str:
    answer = world.post("/freehold/v1/erasures", {"scope": "run", "id": run_id}, world.alice)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def _operation(world: World, operation_id: str) -> dict[str, Any]:
    found: dict[str, Any] = world.get(f"/freehold/v1/operations/{operation_id}", world.alice).json()
    return found


def _until(world: World, operation_id: str, *states: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        operation = _operation(world, operation_id)
        if operation["state"] in states or (operation["error"] and "waits" in states):
            return operation
        time.sleep(0.2)
    raise AssertionError(f"{operation}, {world.log()}")


def _statement(world: World, operation_id: str) -> dict[str, Any]:
    statement: dict[str, Any] = world.get(f"/freehold/v1/certificates/{operation_id}", world.alice).json()["statement"]
    return statement


def _objects(statement: dict[str, Any]) -> dict[str, Any]:
    return next(store for store in statement["stores"] if store["store"] == "objects")


def _bucket(moto: Store) -> str:
    return str(moto.body["customSection"]["bucket"])


def _keys(moto: Store) -> list[str]:
    return [each["Key"] for each in s3_client(moto).list_objects_v2(Bucket=_bucket(moto)).get("Contents", [])]


def test_a_plain_bucket_is_erased_and_logically_checked(
    moto: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(tmp_path, s3_environment(moto)) as world:
        experiment_id = world.mlflow("POST", "experiments/create", {"name": "e"})["experiment_id"]
        kept = _make_run(world, experiment_id, "Numbat-97e2f0d0416b4d6b")
        gone = _make_run(world, experiment_id, "Quagga-5b0f6ad0c1e94c2b")
        for name, value in s3_environment(moto).items():
            monkeypatch.setenv(name, value)
        mark = back_up(world.settings(), tmp_path / "backup", SystemClock())
        assert (mark.objects, check_backup(tmp_path / "backup")) == (2, mark)
        exported = world.post("/freehold/v1/exports", {"scope": "run", "id": kept}, world.alice).json()
        assert _until(world, exported["id"], *ENDED)["state"] == "Succeeded"
        assert len(_keys(moto)) == 2

        erasure = _erase(world, gone)
        assert _until(world, erasure, *ENDED)["state"] == "Succeeded"

        statement = _statement(world, erasure)
        assert statement["level"] == _objects(statement)["level"] == "erased, logically checked"
        assert _objects(statement)["keeps"] == "plain"
        assert _objects(statement)["checked"].startswith("1 objects listed")
        assert len(_keys(moto)) == 1
        content = s3_client(moto).get_object(Bucket=_bucket(moto), Key=_keys(moto)[0])["Body"].read()
        assert b"Numbat" in content
        assert traces(world.folder, [gone, "tag Quagga-5b0f6ad0c1e94c2b"]) == {}
        assert world.get("/readyz").json()["stores"] == {"objects": "plain"}


def test_every_version_goes_where_the_credentials_permit(moto: Store, tmp_path: Path) -> None:
    client = s3_client(moto)
    client.put_bucket_versioning(Bucket=_bucket(moto), VersioningConfiguration={"Status": "Enabled"})
    with served(tmp_path, s3_environment(moto)) as world:
        experiment_id = world.mlflow("POST", "experiments/create", {"name": "e"})["experiment_id"]
        erasure = _erase(world, _make_run(world, experiment_id, "Quagga-5b0f6ad0c1e94c2b"))
        assert _until(world, erasure, *ENDED)["state"] == "Succeeded"
        told = _objects(_statement(world, erasure))
        assert (told["level"], told["keeps"]) == ("erased, logically checked", "versioned")
        assert "lists none" in told["checked"]
        assert "Versions" not in client.list_object_versions(Bucket=_bucket(moto))
        assert "versioned" in world.log()


def test_old_versions_that_stay_are_named_and_lower_the_level(moto: Store, tmp_path: Path) -> None:
    """What somebody removed by other means leaves a version that no row owns; no deletion of ours takes it along."""
    client = s3_client(moto)
    client.put_bucket_versioning(Bucket=_bucket(moto), VersioningConfiguration={"Status": "Enabled"})
    client.put_object(Bucket=_bucket(moto), Key="freehold/objects/ab/stray", Body=b"x")
    client.delete_object(Bucket=_bucket(moto), Key="freehold/objects/ab/stray")
    with served(tmp_path, s3_environment(moto)) as world:
        experiment_id = world.mlflow("POST", "experiments/create", {"name": "e"})["experiment_id"]
        erasure = _erase(world, _make_run(world, experiment_id, "Quagga-5b0f6ad0c1e94c2b"))
        assert _until(world, erasure, *ENDED)["state"] == "Succeeded"
        statement = _statement(world, erasure)
        assert statement["level"] == _objects(statement)["level"] == "erased"
        assert _objects(statement)["what_stays"][0].startswith("1 old versions of removed objects")


@pytest.mark.parametrize("status", [503, pytest.param(403, marks=pytest.mark.exhaustive)])
def test_a_refusing_store_is_waited_for_and_nothing_is_claimed_meanwhile(
    moto: Store, tmp_path: Path, status: int
) -> None:
    gate = Gate(moto.host)
    environment = s3_environment(moto) | {"AWS_ENDPOINT_URL": gate.url}
    with served(tmp_path, environment) as world:
        experiment_id = world.mlflow("POST", "experiments/create", {"name": "e"})["experiment_id"]
        gone, kept = (_make_run(world, experiment_id, f"Quagga-5b0f6ad0c1e94c2{n}") for n in (1, 2))
        gate.status = status
        refused = _upload(world, experiment_id, kept, "late")
        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        exported = world.post("/freehold/v1/exports", {"scope": "run", "id": kept}, world.alice).json()["id"]
        erasure = _erase(world, gone)
        for waiting in (exported, erasure):
            operation = _until(world, waiting, "waits", *ENDED)
            assert operation["state"] == "Running"
            assert operation["error"]["code"] in ("ObjectStoreUnavailable", "ObjectStoreRefused")
            assert "goes on by itself" in operation["error"]["message"]
        time.sleep(12)  # longer than five attempts last
        assert _operation(world, erasure)["state"] == "Running"
        assert world.get(f"/freehold/v1/certificates/{erasure}", world.alice).status_code == 404

        gate.status = 0
        for waiting in (exported, erasure):
            operation = _until(world, waiting, *ENDED)
            assert (operation["state"], operation["error"]) == ("Succeeded", None)
        assert _objects(_statement(world, erasure))["level"] == "erased, logically checked"
        deadline = time.monotonic() + 30
        while len(_keys(moto)) > 1 and time.monotonic() < deadline:
            time.sleep(0.5)  # what the refused upload may have left is reaped
        assert len(_keys(moto)) == 1
    gate.close()


def test_azure_is_erased_and_logically_checked(tmp_path: Path) -> None:
    with run_azurite(tmp_path) as azurite, served(tmp_path, azure_environment(azurite)) as world:
        experiment_id = world.mlflow("POST", "experiments/create", {"name": "e"})["experiment_id"]
        erasure = _erase(world, _make_run(world, experiment_id, "Quagga-5b0f6ad0c1e94c2b"))
        assert _until(world, erasure, *ENDED)["state"] == "Succeeded"
        told = _objects(_statement(world, erasure))
        assert (told["service"], told["level"], told["keeps"]) == ("azure", "erased, logically checked", "plain")
        assert any("after 7 days" in each for each in told["what_stays"])
