"""Tasks and notifications: what ends or turns bad is told to the person concerned; read, marked, deleted."""

from typing import Any

import pytest

from tests.azure2020.conftest import Azure


@pytest.fixture
def bob(azure: Azure) -> Azure:
    return Azure(azure.world, azure.client, azure.world.bob, azure.workspace, azure.experiment)


def root(azure: Azure) -> str:
    return f"/notification/v1.0{azure.workspace}"


def tasks_of(azure: Azure, **wanted: Any) -> list[Any]:
    found = azure.ok("GET", f"{root(azure)}/tasks?$top=500")["value"]
    return [each for each in found if wanted.items() <= each.items()]


def ended(azure: Azure, status: str = "Failed") -> tuple[str, Any]:
    """A run that ended so, and its task."""
    run = azure.new_run(status="Running", startTimeUtc="2026-03-01T10:00:00Z")
    azure.put_run(run, status=status, endTimeUtc="2026-03-01T11:00:00Z")
    (task,) = tasks_of(azure, runId=run)
    return run, task


@pytest.mark.parametrize(
    ("status", "level", "title"),
    [
        ("Completed", "Information", "Run completed"),
        ("Failed", "Error", "Run failed"),
        ("Canceled", "Warning", "Run canceled"),
    ],
)
def test_a_run_that_ends_is_told_to_who_made_it(azure: Azure, status: str, level: str, title: str) -> None:
    _, task = ended(azure, status)
    assert (task["taskType"], task["status"], task["experimentName"]) == ("Run", status, azure.experiment)
    assert task["startTimeUtc"].startswith("2026-03-01T10:00")
    assert task["endTimeUtc"].startswith("2026-03-01T11:00")
    (told,) = task["notifications"]
    assert (told["level"], told["title"], told["read"]) == (level, title, False)
    assert told["userObjectId"] == task["userObjectId"] == azure.world.alice.object_id


def test_a_run_that_goes_on_is_no_news(azure: Azure) -> None:
    run = azure.new_run(status="Running")
    azure.put_run(run, tags={"still": "running"})
    assert tasks_of(azure, runId=run) == []


def test_the_same_end_is_told_once(azure: Azure) -> None:
    run, task = ended(azure, "Completed")
    azure.put_run(run, status="Completed")
    assert tasks_of(azure, runId=run) == [task]
    azure.put_run(run, status="Failed")
    (now,) = tasks_of(azure, runId=run)
    assert (now["taskId"], now["status"], len(now["notifications"])) == (task["taskId"], "Failed", 2)


