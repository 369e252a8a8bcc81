"""Pipeline runs: made of a graph, the same run in the run history, moved by what is reported there."""

from typing import Any

import pytest

from tests.azure2020.conftest import Azure
from tests.azure2020.pipelines import at, make_run, new_graph, publish, submit


def status(azure: Azure, run: str) -> str:
    code: str = azure.ok("GET", at(azure, f"PipelineRuns/{run}"))["Status"]["StatusCode"]
    return code


def test_a_run_has_what_the_sdk_demands_at_each_address(azure: Azure) -> None:
    made = make_run(azure, ParameterAssignments={"rate": "0.5"}, tags={"team": "blue"}, Properties={"k": "v"})
    needed = (
        "Id Etag CreatedDate LastModifiedDate EntityStatus Description Status GraphId IsSubmitted HasErrors "
        "HasWarnings UploadState ParameterAssignments DataSetDefinitionValueAssignments RunHistoryExperimentName "
        "PipelineId RunSource RunType TotalRunSteps ScheduleId tags Properties CreatedBy LastUpdatedBy"
    )
    assert set(needed.split()) <= made.keys()
    assert (made["IsSubmitted"], made["TotalRunSteps"], made["RunSource"]) == (False, 1, "SDK")
    assert (made["RunHistoryExperimentName"], made["ParameterAssignments"]) == (azure.experiment, {"rate": "0.5"})
    assert made["tags"] == {"team": "blue"}
    assert made["Properties"]["k"] == "v"
    assert made["CreatedBy"]["UserObjectId"] == azure.person.object_id
    for noun in ("PipelineRuns", "Experiments"):
        for old in (True, False):
            assert azure.ok("GET", at(azure, f"{noun}/{made['Id']}", old=old)) == made


def test_a_pipeline_run_is_a_run_of_the_run_history(azure: Azure) -> None:
    made = make_run(azure, tags={"a": "1"})
    run = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}/runs/{made['Id']}")
    assert (run["runType"], run["status"], run["description"]) == ("azureml.PipelineRun", "NotStarted", "train")
    assert run["properties"]["azureml.runsource"] == "azureml.PipelineRun"
    azure.put_run(made["Id"], tags={"b": "2"}, description="told there")
    found = azure.ok("GET", at(azure, f"PipelineRuns/{made['Id']}"))
    assert (found["tags"], found["Description"]) == ({"a": "1", "b": "2"}, "told there")


def test_a_submitted_run_waits_until_someone_reports(azure: Azure) -> None:
    run = make_run(azure)["Id"]
    assert azure.ok("POST", at(azure, f"PipelineRuns/Submit/{run}")) is None
    azure.ok("POST", at(azure, f"Experiments/Submit/{run}"))
    found = azure.ok("GET", at(azure, f"PipelineRuns/{run}"))
    assert (found["IsSubmitted"], found["Status"]["StatusCode"], found["Status"]["EndTime"]) == (
        True,
        "NotStarted",
        None,
    )
    azure.report(run, "Start")
    assert status(azure, run) == "Running"
    azure.report(run, "Completed")
    found = azure.ok("GET", at(azure, f"PipelineRuns/{run}"))
    assert (found["Status"]["StatusCode"], found["HasErrors"]) == ("Finished", False)
    assert found["Status"]["EndTime"]


def test_a_failed_run_says_why(azure: Azure) -> None:
    run = make_run(azure)["Id"]
    azure.report(run, "Error", ErrorResponse={"error": {"code": "UserError", "message": "no data"}})
    azure.report(run, "Failed")
    found = azure.ok("GET", at(azure, f"PipelineRuns/{run}"))
    assert (found["HasErrors"], found["Status"]["StatusCode"]) == (True, "Failed")
    assert found["Status"]["StatusDetail"] == "no data"


def test_a_run_may_be_submitted_below_another(azure: Azure) -> None:
    parent, run = azure.new_run(), make_run(azure)["Id"]
    azure.ok("POST", at(azure, f"PipelineRuns/Submit/{run}?parentRunId={parent}"))
    found = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}/runs/{run}")
    assert found["parentRunId"] == parent
    for wrong in (run, "nobody"):
        answer = azure.call("POST", at(azure, f"PipelineRuns/Submit/{run}?parentRunId={wrong}"))
        assert (answer.status_code, answer.json()["Error"]["InnerError"]["Code"]) == (400, "InvalidParentRun")


