"""Logging on the wire: what is taken, what is refused with a clear error, and that a refusal keeps nothing."""

import json
from typing import Any

import httpx
import pytest

from tests.world import Person, World

BASE = "/api/2.0/mlflow"


def test_anonymous_logs_nothing(shared_world: World, run_id: str) -> None:
    body = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1}
    assert shared_world.post(f"{BASE}/runs/log-metric", body).status_code == 401
    assert "metrics" not in _data(shared_world, run_id)


def test_charlie_finds_no_run(shared_world: World, run_id: str) -> None:
    body = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1}
    assert shared_world.post(f"{BASE}/runs/log-metric", body, shared_world.charlie).status_code == 404
    theirs = f"/mlflow/v2.0{shared_world.elsewhere}{BASE}/runs/log-metric"
    refused = shared_world.post(theirs, body, shared_world.charlie)
    assert (refused.status_code, refused.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert "metrics" not in _data(shared_world, run_id)


def test_bob_contributes(shared_world: World, run_id: str) -> None:
    body = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1}
    shared_world.mlflow("POST", "runs/log-metric", body, shared_world.bob)
    assert _data(shared_world, run_id)["metrics"] == [{"key": "m", "value": 1.0, "timestamp": 1, "step": 0}]


@pytest.fixture
def run_id(shared_world: World, request: pytest.FixtureRequest) -> str:
    name = f"{request.node.name} logging"
    made = shared_world.mlflow("POST", "experiments/create", {"name": name[:500]})
    return str(shared_world.mlflow("POST", "runs/create", made)["run"]["info"]["run_id"])


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ('"NaN"', "NaN"),
        ("NaN", "NaN"),
        ('"Infinity"', "Infinity"),
        ("Infinity", "Infinity"),
        ("-Infinity", "-Infinity"),
        ('"0.5"', 0.5),
        ("1", 1.0),
        ("0.1", 0.1),
    ],
)
def test_numbers_are_read_as_they_are_spelt(shared_world: World, run_id: str, sent: str, read: object) -> None:
    body = f'{{"run_id":"{run_id}","key":"m","value":{sent},"timestamp":"7","step":"-2"}}'
    assert _send(shared_world, "runs/log-metric", body).status_code == 200
    assert _data(shared_world, run_id)["metrics"] == [{"key": "m", "value": read, "timestamp": 7, "step": -2}]


METRIC: dict[str, Any] = {"key": "m", "value": 1.0, "timestamp": 1, "step": 1}


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"key": "a/../b"}, "path"),
        ({"key": "/a"}, "path"),
        ({"key": ".."}, "path"),
        ({"key": "nul\0"}, "signs"),
        ({"key": "🙂"}, "signs"),
        ({"key": ""}, "signs"),
        ({"key": "k" * 251}, "250"),
        ({"key": 5}, "$.key"),
        ({"value": "much"}, "number"),
        ({"value": None}, "$.value"),
        ({"value": [1]}, "$.value"),
        ({"value": True}, "$.value"),
        ({"timestamp": -1}, "timestamp"),
        ({"timestamp": 1 << 62}, "timestamp"),
        ({"timestamp": "soon"}, "timestamp"),
        ({"step": 1 << 63}, "step"),
        ({"step": 0.5}, "$.step"),
    ],
)
def test_bad_metric_is_refused(shared_world: World, run_id: str, wrong: dict[str, Any], why: str) -> None:
    body = METRIC | wrong | {"run_id": run_id}
    refused = _send(shared_world, "runs/log-metric", json.dumps(body))
    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert why in refused.json()["message"]
    assert "metrics" not in _data(shared_world, run_id)


@pytest.mark.parametrize("wrong", [{"timestamp": 1 << 62}, {"step": 1 << 63}, {"value": "much"}, {"key": "a//b"}])
def test_one_bad_metric_refuses_its_batch(shared_world: World, run_id: str, wrong: dict[str, Any]) -> None:
    metrics = [METRIC | {"step": step} for step in range(100)] + [METRIC | wrong]
    refused = _send(shared_world, "runs/log-batch", json.dumps({"run_id": run_id, "metrics": metrics}))
    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")
    assert "metrics" not in _data(shared_world, run_id)


