"""Keys are rotated while the server is stopped; nothing that stood before stops working."""

import json

import pytest

from freehold.kit.clock import SystemClock
from freehold.lifecycle.certificate import verify
from freehold.storage.keys import KeyStore
from tests.commands import freehold
from tests.world import World


@pytest.fixture
def rotated(world: World) -> tuple[World, str, str]:
    """A world whose keys were rotated after a run was logged and an experiment erased: run id, certificate."""
    created = world.mlflow("POST", "runs/create", {"experiment_id": "0", "run_name": "r"})
    doomed = world.mlflow("POST", "experiments/create", {"name": "doomed"})["experiment_id"]
    erased = json.loads(freehold(world, "erase", "experiment", doomed, "--yes", "--json"))
    world.stop()
    answer = json.loads(freehold(world, "rotate-keys", "--destroy-old", "--json"))
    assert answer["rewrapped"] == 3, "a profile for each person"
    world.start()
    return world, created["run"]["info"]["run_id"], erased["certificate"]["jws"]


def test_what_stood_before_a_rotation_goes_on(rotated: tuple[World, str, str]) -> None:
    world, run_id, certificate = rotated
    answer = world.get("/api/2.0/mlflow/runs/get", world.alice, params={"run_id": run_id})
    assert answer.status_code == 200, "a token signed with the old key holds until it expires"
    run = world.get(f"/history/v1.0{world.workspace}/runs/{run_id}", world.alice).json()
    assert run["createdBy"]["userName"] == "owner", "a profile sealed before is read under the new key"
    keys = world.get("/freehold/v1/certificates/keys").json()
    assert verify(keys, certificate)["level"] == "verified"
    assert freehold(world, "token").count(".") == 2


def test_old_envelope_keys_are_gone(rotated: tuple[World, str, str]) -> None:
    world, _, _ = rotated
    assert len(KeyStore(world.folder / "keys", SystemClock()).envelope.key_ids()) == 1


def test_a_running_server_is_not_rotated_under(world: World) -> None:
    assert "Another Freehold server uses" in freehold(world, "rotate-keys", expect=1)
