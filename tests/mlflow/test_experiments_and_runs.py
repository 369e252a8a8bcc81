"""Experiments and runs on the wire: what is made, found, renamed, set aside and brought back."""

from typing import Any

import httpx
import pytest

from tests.world import World

BASE = "/api/2.0/mlflow"


def test_anonymous_makes_nothing(shared_world: World) -> None:
    assert shared_world.post(f"{BASE}/experiments/create", {"name": "anonymous"}).status_code == 401
    assert _fails(shared_world, "experiments/get-by-name", {"experiment_name": "anonymous"}, "GET")[0] == 404


def test_charlie_makes_nothing(shared_world: World) -> None:
    refused = shared_world.post(f"{BASE}/experiments/create", {"name": "charlies"}, shared_world.charlie)
    assert refused.status_code == 404
    assert _fails(shared_world, "experiments/get-by-name", {"experiment_name": "charlies"}, "GET")[0] == 404


def test_experiment_lives_its_life(shared_world: World) -> None:
    tags = [{"key": "k", "value": "v"}]
    made = shared_world.mlflow("POST", "experiments/create", {"name": "one life", "tags": tags})
    experiment = shared_world.mlflow("GET", "experiments/get", made)["experiment"]
    assert (experiment["name"], experiment["lifecycle_stage"], experiment["tags"]) == ("one life", "active", tags)
    shared_world.mlflow("POST", "experiments/update", made | {"new_name": "another life"})
    shared_world.mlflow("POST", "experiments/set-experiment-tag", made | {"key": "k2", "value": "w"})
    shared_world.mlflow("POST", "experiments/delete-experiment-tag", made | {"key": "k"})
    by_name = shared_world.mlflow("GET", "experiments/get-by-name", {"experiment_name": "another life"})["experiment"]
    assert by_name["experiment_id"] == made["experiment_id"]
    assert by_name["tags"] == [{"key": "k2", "value": "w"}]
    assert by_name["last_update_time"] >= by_name["creation_time"]


def test_deleted_experiment_and_its_runs_come_back(shared_world: World) -> None:
    made = shared_world.mlflow("POST", "experiments/create", {"name": "there and back"})
    run_id = shared_world.mlflow("POST", "runs/create", made)["run"]["info"]["run_id"]
    shared_world.mlflow("POST", "experiments/delete", made)
    assert shared_world.mlflow("GET", "experiments/get", made)["experiment"]["lifecycle_stage"] == "deleted"
    assert _run(shared_world, run_id)["info"]["lifecycle_stage"] == "deleted"
    assert _run_ids(shared_world, made) == []
    assert _run_ids(shared_world, made, run_view_type="DELETED_ONLY") == [run_id]
    assert _fails(shared_world, "runs/create", made)[0] in {400, 409}
    assert _fails(shared_world, "experiments/update", made | {"new_name": "x"})[0] == 400
    assert _fails(shared_world, "experiments/delete", made)[0] == 404
    shared_world.mlflow("POST", "experiments/restore", made)
    assert _run_ids(shared_world, made) == [run_id]
    assert _run(shared_world, run_id)["info"]["lifecycle_stage"] == "active"