def test_batch_is_taken_whole(shared_world: World, run_id: str) -> None:
    metrics = [{"key": f"m{at % 7}", "value": at / 3, "timestamp": at, "step": at} for at in range(700)]
    params = [{"key": f"p{at}", "value": "é" * 6_000} for at in range(10)]
    tags = [{"key": f"t{at}", "value": "🙂" * 4_000} for at in range(10)]
    body = {"run_id": run_id, "metrics": metrics, "params": params, "tags": tags}
    shared_world.mlflow("POST", "runs/log-batch", body)
    data = _data(shared_world, run_id)
    assert data["metrics"] == [
        {"key": f"m{at}", "value": (693 + at) / 3, "timestamp": 693 + at, "step": 693 + at} for at in range(7)
    ]
    assert data["params"] == params
    assert [tag for tag in data["tags"] if tag["key"].startswith("t")] == tags


def test_mixed_numbers_in_a_large_batch_are_read(shared_world: World, run_id: str) -> None:
    values: list[Any] = ["NaN", "Infinity", 1, 0.5, "2.5"] * 10
    metrics = [{"key": "m", "value": value, "timestamp": str(at), "step": at} for at, value in enumerate(values)]
    shared_world.mlflow("POST", "runs/log-batch", {"run_id": run_id, "metrics": metrics})
    history = shared_world.mlflow("GET", "metrics/get-history", {"run_id": run_id, "metric_key": "m"})
    assert [point["value"] for point in history["metrics"]] == ["NaN", "Infinity", 1.0, 0.5, 2.5] * 10


@pytest.mark.parametrize(
    "body",
    [
        {"metrics": [METRIC] * 1_001},
        {"params": [{"key": f"p{at}", "value": "v"} for at in range(101)]},
        {"tags": [{"key": f"t{at}", "value": "v"} for at in range(101)]},
        {"metrics": [METRIC] * 950, "tags": [{"key": f"t{at}", "value": "v"} for at in range(51)]},
        {"params": [{"key": "p", "value": "v" * 6_001}]},
        {"tags": [{"key": "t", "value": "v" * 8_001}]},
        {"params": [{"key": "p" * 251, "value": "v"}]},
        {"params": [{"key": "p", "value": "1"}, {"key": "p", "value": "2"}]},
        {"params": [{"key": "fine", "value": "1"}], "tags": [{"key": "../t", "value": "v"}]},
        {"tags": [{"key": "t", "value": "nul\0"}]},
        {"params": [{"key": "p", "value": "nul\0"}]},
        {"metrics": "all of them"},
    ],
)
def test_batch_beyond_the_limits_keeps_nothing(shared_world: World, run_id: str, body: dict[str, Any]) -> None:
    refused = _send(shared_world, "runs/log-batch", json.dumps(body | {"run_id": run_id}))
    assert 400 <= refused.status_code < 500
    assert refused.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    data = _data(shared_world, run_id)
    assert "metrics" not in data
    assert "params" not in data
    assert [tag["key"] for tag in data["tags"]] == ["mlflow.runName"]


def test_parameter_does_not_change(shared_world: World, run_id: str) -> None:
    shared_world.mlflow("POST", "runs/log-parameter", {"run_id": run_id, "key": "p", "value": "1"})
    shared_world.mlflow("POST", "runs/log-parameter", {"run_id": run_id, "key": "p", "value": "1"})
    changed = _send(shared_world, "runs/log-parameter", json.dumps({"run_id": run_id, "key": "p", "value": "2"}))
    assert changed.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    batch = {"run_id": run_id, "metrics": [METRIC], "params": [{"key": "p", "value": "3"}]}
    assert _send(shared_world, "runs/log-batch", json.dumps(batch)).json()["error_code"] == "INVALID_PARAMETER_VALUE"
    data = _data(shared_world, run_id)
    assert data["params"] == [{"key": "p", "value": "1"}]
    assert "metrics" not in data


