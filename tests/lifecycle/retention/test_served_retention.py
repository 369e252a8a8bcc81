"""Over HTTP and by the command line, against a real server: who may, what is answered, and that it happens."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.commands import freehold
from tests.patience import patient
from tests.world import World, make_world

POLICY = "/freehold/v1/retention"
PREVIEW = "/freehold/v1/retention/preview"
PURGES = "/freehold/v1/purges"
KEEP_ONE: dict[str, Any] = {"rules": [{"keep_last": 1}]}
PATIENCE = patient(60)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "data", FREEHOLD_SWEEP_SECONDS="1").start()
    yield made
    made.kill()


def _runs(world: World, number: int, name: str = "digits") -> list[str]:
    experiment_id = world.mlflow("POST", "experiments/create", {"name": name})["experiment_id"]
    made = []
    for _ in range(number):
        run_id = world.mlflow("POST", "runs/create", {"experiment_id": experiment_id})["run"]["info"]["run_id"]
        world.mlflow("POST", "runs/update", {"run_id": run_id, "status": "FINISHED", "end_time": 1})
        made.append(run_id)
    return made


def _status(world: World, run_id: str) -> int:
    return world.get(f"/api/2.0/mlflow/runs/get?run_id={run_id}", world.alice).status_code


def _gone(world: World, run_ids: list[str]) -> None:
    until = time.monotonic() + PATIENCE
    while any(_status(world, run_id) != 404 for run_id in run_ids):
        assert time.monotonic() < until, f"still there: {world.log()}"
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", POLICY, None),
        ("PUT", POLICY, KEEP_ONE),
        ("DELETE", POLICY, None),
        ("POST", PREVIEW, {}),
        ("POST", PURGES, {}),
    ],
)
def test_who_may(shared_world: World, method: str, path: str, body: Any) -> None:
    world = shared_world
    full = path.replace("/freehold/v1", f"/freehold/v1{world.workspace}")
    assert world.request(method, full, json=body).status_code == 401
    assert world.request(method, full, world.charlie, json=body).status_code == 404
    bobs = world.request(method, full, world.bob, json=body).status_code
    assert bobs == (403 if path == PURGES or method in ("PUT", "DELETE") else 404)


def test_a_policy_is_set_over_its_version_shown_and_cleared(world: World) -> None:
    nothing = world.get(POLICY, world.bob)
    assert (nothing.status_code, nothing.json()["code"]) == (404, "NoRetentionPolicy")
    policy = KEEP_ONE | {"restore_days": 30, "exempt_tags": [{"key": "keep"}]}
    made = world.request("PUT", POLICY, world.alice, json=policy, headers={"If-Match": '"0"'})
    assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    shown = world.get(POLICY, world.bob)
    assert shown.json()["policy"] == policy
    assert shown.json()["clock_believed"] is True
    stale = world.request("PUT", POLICY, world.alice, json=KEEP_ONE, headers={"If-Match": '"0"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "PolicyChanged")
    again = world.request("PUT", POLICY, world.alice, json=KEEP_ONE, headers={"If-Match": '"1"'})
    assert again.json()["version"] == 2
    assert world.request("DELETE", POLICY, world.alice, headers={"If-Match": '"1"'}).status_code == 412
    assert world.request("DELETE", POLICY, world.alice).status_code == 204
    assert world.get(POLICY, world.alice).status_code == 404


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"rules": [{}]},
        {"restore_days": 0},
        {"rules": [{"older_than_days": -1}]},
        {"rules": [{"keep_last": 1, "experiment": "x"}]},
        {"rules": [{"keep_last": 1}] * 21},
        {"restore_days": 1, "exempt_tags": [{"key": ""}]},
        {"restore_days": 1, "exempt_tags": [{"key": "keep\0"}]},
        {"restore_days": 1, "exempt_tags": [{"key": "keep", "value": "\0"}]},
    ],
)
def test_a_policy_of_another_shape_is_refused(shared_world: World, policy: Any) -> None:
    answer = shared_world.request("PUT", POLICY, shared_world.alice, json=policy)
    assert answer.status_code == 400, answer.text


def test_the_preview_of_a_policy_shows_what_is_then_erased(served: World) -> None:
    old, second, last = _runs(served, 3)
    found = served.post(PREVIEW, {"policy": KEEP_ONE, "limit": 1}, served.bob).json()
    assert found["counts"]["due"] == 2
    assert [each["id"] for each in found["value"]] == [old]
    assert found["value"][0]["because"] == "not among the last 1 of its experiment"
    following = served.post(PREVIEW, {"policy": KEEP_ONE, "limit": 1, "after": found["next"]}, served.bob).json()
    assert [each["id"] for each in following["value"]] == [second]
    other = served.post(PREVIEW, {"policy": {"restore_days": 1}, "after": found["next"]}, served.bob)
    assert other.json()["code"] == "InvalidPageToken"
    assert _status(served, old) == 200
    assert served.request("PUT", POLICY, served.alice, json=KEEP_ONE).status_code == 200
    _gone(served, [old, second])
    assert _status(served, last) == 200
    operation_id = served.get(POLICY, served.alice).json()["operation_id"]
    until = time.monotonic() + PATIENCE
    while served.get(f"/freehold/v1/operations/{operation_id}", served.alice).json()["state"] != "Succeeded":
        assert time.monotonic() < until, served.log()
        time.sleep(0.2)
    statement = served.get(f"/freehold/v1/certificates/{operation_id}", served.alice).json()["statement"]
    assert (statement["scope"], statement["level"]) == ("retention", "verified")


def test_a_purge_erases_what_is_set_aside_until_a_moment_and_no_more(served: World) -> None:
    first, held, later, standing = _runs(served, 4)
    assert served.post(PURGES, {}, served.alice).json()["code"] == "NothingSetAside"
    hold = {"scope": "run", "id": held, "reason": "dispute"}
    assert served.post("/freehold/v1/holds", hold, served.alice).status_code == 201
    for run_id in (first, held):
        served.mlflow("POST", "runs/delete", {"run_id": run_id})
    plan = served.post(PURGES, {"dry_run": True}, served.alice).json()
    assert (plan["total"], plan["held"]) == (1, 1)
    served.mlflow("POST", "runs/delete", {"run_id": later})
    digest = plan["plan"]["digest"]
    changed = served.post(PURGES, {"plan_digest": digest}, served.alice)
    assert (changed.status_code, changed.json()["code"]) == (412, "PlanChanged")
    begun = served.post(PURGES, {"plan_digest": digest, "before": plan["before"]}, served.alice)
    assert begun.status_code == 202, begun.text
    assert [_status(served, each) for each in (first, held, later, standing)] == [404, 200, 200, 200]
    served.mlflow("POST", "runs/restore", {"run_id": later})
    assert served.post(PURGES, {"before": "yesterday"}, served.alice).json()["code"] == "InvalidTime"


def test_the_commands(served: World) -> None:
    old, aside, last = _runs(served, 3)
    served.mlflow("POST", "runs/delete", {"run_id": aside})
    assert "under legal holds: 0" in freehold(served, "purge", "--dry-run")
    assert _status(served, aside) == 200
    done = json.loads(freehold(served, "purge", "--yes", "--json"))
    assert len(done["certificates"]) == 1
    assert _status(served, aside) == 404
    assert "NoRetentionPolicy" in freehold(served, "retention", "show", expect=1)
    wanted = ["retention", "set", "--keep-last", "1", "--restore-days", "30", "--exempt-tag", "stage=production"]
    assert "policy set, version 1" in freehold(served, *wanted, "--yes")
    shown = freehold(served, "retention", "show")
    assert "not among the last 1 of its experiment" in shown
    assert "for 30 days" in shown
    _gone(served, [old])
    assert _status(served, last) == 200
    assert json.loads(freehold(served, "retention", "preview", "--json"))["counts"]["due"] == 0
    assert "due: 0" in freehold(served, "retention", "preview", "--spared")
    assert "cleared" in freehold(served, "retention", "clear")
    assert "NoRetentionPolicy" in freehold(served, "retention", "preview", expect=1)