@pytest.mark.parametrize("name", ["", "   ", "x" * 501, "nul\0", "line\nbreak"])
def test_bad_experiment_name_is_refused(shared_world: World, name: str) -> None:
    assert _fails(shared_world, "experiments/create", {"name": name}) == (400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("name", ["..", "a/b", "🙂 ünï", "x" * 500, "0", "Default/../x"])
def test_unusual_experiment_name_is_kept(shared_world: World, name: str) -> None:
    made = shared_world.mlflow("POST", "experiments/create", {"name": name})
    found = shared_world.mlflow("GET", "experiments/get-by-name", {"experiment_name": name})["experiment"]
    assert (found["name"], found["experiment_id"]) == (name, made["experiment_id"])


def test_name_is_taken_once(shared_world: World) -> None:
    shared_world.mlflow("POST", "experiments/create", {"name": "once"})
    assert _fails(shared_world, "experiments/create", {"name": "once"})[1] == "RESOURCE_ALREADY_EXISTS"


def test_foreign_artifact_location_is_refused(shared_world: World) -> None:
    body = {"name": "elsewhere", "artifact_location": "s3://bucket/x"}
    assert _fails(shared_world, "experiments/create", body) == (400, "INVALID_PARAMETER_VALUE")


def test_experiments_are_searched_in_pages(shared_world: World) -> None:
    for at in range(7):
        tags = [{"key": "set", "value": "paged"}]
        shared_world.mlflow("POST", "experiments/create", {"name": f"paged {at}", "tags": tags})
    query: dict[str, Any] = {"filter": "tags.`set` = 'paged'", "max_results": 3, "order_by": ["name DESC"]}
    names: list[str] = []
    while True:
        page = shared_world.mlflow("POST", "experiments/search", query)
        names += [each["name"] for each in page["experiments"]]
        if "next_page_token" not in page:
            break
        query["page_token"] = page["next_page_token"]
    assert names == [f"paged {at}" for at in reversed(range(7))]
    newest = shared_world.mlflow("POST", "experiments/search", {"filter": "name LIKE 'paged %'"})["experiments"]
    assert [each["name"] for each in newest] == names
    assert _fails(shared_world, "experiments/search", query | {"order_by": ["name"]}) == (
        400,
        "INVALID_PARAMETER_VALUE",
    )


@pytest.mark.parametrize(
    "body",
    [
        {"filter": "metrics.a > 1"},
        {"filter": "name LIKE 5"},
        {"order_by": ["tags.a"]},
        {"view_type": "SOME"},
        {"max_results": 0},
        {"max_results": 50_001},
        {"page_token": "forged"},
    ],
)
def test_bad_search_is_refused(shared_world: World, body: dict[str, Any]) -> None:
    assert _fails(shared_world, "experiments/search", body) == (400, "INVALID_PARAMETER_VALUE")


def test_run_lives_its_life(shared_world: World) -> None:
    made = shared_world.mlflow("POST", "experiments/create", {"name": "run's life"})
    tags = [{"key": "mlflow.user", "value": "ann"}, {"key": "mlflow.parentRunId", "value": "none"}]
    body = made | {"start_time": 5, "run_name": "first", "tags": tags}
    run = shared_world.mlflow("POST", "runs/create", body)["run"]
    assert run["info"]["status"] == "RUNNING"
    read = _run(shared_world, run["info"]["run_id"])
    assert read["info"] == run["info"]
    assert sorted(read["data"]["tags"], key=str) == sorted(run["data"]["tags"], key=str)
    change = {"run_id": run["info"]["run_id"], "status": "KILLED", "end_time": 9}
    info = shared_world.mlflow("POST", "runs/update", change)["run_info"]
    assert (info["status"], info["start_time"], info["end_time"]) == ("KILLED", 5, 9)
    assert info["user_id"] == "ann"
    for stored, word in (("RUNNING", "RUNNING"), ("SCHEDULED", "SCHEDULED"), ("FAILED", "FAILED")):
        shared_world.mlflow("POST", "runs/update", change | {"status": stored})
        assert _run(shared_world, run["info"]["run_id"])["info"]["status"] == word


def test_run_without_a_name_is_given_one(shared_world: World) -> None:
    made = shared_world.mlflow("POST", "experiments/create", {"name": "nameless"})
    infos = [shared_world.mlflow("POST", "runs/create", made)["run"]["info"] for _ in range(2)]
    assert infos[0]["run_name"]
    assert infos[0]["run_name"] != infos[1]["run_name"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"start_time": -1},
        {"start_time": "later"},
        {"run_name": "a", "tags": [{"key": "mlflow.runName", "value": "b"}]},
        {"tags": [{"key": "../x", "value": "b"}]},
        {"tags": [{"value": "b"}]},
        {"run_name": "x" * 501},
        {"run_name": "nul\0"},
        {"tags": [{"key": "k", "value": "nul\0"}]},
    ],
)
def test_bad_run_is_refused_and_not_made(shared_world: World, wrong: dict[str, Any]) -> None:
    made = shared_world.mlflow("POST", "experiments/create", {"name": f"bad run {sorted(wrong.items())!r}"[:400]})
    assert _fails(shared_world, "runs/create", made | wrong) == (400, "INVALID_PARAMETER_VALUE")
    assert _run_ids(shared_world, made) == []


def test_unknown_status_is_refused(shared_world: World) -> None:
    made = shared_world.mlflow("POST", "experiments/create", {"name": "statuses"})
    run_id = shared_world.mlflow("POST", "runs/create", made)["run"]["info"]["run_id"]
    assert _fails(shared_world, "runs/update", {"run_id": run_id, "status": "DONE"}) == (400, "INVALID_PARAMETER_VALUE")


def test_runs_of_another_workspace_are_not_found(shared_world: World) -> None:
    base = f"/mlflow/v2.0{shared_world.elsewhere}{BASE}"
    made = shared_world.post(f"{base}/experiments/create", {"name": "theirs"}, shared_world.charlie).json()
    run = shared_world.post(f"{base}/runs/create", made, shared_world.charlie).json()["run"]["info"]
    assert _fails(shared_world, "runs/get", {"run_id": run["run_id"]}, "GET") == (404, "RESOURCE_DOES_NOT_EXIST")
    assert _fails(shared_world, "runs/create", made) == (404, "RESOURCE_DOES_NOT_EXIST")
    assert _run_ids(shared_world, made) == []


def test_runs_are_searched_in_pages(shared_world: World) -> None:
    made = shared_world.mlflow("POST", "experiments/create", {"name": "pages of runs"})
    run_ids = [
        shared_world.mlflow("POST", "runs/create", made | {"start_time": at})["run"]["info"]["run_id"]
        for at in range(7)
    ]
    query: dict[str, Any] = {"experiment_ids": [made["experiment_id"]], "max_results": 2}
    found: list[str] = []
    while True:
        page = shared_world.mlflow("POST", "runs/search", query)
        found += [run["info"]["run_id"] for run in page["runs"]]
        if "next_page_token" not in page:
            break
        query["page_token"] = page["next_page_token"]
    assert found == run_ids[::-1]


def _run(world: World, run_id: str) -> dict[str, Any]:
    run: dict[str, Any] = world.mlflow("GET", "runs/get", {"run_id": run_id})["run"]
    return run


def _run_ids(world: World, made: dict[str, Any], **query: Any) -> list[str]:
    body = {"experiment_ids": [made["experiment_id"]]} | query
    return [run["info"]["run_id"] for run in world.mlflow("POST", "runs/search", body).get("runs", [])]


def _fails(world: World, path: str, body: dict[str, Any], method: str = "POST") -> tuple[int, str]:
    sent: dict[str, Any] = {"params": body} if method == "GET" else {"json": body}
    response: httpx.Response = world.request(method, f"{BASE}/{path}", world.alice, **sent)
    return response.status_code, response.json().get("error_code", "")
