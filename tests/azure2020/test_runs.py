"""Runs: made and changed by PATCH, addressed in three ways, reported on, with children."""

import pytest

from freehold.domain.runs.rules import LARGEST_DETAILS
from freehold.lifecycle.imports.values import LONGEST_TEXT
from tests.azure2020.conftest import Azure


def test_a_patch_makes_a_run_and_then_changes_it(azure: Azure) -> None:
    made = azure.put_run(
        f"{azure.experiment}-r",
        displayName="first",
        tags={"a": "1", "empty": None},
        properties={"p": "q"},
        runDefinition={"script": "train.py"},
        runType="azureml.scriptrun",
        target="local",
        startTimeUtc="2026-01-02T03:04:05.678901Z",
    )
    assert made["runNumber"] >= 1
    assert made["rootRunId"] == made["runId"] == f"{azure.experiment}-r"
    assert made["dataContainerId"] == f"dcid.{made['runId']}"
    assert made["status"] == "NotStarted"
    assert made["startTimeUtc"] == "2026-01-02T03:04:05.678901+00:00"
    assert made["createdBy"]["userObjectId"] == azure.person.object_id == made["userId"]
    changed = azure.put_run(made["runId"], tags={"b": "2"}, description="d", hidden=True, primaryMetricName="acc")
    assert changed["tags"] == {"a": "1", "b": "2", "empty": ""}
    assert (changed["properties"], changed["displayName"], changed["hidden"]) == ({"p": "q"}, "first", True)
    assert changed["runDefinition"] == {"script": "train.py"}
    assert changed["primaryMetricName"] == "acc"
    assert changed["runNumber"] == made["runNumber"]


def test_a_run_has_the_same_document_at_every_address(azure: Azure) -> None:
    run = azure.new_run()
    by_name = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}/runs/{run}")
    by_id = azure.ok("GET", f"{azure.history}/experimentids/{by_name['experimentId']}/runs/{run}")
    assert by_name == by_id == azure.ok("GET", f"{azure.history}/runs/{run}")


def test_mlflow_sees_the_run(azure: Azure) -> None:
    run = azure.new_run(displayName="both", tags={"k": "v"})
    seen = azure.world.mlflow("GET", "runs/get", {"run_id": run})["run"]
    assert seen["info"]["run_name"] == "both"
    assert {"key": "k", "value": "v"} in seen["data"]["tags"]


def test_a_run_set_aside_by_mlflow_reads_as_none(azure: Azure) -> None:
    run = azure.new_run()
    azure.world.mlflow("POST", "runs/delete", {"run_id": run})
    assert azure.call("GET", f"{azure.history}/runs/{run}").status_code == 404
    assert azure.ids() == []
    azure.world.mlflow("POST", "runs/restore", {"run_id": run})
    assert azure.ids() == [run]


def test_an_id_stands_in_one_experiment_only(azure: Azure) -> None:
    run = azure.new_run()
    azure.make_experiment(f"{azure.experiment}-other")
    other = f"{azure.history}/experiments/{azure.experiment}-other/runs/{run}"
    assert azure.call("GET", other).status_code == 404
    assert azure.call("PATCH", other, {}).status_code == 409
    assert azure.call("PATCH", f"{azure.history}/experiments/none-such/runs/x", {}).status_code == 404


@pytest.mark.parametrize("prefix", ["", "dcid."])
def test_no_two_runs_share_a_name_of_their_artifacts(azure: Azure, prefix: str) -> None:
    """Else what is uploaded to the one would lie with the other, and stay when the one is erased."""
    run, other, named = azure.new_run(), azure.name("other"), azure.name("named")
    where = f"{azure.history}/experiments/{azure.experiment}/runs"
    azure.ok("PATCH", f"{where}/{named}", {"dataContainerId": f"{prefix}{named}-own"})
    for new, container in ((other, f"{prefix}{run}"), (other, f"{prefix}{named}-own"), (f"{named}-own", None)):
        answer = azure.call("PATCH", f"{where}/{new}", {"dataContainerId": container})
        code = answer.json()["error"]["innerError"]["code"]
        assert (answer.status_code, code) == (409, "ArtifactContainerExists"), new
    azure.upload("ExperimentRun", run, file=b"of the first")
    assert azure.content("ExperimentRun", f"dcid.{run}", "file") == b"of the first"