def test_an_event_and_mlflow_end_a_run_too(azure: Azure) -> None:
    run = azure.new_run(status="Running")
    azure.report(run, "Failed")
    assert tasks_of(azure, runId=run)[0]["status"] == "Failed"
    made = azure.world.mlflow("POST", "runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
    azure.world.mlflow("POST", "runs/update", {"run_id": made, "status": "FINISHED"})
    assert tasks_of(azure, runId=made)[0]["status"] == "Completed"


def test_strangers_see_no_task(azure: Azure) -> None:
    _, task = ended(azure)
    charlie = Azure(azure.world, azure.client, azure.world.charlie, azure.workspace, "")
    for tail in ("/tasks", f"/tasks/{task['taskId']}", f"tasks/{task['taskId']}"):
        assert azure.client.get(root(azure) + tail).status_code == 401
        assert charlie.call("GET", root(azure) + tail).status_code == 404
    assert charlie.call("DELETE", f"{root(azure)}/tasks/{task['taskId']}").status_code == 404


@pytest.mark.parametrize("slash", ["/", ""], ids=["with the slash", "as the page prints it"])
def test_one_task_is_read_in_both_spellings(azure: Azure, slash: str) -> None:
    _, task = ended(azure)
    assert azure.ok("GET", f"{root(azure)}{slash}tasks/{task['taskId']}") == task
    assert azure.call("GET", f"{root(azure)}{slash}tasks/none").status_code == 404


def test_a_workspace_that_is_named_like_the_misspelt_address_keeps_its_own_tasks(azure: Azure) -> None:
    misspelt = f"{azure.workspace}tasks"
    assert azure.call("PUT", f"{misspelt}?api-version=2019-11-01", {"location": "local"}).status_code in (200, 201)
    assert azure.ok("GET", f"/notification/v1.0{misspelt}/tasks")["value"] == []


def test_tasks_come_in_pages_newest_first(azure: Azure) -> None:
    made = [ended(azure)[1]["taskId"] for _ in range(3)]
    seen: list[str] = []
    token: str | None = ""
    while token is not None and len(seen) < 3:
        page = azure.ok("GET", f"{root(azure)}/tasks?$top=2{f'&continuationToken={token}' if token else ''}")
        seen += [each["taskId"] for each in page["value"]]
        token = page["continuationToken"]
    assert seen[:3] == made[::-1]


def test_tasks_of_one_person_are_theirs_alone(azure: Azure, bob: Azure) -> None:
    run = bob.new_run(status="Running")
    bob.put_run(run, status="Failed")
    his = azure.ok("GET", f"{root(azure)}/users/{azure.world.bob.object_id}/tasks")["value"]
    assert run in [each["runId"] for each in his]
    assert {each["userObjectId"] for each in his} == {azure.world.bob.object_id}
    assert azure.ok("GET", f"{root(azure)}/users/nobody/tasks") == {"value": [], "continuationToken": None}


def test_who_may_not_answer_for_others_is_given_their_own_alone(azure: Azure, bob: Azure) -> None:
    """A contributor; an owner and a privacy officer may ask for anybody's (above)."""
    world = azure.world
    assert bob.call("GET", f"{root(azure)}/users/{world.bob.object_id.upper()}/tasks").status_code == 200
    for other in (world.alice.object_id, "nobody"):
        answer = bob.call("GET", f"{root(azure)}/users/{other}/tasks")
        assert answer.status_code == 403
        assert "privacy officer" in answer.json()["error"]["message"]
    assert world.get(f"{root(azure)}/users/{world.charlie.object_id}/tasks", world.charlie).status_code == 404


def test_only_whom_it_is_for_marks_it_as_read(azure: Azure, bob: Azure) -> None:
    _, task = ended(azure)
    place = f"{root(azure)}/tasks/{task['taskId']}/notifications/{task['notifications'][0]['notificationId']}"
    assert bob.call("PATCH", place, {"read": True}).status_code == 403
    assert azure.ok("PATCH", place, {"read": True})["notifications"][0]["read"] is True
    assert azure.ok("PATCH", place, {"read": False})["notifications"][0]["read"] is False
    assert azure.call("PATCH", f"{place}x", {"read": True}).status_code == 404
    assert azure.call("PATCH", place, {"read": "perhaps"}).status_code == 400


def test_a_notification_and_a_task_are_deleted(azure: Azure) -> None:
    run, task = ended(azure)
    azure.put_run(run, status="Completed")
    first, second = tasks_of(azure, runId=run)[0]["notifications"]
    place = f"{root(azure)}/tasks/{task['taskId']}"
    azure.ok("DELETE", f"{place}/notifications/{first['notificationId']}")
    (left,) = azure.ok("GET", place)["notifications"]
    assert left["notificationId"] == second["notificationId"]
    assert azure.call("DELETE", f"{place}/notifications/{first['notificationId']}").status_code == 204
    azure.ok("DELETE", place)
    assert azure.call("GET", place).status_code == 404
    assert azure.call("DELETE", place).status_code == 204
    azure.erased()
    assert azure.ok("GET", f"{azure.history}/runs/{run}")["runId"] == run


def test_a_task_goes_with_its_run(azure: Azure) -> None:
    run, task = ended(azure)
    azure.ok("POST", "/freehold/v1/erasures", {"scope": "run", "id": run}, status=202)
    assert azure.call("GET", f"{root(azure)}/tasks/{task['taskId']}").status_code == 404
    azure.erased()
    assert tasks_of(azure, runId=run) == []


def test_an_erasure_that_ends_is_told_and_names_nothing(azure: Azure) -> None:
    run, _ = ended(azure)
    begun = azure.ok("POST", "/freehold/v1/erasures", {"scope": "run", "id": run}, status=202)
    azure.erased()
    (task,) = tasks_of(azure, operationId=begun["id"])
    assert (task["taskType"], task["status"], task["runId"]) == ("Operation", "Succeeded", None)
    assert run not in str(task)
    assert task["notifications"][0]["title"] == "Erasure finished"


def test_an_export_that_ends_is_told(azure: Azure) -> None:
    run, _ = ended(azure)
    begun = azure.ok("POST", "/freehold/v1/exports", {"scope": "run", "id": run}, status=202)
    while azure.ok("GET", f"/freehold/v1/operations/{begun['id']}")["state"] in ("NotStarted", "Running"):
        pass
    (task,) = tasks_of(azure, operationId=begun["id"])
    assert task["notifications"][0]["title"] == "Export ready"


def test_a_service_that_turns_bad_is_told_with_its_name(azure: Azure) -> None:
    name = azure.name("svc")
    azure.ok("POST", f"{azure.models}/services", {"name": name, "computeType": "ACI"}, status=202)
    place = f"/freehold/v1/services/{name}/reports"
    for state in ("Healthy", "Unhealthy", "Healthy", "Failed"):
        azure.ok("POST", place, {"state": state})
    (task,) = tasks_of(azure, serviceName=name)
    titles = [each["title"] for each in task["notifications"]]
    assert titles == ["Service unhealthy", "Service healthy", "Service failed"]
    azure.ok("DELETE", f"{azure.models}/services/{name}")
    assert tasks_of(azure, serviceName=name) == []