def test_no_run_is_submitted_below_one_of_its_own_line(azure: Azure) -> None:
    """A circle would have no top: each of its runs would be its own root."""
    top, middle, below = (make_run(azure)["Id"] for _ in range(3))
    for run, parent in ((middle, top), (below, middle)):
        azure.ok("POST", at(azure, f"PipelineRuns/Submit/{run}?parentRunId={parent}"))
    answer = azure.call("POST", at(azure, f"PipelineRuns/Submit/{top}?parentRunId={below}"))
    assert (answer.status_code, answer.json()["Error"]["InnerError"]["Code"]) == (400, "InvalidParentRun")
    found = azure.ok("GET", f"{azure.history}/runs/{below}")
    assert (found["parentRunId"], found["rootRunId"]) == (middle, top)


def test_steps_are_child_runs_that_name_their_node(azure: Azure) -> None:
    run = make_run(azure)["Id"]
    nodes = at(azure, f"PipelineRuns/{run}/Graph")
    assert azure.ok("POST", f"{nodes}/AllNodes/StatusCode", []) == {"n1": "NotStarted"}
    waiting = azure.ok("POST", f"{nodes}/Node/Status", ["n1"])
    assert (waiting["StatusCode"], waiting["RunId"]) == ("NotStarted", None)
    step = azure.new_run(parentRunId=run, tags={"azureml.nodeid": "n1"}, status="Queued")
    assert azure.ok("POST", f"{nodes}/Node/StatusCode", ["n1"]) == "Queued"
    azure.report(step, "Start")
    azure.report(step, "Completed")
    done = azure.ok("POST", f"{nodes}/AllNodes/Status")["n1"]
    assert (done["StatusCode"], done["RunId"], done["HasWarnings"]) == ("Finished", step, False)
    assert done["StartTime"]
    assert done["EndTime"]
    assert azure.call("POST", f"{nodes}/Node/Status", ["other"]).status_code == 404
    assert azure.call("POST", f"{nodes}/Node/Status", []).status_code == 400


def test_logs_of_a_step_are_artifacts_of_its_run(azure: Azure) -> None:
    run = make_run(azure)["Id"]
    logs = at(azure, f"PipelineRuns/{run}/Graph/Shareable")
    assert azure.call("POST", f"{logs}/STDOUT", ["n1"]).content == b""
    step = azure.new_run(parentRunId=run, tags={"azureml.nodeid": "n1"})
    written = {"STDOUT": "stdoutlogs.txt", "STDERR": "stderrlogs.txt", "JobLog": "executionlogs.txt"}
    for word, name in written.items():
        azure.upload("ExperimentRun", f"dcid.{step}", **{f"logs__azureml__{name}": f"{word} ü".encode()})
    for word in written:
        for noun in ("PipelineRuns", "Experiments"):
            answer = azure.call("POST", at(azure, f"{noun}/{run}/Graph/Shareable/{word}"), ["n1"])
            assert (answer.status_code, answer.content.decode()) == (200, f"{word} ü")
    assert azure.call("POST", f"{logs}/STDOUT", ["other"]).status_code == 404


@pytest.mark.parametrize(("reported", "becomes"), [(None, "Canceled"), ("Start", "Running"), ("Completed", "Finished")])
def test_cancelling_ends_what_nobody_runs_and_asks_who_does(azure: Azure, reported: str | None, becomes: str) -> None:
    run = make_run(azure)["Id"]
    if reported:
        azure.report(run, reported)
    azure.ok("DELETE", at(azure, f"PipelineRuns/{run}/Execution"))
    assert status(azure, run) == becomes
    asked = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}/runs/{run}")["status"]
    assert asked == {"Canceled": "Canceled", "Running": "CancelRequested", "Finished": "Completed"}[becomes]


def test_a_put_changes_what_it_says(azure: Azure) -> None:
    run = make_run(azure, tags={"old": "1", "both": "1"})
    body = {**run, "Description": "new", "tags": {"both": "2"}, "Properties": {"p": "1"}, "EntityStatus": "2"}
    changed = azure.ok("PUT", at(azure, f"Experiments/{run['Id']}"), body)
    assert (changed["Description"], changed["tags"], changed["EntityStatus"]) == ("new", {"both": "2"}, "Disabled")
    assert changed["Properties"]["p"] == "1"
    assert changed["Etag"] != run["Etag"]
    again = azure.ok("PUT", at(azure, f"PipelineRuns/{run['Id']}"), {"Description": "newer"})
    assert (again["Description"], again["tags"]) == ("newer", {"both": "2"})


def test_a_run_without_an_experiment_is_put_into_the_default_one(azure: Azure) -> None:
    body = {"CreationInfo": {}, "Graph": new_graph(azure)}
    made = azure.ok("POST", at(azure, "Experiments/Unsubmitted/CreationInfoWithGraph", old=True), body)
    assert made["RunHistoryExperimentName"] == "Default"
    azure.ok("GET", f"{azure.history}/experiments/Default/runs/{made['Id']}")