def test_tags_change_and_go(shared_world: World, run_id: str) -> None:
    for value in ("1", "2", ""):
        shared_world.mlflow("POST", "runs/set-tag", {"run_id": run_id, "key": "t", "value": value})
        assert {"key": "t", "value": value} in _data(shared_world, run_id)["tags"]
    shared_world.mlflow("POST", "runs/delete-tag", {"run_id": run_id, "key": "t"})
    again = _send(shared_world, "runs/delete-tag", json.dumps({"run_id": run_id, "key": "t"}))
    assert (again.status_code, again.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")


def test_name_and_its_tag_are_one(shared_world: World, run_id: str) -> None:
    shared_world.mlflow("POST", "runs/set-tag", {"run_id": run_id, "key": "mlflow.runName", "value": "by tag"})
    run = shared_world.mlflow("GET", "runs/get", {"run_id": run_id})["run"]
    assert run["info"]["run_name"] == "by tag"
    shared_world.mlflow("POST", "runs/update", {"run_id": run_id, "run_name": "by field"})
    assert {"key": "mlflow.runName", "value": "by field"} in _data(shared_world, run_id)["tags"]


def test_deleted_run_takes_nothing_until_restored(shared_world: World, run_id: str) -> None:
    shared_world.mlflow("POST", "runs/delete", {"run_id": run_id})
    assert shared_world.mlflow("GET", "runs/get", {"run_id": run_id})["run"]["info"]["lifecycle_stage"] == "deleted"
    body = json.dumps(METRIC | {"run_id": run_id})
    refused = _send(shared_world, "runs/log-metric", body)
    assert (refused.status_code, refused.json()["error_code"]) == (409, "INVALID_STATE")
    shared_world.mlflow("POST", "runs/restore", {"run_id": run_id})
    assert _send(shared_world, "runs/log-metric", body).status_code == 200


@pytest.mark.parametrize("body", ["{", "[]", "7", '"x"', "\xff", '{"run_id":', "[" * 100_000])
@pytest.mark.parametrize("verb", ["log-metric", "log-batch", "create", "search", "update"])
def test_broken_json_is_refused(shared_world: World, verb: str, body: str) -> None:
    refused = _send(shared_world, f"runs/{verb}", body)
    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_large_body_is_refused(shared_world: World, run_id: str) -> None:
    body = json.dumps({"run_id": run_id, "metrics": [METRIC | {"key": "k" * 250}] * 30_000})
    assert len(body) > 8_000_000
    refused = _send(shared_world, "runs/log-batch", body)
    assert (refused.status_code, refused.json()["error_code"]) == (413, "INVALID_PARAMETER_VALUE")
    assert "metrics" not in _data(shared_world, run_id)


def test_unknown_run_is_not_found(shared_world: World) -> None:
    for verb in ("log-metric", "log-batch", "set-tag", "delete-tag", "log-parameter", "update", "delete", "restore"):
        body = METRIC | {"run_id": "nobody", "value": "1"}
        assert _send(shared_world, f"runs/{verb}", json.dumps(body)).status_code == 404, verb
        missing = _send(shared_world, f"runs/{verb}", json.dumps(METRIC | {"value": "1"}))
        assert "run_id" in missing.json()["message"], verb


def _send(world: World, path: str, body: str, person: Person | None = None) -> httpx.Response:
    content = body.encode("latin-1") if body == "\xff" else body.encode()
    headers = {"content-type": "application/json"}
    return world.request("POST", f"{BASE}/{path}", person or world.alice, content=content, headers=headers)


def _data(world: World, run_id: str) -> dict[str, Any]:
    data: dict[str, Any] = world.mlflow("GET", "runs/get", {"run_id": run_id})["run"]["data"]
    return data