@pytest.mark.parametrize("prefix", ["", "dcid."])
def test_no_artifacts_go_by_the_name_of_an_erased_run(azure: Azure, prefix: str) -> None:
    """A late upload to it would be taken again."""
    run = azure.new_run()
    azure.world.post("/freehold/v1/erasures", {"scope": "run", "id": run}, azure.person).raise_for_status()
    where = f"{azure.history}/experiments/{azure.experiment}/runs/{azure.name('late')}"
    assert azure.call("PATCH", where, {"dataContainerId": f"{prefix}{run}"}).status_code == 404
    azure.erased()
    assert azure.call("PATCH", where, {"dataContainerId": f"{prefix}{run}"}).status_code == 404


@pytest.mark.parametrize("run", ["a.b", "a%20b", "x" * 256, "%F0%9F%98%80"])
def test_a_bad_id_is_refused(azure: Azure, run: str) -> None:
    answer = azure.call("PATCH", f"{azure.history}/experiments/{azure.experiment}/runs/{run}", {})
    assert (answer.status_code, answer.json()["error"]["innerError"]["code"]) == (400, "InvalidRunId")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"status": "Sleeping"}, "InvalidStatus"),
        ({"startTimeUtc": "yesterday"}, "InvalidTime"),
        ({"tags": {"": "x"}}, "InvalidTag"),
        ({"tags": ["x"]}, "InvalidBody"),
        ({"displayName": "a\x00b"}, "InvalidText"),
        ({"dataContainerId": "../x"}, "InvalidArtifactContainer"),
    ],
)
def test_a_bad_body_is_refused_and_nothing_is_kept(azure: Azure, body: dict[str, object], code: str) -> None:
    run = f"{azure.experiment}-bad"
    answer = azure.call("PATCH", f"{azure.history}/experiments/{azure.experiment}/runs/{run}", body)
    assert (answer.status_code, answer.json()["error"]["innerError"]["code"]) == (400, code)
    assert azure.call("GET", f"{azure.history}/runs/{run}").status_code == 404


def test_malformed_and_oversized_bodies_are_refused(azure: Azure) -> None:
    where = f"{azure.history}/experiments/{azure.experiment}/runs/x"
    answer = azure.world.request("PATCH", where, azure.person, content=b"{")
    assert (answer.status_code, answer.json()["error"]["innerError"]["code"]) == (400, "MalformedJson")
    answer = azure.world.request("PATCH", where, azure.person, content=b" " * 10_000_000)
    assert answer.status_code == 413


def test_events_move_the_run(azure: Azure) -> None:
    run = azure.new_run()
    azure.report(run, "Start", StartTime="2026-03-01T10:00:00Z")
    started = azure.ok("GET", f"{azure.history}/runs/{run}")
    assert (started["status"], started["startTimeUtc"]) == ("Running", "2026-03-01T10:00:00.000000+00:00")
    azure.report(run, "Heartbeat", TimeToLiveSeconds=60)
    azure.report(run, "Warning", Source="s", Message="careful")
    azure.report(run, "Error", ErrorResponse={"error": {"code": "UserError", "message": "boom"}})
    azure.report(run, "Failed", EndTime="2026-03-01T11:00:00Z")
    ended = azure.ok("GET", f"{azure.history}/runs/{run}/details")
    assert (ended["status"], ended["endTimeUtc"]) == ("Failed", "2026-03-01T11:00:00.000000+00:00")
    assert ended["warnings"] == [{"source": "s", "message": "careful"}]
    assert ended["error"]["error"] == {"code": "UserError", "message": "boom", "details": []}
    events = azure.ok("GET", f"{azure.history}/runs/{run}/events")["value"]
    assert [each["name"].rpartition(".")[2] for each in events] == ["Start", "Warning", "Error", "Failed"]