def test_a_run_shares_its_graph_with_what_it_came_of(azure: Azure) -> None:
    pipeline = publish(azure)
    run = submit(azure, pipeline["Id"], ParameterAssignments={"more": "2"})
    assert (run["PipelineId"], run["GraphId"], run["IsSubmitted"]) == (pipeline["Id"], pipeline["GraphId"], True)
    assert run["ParameterAssignments"] == {"rate": "0.1", "more": "2"}
    for noun in ("PipelineRuns", "Experiments"):
        found = azure.ok("GET", at(azure, f"{noun}/Pipeline/{pipeline['Id']}"))
        assert [each["Id"] for each in found] == [run["Id"]]


def test_lists_come_whole_or_in_pages(azure: Azure) -> None:
    pipeline = publish(azure)
    made = [submit(azure, pipeline["Id"])["Id"] for _ in range(5)][::-1]
    where = at(azure, f"PipelineRuns/Pipeline/{pipeline['Id']}")
    assert [each["Id"] for each in azure.ok("GET", where)] == made
    assert [each["Id"] for each in azure.ok("GET", where, headers={"BatchSize": "2"})] == made[:2]
    found: list[str] = []
    token: str | None = ""
    while token is not None:
        page = azure.ok("GET", f"{where}?$top=2&continuationToken={token}")
        found += [each["Id"] for each in page["Entity"]]
        token = page["ContinuationToken"]
    assert found == made
    token = azure.ok("GET", f"{where}?$top=2")["ContinuationToken"]
    assert azure.call("GET", f"{where}?activeOnly=true&continuationToken={token}").status_code == 400
    assert azure.call("GET", f"{where}?$top=0").status_code == 400
    assert azure.call("GET", f"{where}?continuationToken=nonsense").status_code == 400
    assert made[0] in {each["Id"] for each in azure.ok("GET", at(azure, "PipelineRuns"))}


@pytest.mark.parametrize("by", ["pipelines", "history", "experiment"])
def test_a_run_goes_with_the_run_of_its_id_and_its_graph_with_the_last(azure: Azure, by: str) -> None:
    made = make_run(azure)
    run, graph = made["Id"], at(azure, f"Graphs/{made['GraphId']}")
    published = publish(azure, {**azure.ok("GET", graph)})
    assert published["GraphId"] == made["GraphId"]
    if by == "pipelines":
        azure.ok("DELETE", at(azure, f"PipelineRuns/{run}"))
    else:
        scope = {"run": run} if by == "history" else {"experiment": experiment_id(azure)}
        ((kind, root),) = scope.items()
        azure.ok("POST", "/freehold/v1/erasures", {"scope": kind, "id": root}, status=202)
    for gone in (at(azure, f"PipelineRuns/{run}"), f"{azure.history}/experiments/{azure.experiment}/runs/{run}"):
        assert azure.call("GET", gone).status_code == 404
    azure.erased()
    assert azure.call("DELETE", at(azure, f"PipelineRuns/{run}")).status_code == 204
    azure.ok("GET", graph)
    azure.ok("DELETE", at(azure, f"Pipelines/{published['Id']}"))
    assert azure.call("GET", graph).status_code == 404
    azure.erased()


def experiment_id(azure: Azure) -> str:
    found: str = azure.ok("GET", f"{azure.history}/experiments/{azure.experiment}")["experimentId"]
    return found


def test_what_is_not_here_is_told_in_pascal_case(azure: Azure) -> None:
    answer = azure.call("GET", at(azure, "PipelineRuns/none"))
    error = answer.json()["Error"]
    assert (answer.status_code, error["Code"], error["InnerError"]["Code"]) == (404, "UserError", "PipelineRunNotFound")
    assert error["Details"] == []


@pytest.mark.parametrize(
    "drawn",
    [
        {"ModuleNodes": [{"ModuleId": "m"}]},
        {"ModuleNodes": [{"Id": "a"}, {"Id": "a"}]},
        {"Edges": [{"SourceOutputPort": {"NodeId": "a"}, "DestinationInputPort": {"NodeId": "b"}}]},
        {"Edges": [{"SourceOutputPort": {"NodeId": ["a"]}, "DestinationInputPort": {"NodeId": "b"}}]},
        {"Edges": [{}]},
        {"ModuleNodes": "a"},
    ],
)
def test_a_graph_that_cannot_be_is_refused(azure: Azure, drawn: dict[str, Any]) -> None:
    body = {"CreationInfo": {}, "Graph": drawn}
    where = at(azure, f"PipelineRuns/Unsubmitted/CreationInfoWithGraph?experimentName={azure.experiment}")
    answer = azure.call("POST", where, body)
    assert answer.status_code == 400
    assert answer.json()["Error"]["Message"]
