"""Experiments of the run history: by name and by id, archived, tagged, paged, deleted when empty."""

import time

import pytest

from tests.azure2020.conftest import Azure


def test_an_experiment_is_made_once(azure: Azure) -> None:
    where = f"{azure.history}/experiments/{azure.experiment}-new"
    assert azure.call("GET", where).status_code == 404
    first, second = azure.ok("POST", where), azure.ok("POST", where)
    assert first == second == azure.ok("GET", where)
    assert first["archivedTime"] is None
    by_id = azure.ok("GET", f"{azure.history}/experimentids/{first['experimentId']}")
    assert by_id["name"] == f"{azure.experiment}-new"
    assert azure.ok("GET", f"{azure.history}/experiments/{first['experimentId']}") == by_id


def test_tags_are_merged_and_removed(azure: Azure) -> None:
    found = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}")
    where = f"{azure.history}/experimentids/{found['experimentId']}"
    azure.ok("PATCH", where, {"tags": {"a": "1", "b": "2"}, "description": "d"})
    assert azure.ok("PATCH", where, {"tags": {"b": "3"}})["tags"] == {"a": "1", "b": "3"}
    assert azure.ok("POST", f"{where}/tags:delete", {"tags": ["a", "none"]}) == {"errors": []}
    found = azure.ok("GET", where)
    assert (found["tags"], found["description"]) == ({"b": "3"}, "d")


def test_an_archived_experiment_is_found_where_asked(azure: Azure) -> None:
    found = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}")
    where = f"{azure.history}/experimentids/{found['experimentId']}"
    assert azure.ok("PATCH", where, {"archive": True})["archivedTime"]
    for view, is_there in [("ActiveOnly", False), ("ArchivedOnly", True), ("All", True), (None, False)]:
        body = {"viewType": view, "filter": f"(name eq {azure.experiment})"}
        value = azure.ok("POST", f"{azure.history}/experiments:query", body)["value"]
        assert bool(value) is is_there, view
    assert azure.call("PATCH", f"{where}/runs/late", {}).status_code == 409
    assert azure.ok("PATCH", where, {"archive": False})["archivedTime"] is None


def test_experiments_come_in_pages(azure: Azure) -> None:
    for number in range(5):
        azure.make_experiment(f"{azure.experiment}-page-{number}")
        azure.ok(
            "PATCH", f"{azure.history}/experiments/{azure.experiment}-page-{number}", {"tags": {"of": azure.experiment}}
        )
    names: list[str] = []
    body = {"filter": f"(Tags/of eq {azure.experiment})", "top": 2, "orderby": "name desc"}
    while True:
        page = azure.ok("POST", f"{azure.history}/experiments:query", body)
        names += [each["name"] for each in page["value"]]
        if page["continuationToken"] is None:
            break
        body["continuationToken"] = page["continuationToken"]
    assert names == [f"{azure.experiment}-page-{number}" for number in (4, 3, 2, 1, 0)]


def test_the_published_list_call_pages_by_query(azure: Azure) -> None:
    azure.make_experiment(f"{azure.experiment}-two")
    first = azure.ok("GET", f"{azure.history}/experiments?$top=1")
    token = first["continuationToken"]
    second = azure.call("GET", f"{azure.history}/experiments", params={"$top": "1", "$continuationtoken": token})
    assert second.json()["value"][0]["experimentId"] != first["value"][0]["experimentId"]


@pytest.mark.parametrize("name", ["%20", "x" * 501, "a%0Ab"])
def test_a_bad_name_is_refused(azure: Azure, name: str) -> None:
    answer = azure.call("POST", f"{azure.history}/experiments/{name}")
    assert answer.status_code == 400
    assert answer.json()["error"]["innerError"]["code"] == "InvalidExperimentName"


@pytest.mark.parametrize("view", ["Nothing", "0"])
def test_an_unknown_view_is_refused(azure: Azure, view: str) -> None:
    answer = azure.call("POST", f"{azure.history}/experiments:query", {"viewType": view})
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "viewType")


def test_only_an_empty_experiment_is_deleted(azure: Azure) -> None:
    run = azure.new_run()
    experiment = azure.ok("GET", f"{azure.history}/runs/{run}")["experimentId"]
    answer = azure.call("DELETE", f"{azure.history}/experimentids/{experiment}")
    assert (answer.status_code, answer.json()["error"]["innerError"]["code"]) == (409, "ExperimentNotEmpty")
    assert answer.json()["error"]["code"] == "UserError"
    azure.ok("GET", f"{azure.history}/runs/{run}")


def test_a_deleted_experiment_is_gone_for_good(azure: Azure) -> None:
    found = azure.make_experiment(f"{azure.experiment}-gone")
    where = f"{azure.history}/experimentids/{found['experimentId']}"
    answer = azure.call("DELETE", where)
    assert azure.call("GET", where).status_code == 404
    deadline = time.monotonic() + 30
    while answer.status_code == 202 and time.monotonic() < deadline:
        assert answer.headers["retry-after"] == "1"
        time.sleep(0.1)
        answer = azure.call("GET", answer.headers["location"].removeprefix(azure.world.url))
    assert answer.status_code == 200
    assert azure.call("PATCH", f"{where}/runs/late", {}).status_code == 404
    again = azure.make_experiment(f"{azure.experiment}-gone")
    assert again["experimentId"] != found["experimentId"]


def test_an_operation_is_polled_in_both_dialects(azure: Azure) -> None:
    made = azure.make_experiment(f"{azure.experiment}-polled")
    body = {"scope": "experiment", "id": made["experimentId"]}
    operation = azure.ok(
        "POST", "/freehold/v1/erasures", body, status=202, headers={"Idempotency-Key": azure.experiment}
    )
    identity = operation["id"]
    status = (
        f"/subscriptions/{azure.world.subscription_id}/providers/Microsoft.MachineLearningServices"
        f"/locations/local/workspaceOperationsStatus/{identity}?api-version=2020-01-01"
    )
    seen = set()
    for _ in range(300):
        document = azure.ok("GET", status)
        seen.add(document["status"])
        if document["status"] == "Succeeded":
            break
        assert document["status"] == "InProgress"
        time.sleep(0.1)
    assert (document["name"], "Succeeded" in seen) == (identity, True)
    assert document["endTime"] >= document["startTime"]
    azure.ok("GET", f"{azure.history}/operations/{identity}")
    results = status.replace("workspaceOperationsStatus", "workspaceOperationResults")
    assert azure.call("GET", results).status_code == 204
    assert azure.call("GET", results.replace(identity, "unknown")).status_code == 404
