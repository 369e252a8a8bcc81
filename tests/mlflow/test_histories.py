"""Metric histories: whole, in pages, thinned out."""

from typing import Any

import pytest

from tests.world import World

POINTS = 2_500


def test_anonymous_reads_no_history(shared_world: World) -> None:
    query = {"run_id": "r", "metric_key": "m"}
    assert shared_world.get("/api/2.0/mlflow/metrics/get-history", params=query).status_code == 401


def test_charlie_reads_no_history(shared_world: World, logged: str) -> None:
    query = {"run_id": logged, "metric_key": "loss"}
    path = "/api/2.0/mlflow/metrics/get-history"
    assert shared_world.get(path, shared_world.charlie, params=query).status_code == 404
    theirs = f"/mlflow/v2.0{shared_world.elsewhere}{path}"
    assert shared_world.get(theirs, shared_world.charlie, params=query).status_code == 404


@pytest.fixture(scope="module")
def logged(shared_world: World) -> str:
    """A run with 2,500 points of `loss`, some at one moment, and one point of another metric with each."""
    made = shared_world.mlflow("POST", "experiments/create", {"name": "histories"})
    run_id = str(shared_world.mlflow("POST", "runs/create", made)["run"]["info"]["run_id"])
    for start in range(0, POINTS, 500):
        metrics = [
            {"key": key, "value": step / 2, "timestamp": step // 7, "step": step}
            for step in range(start, start + 500)
            for key in ("loss", "other")
        ]
        shared_world.mlflow("POST", "runs/log-batch", {"run_id": run_id, "metrics": metrics})
    return run_id


def test_history_is_whole_and_sorted(shared_world: World, logged: str) -> None:
    found = _history(shared_world, logged)
    assert [point["step"] for point in found["metrics"]] == list(range(POINTS))
    assert [point["value"] for point in found["metrics"]] == [step / 2 for step in range(POINTS)]
    assert [point["timestamp"] for point in found["metrics"]] == [step // 7 for step in range(POINTS)]
    assert "next_page_token" not in found


@pytest.mark.parametrize("size", [1_000, 999, 2_499, 2_500, 307])
def test_pages_join_to_the_whole(shared_world: World, logged: str, size: int) -> None:
    steps: list[int] = []
    query: dict[str, Any] = {"max_results": size}
    while True:
        page = _history(shared_world, logged, **query)
        assert len(page["metrics"]) <= size
        steps += [point["step"] for point in page["metrics"]]
        if "next_page_token" not in page:
            break
        query["page_token"] = page["next_page_token"]
    assert steps == list(range(POINTS))


def test_page_token_serves_its_own_question_and_asker_only(shared_world: World, logged: str) -> None:
    token = _history(shared_world, logged, max_results=5)["next_page_token"]
    path = "/api/2.0/mlflow/metrics/get-history"
    query = {"run_id": logged, "metric_key": "loss", "max_results": "5", "page_token": token}
    assert shared_world.get(path, shared_world.alice, params=query).status_code == 200
    for who, wrong in [
        (shared_world.bob, {}),
        (shared_world.alice, {"metric_key": "other"}),
        (shared_world.alice, {"page_token": token[:-2] + "AA"}),
        (shared_world.alice, {"page_token": "🙂"}),
    ]:
        refused = shared_world.get(path, who, params=query | wrong)
        assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_points_of_one_moment_are_sorted_by_value_nan_last(shared_world: World) -> None:
    made = shared_world.mlflow("POST", "experiments/create", {"name": "one moment"})
    run_id = str(shared_world.mlflow("POST", "runs/create", made)["run"]["info"]["run_id"])
    for value in ("NaN", 2, "Infinity", "-Infinity", 1):
        metric = {"run_id": run_id, "key": "loss", "value": value, "timestamp": 1, "step": 1}
        shared_world.mlflow("POST", "runs/log-metric", metric)
    values = [point["value"] for point in _history(shared_world, run_id)["metrics"]]
    assert values == ["-Infinity", 1.0, 2.0, "Infinity", "NaN"]
    paged = [_history(shared_world, run_id, max_results=2)]
    while "next_page_token" in paged[-1]:
        paged.append(_history(shared_world, run_id, max_results=2, page_token=paged[-1]["next_page_token"]))
    assert [point["value"] for page in paged for point in page["metrics"]] == values


def test_metric_never_logged_has_an_empty_history(shared_world: World, logged: str) -> None:
    assert _history(shared_world, logged, metric_key="never") == {}


@pytest.mark.parametrize("size", ["0", "-1", "many", "1000001"])
def test_bad_page_size_is_refused(shared_world: World, logged: str, size: str) -> None:
    query = {"run_id": logged, "metric_key": "loss", "max_results": size}
    refused = shared_world.get("/api/2.0/mlflow/metrics/get-history", shared_world.alice, params=query)
    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def test_sample_keeps_first_and_last(shared_world: World, logged: str) -> None:
    found = _sample(shared_world, logged, max_results=10)
    steps = [point["step"] for point in found]
    assert len(steps) == 10
    assert (steps[0], steps[-1]) == (0, POINTS - 1)
    assert steps == sorted(steps)
    assert {point["run_id"] for point in found} == {logged}
    assert len(_sample(shared_world, logged)) == POINTS


def test_sample_stays_within_its_steps(shared_world: World, logged: str) -> None:
    assert [point["step"] for point in _sample(shared_world, logged, start_step=5, end_step=8)] == [5, 6, 7, 8]


@pytest.mark.parametrize("wrong", [{"start_step": 5}, {"start_step": 5, "end_step": 4}, {"max_results": 2_501}])
def test_bad_interval_is_refused(shared_world: World, logged: str, wrong: dict[str, Any]) -> None:
    query = {"run_ids": logged, "metric_key": "loss"} | wrong
    path = "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval"
    assert shared_world.get(path, shared_world.alice, params=query).status_code == 400


def _history(world: World, run_id: str, **query: Any) -> dict[str, Any]:
    asked = {"run_id": run_id, "metric_key": "loss"} | query
    found: dict[str, Any] = world.mlflow("GET", "metrics/get-history", asked)
    return found


def _sample(world: World, run_id: str, **query: Any) -> list[dict[str, Any]]:
    asked = {"run_ids": run_id, "metric_key": "loss"} | query
    found: list[dict[str, Any]] = world.mlflow("GET", "metrics/get-history-bulk-interval", asked)["metrics"]
    return found