def test_a_batch_of_events_tells_what_failed(azure: Azure) -> None:
    run = azure.new_run()
    start = {"name": "Microsoft.MachineLearning.Run.Start", "timestamp": "2026-03-01T10:00:00Z"}
    body = {"events": [start | {"data": {"RunId": run}}, start | {"data": {"RunId": "none"}}, start]}
    errors = azure.ok("POST", f"{azure.history}/experiments/{azure.experiment}/batch/events", body)["errors"]
    assert len(errors) == 2
    assert errors[0]["value"]["error"]["innerError"]["code"] == "RunNotFound"
    assert azure.ok("GET", f"{azure.history}/runs/{run}")["status"] == "Running"


def test_children_know_their_root(azure: Azure) -> None:
    top = azure.new_run()
    middle = azure.new_run(parentRunId=top)
    body = {"runs": [{"runId": f"{middle}-{n}", "parentRunId": middle} for n in range(3)] + [{"runId": "not ok"}]}
    batch = azure.ok("PATCH", f"{azure.history}/experiments/{azure.experiment}/batch/runs", body)
    assert sorted(batch["runs"]) == [f"{middle}-{n}" for n in range(3)]
    assert batch["errors"]["not ok"]["error"]["details"] == []
    children = azure.ok("GET", f"{azure.history}/runs/{middle}/children?$orderby=StartTimeUtc%20desc&$top=500")["value"]
    assert [(each["parentRunId"], each["rootRunId"]) for each in children] == [(middle, top)] * 3
    assert [each["runId"] for each in azure.ok("GET", f"{azure.history}/runs/{top}/children")["value"]] == [middle]


def test_children_come_in_pages(azure: Azure) -> None:
    top = azure.new_run()
    wanted = [azure.new_run(parentRunId=top) for _ in range(5)]
    where = f"{azure.history}/experiments/{azure.experiment}/runs/{top}/children"
    found: list[str] = []
    parameters = {"$top": "2"}
    while True:
        page = azure.ok("GET", where, params=parameters)
        found += [each["runId"] for each in page["value"]]
        if not page["continuationToken"]:
            break
        parameters["$continuationToken"] = page["continuationToken"]
    assert found == wanted


def test_tags_are_deleted_by_a_body(azure: Azure) -> None:
    run = azure.new_run(tags={"a": "1", "b": "2"})
    where = f"{azure.history}/experiments/{azure.experiment}/runs/{run}/tags"
    assert azure.ok("DELETE", where, ["a", "none"])["tags"] == {"b": "2"}


def test_runs_are_counted_by_status(azure: Azure) -> None:
    for word in ("Completed", "Completed", "Failed"):
        azure.report(azure.new_run(), word)
    counts = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}/runcounts")
    assert (counts["completed"], counts["failed"], counts["running"]) == (2, 1, 0)


def test_a_run_token_signs_its_holder_in(azure: Azure) -> None:
    run = azure.new_run()
    token = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}/runs/{run}/token")["token"]
    answer = azure.world.get(f"{azure.history}/runs/{run}", headers={"Authorization": f"Bearer {token}"})
    assert answer.json()["runId"] == run


def test_metrics_are_there_when_their_request_is_answered(azure: Azure) -> None:
    run = azure.new_run()
    azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}/runs/{run}/metricsingest/wait")


def test_a_run_keeps_no_more_than_an_import_takes(azure: Azure) -> None:
    """The latest warnings are shown, all are told as events; what adds up by many requests has an end."""
    run, long = azure.new_run(), "x" * 900_000
    for number in range(6):
        azure.report(run, "Warning", Source="s", Message=f"{number}{long}")
    shown = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}/runs/{run}")["warnings"]
    assert [each["message"][0] for each in shown] == ["5"]
    events = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}/runs/{run}/events")["value"]
    assert len(events) == 6
    where = f"{azure.history}/experiments/{azure.experiment}/runs/{run}"
    given = ({name: {"a": long}} for name in ("runDefinition", "createdFrom", "options", "queueingInfo"))
    answers = [azure.call("PATCH", where, body) for body in given]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400]
    assert answers[-1].json()["error"]["innerError"]["code"] == "DetailsTooLarge"
    assert LARGEST_DETAILS <= LONGEST_TEXT
