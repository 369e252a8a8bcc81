"""Drafts: drawn, saved, cloned, submitted, published, deleted; what came of one does not change with it."""

import json
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from tests.azure2020.conftest import Azure
from tests.azure2020.pipelines import INTERFACE, at, make_run, new_graph, publish

FREEHOLD = "/freehold/v1"


def make_graph_draft(azure: Azure, **more: Any) -> Any:
    return azure.ok("POST", at(azure, "GraphDrafts"), new_graph(azure) | {"EntityInterface": INTERFACE, **more})


def make_draft(azure: Azure, **more: Any) -> Any:
    said = {"ExperimentName": azure.experiment, "Description": "d", "ParameterAssignments": {"rate": "0.3"}}
    body = {
        "Name": azure.name("draft"),
        "Description": "d",
        "tags": {"team": azure.experiment},
        "Properties": {"p": "1"},
        "PipelineSubmissionInfo": said,
        "GraphDraftId": make_graph_draft(azure)["Id"],
        **more,
    }
    made = azure.ok("POST", at(azure, "PipelineDrafts/Create"), body)
    assert {key: made[key] for key in body} == body
    return made


def test_a_draft_has_what_the_sdk_demands(azure: Azure) -> None:
    made = make_draft(azure)
    needed = (
        "Name Description tags Properties PipelineSubmissionInfo GraphDraftId ParentPipelineId ParentPipelineRunId "
        "ParentStepRunIds ParentPipelineDraftId LastSubmittedPipelineRunId CreatedBy LastUpdatedBy Id Etag "
        "CreatedDate LastModifiedDate"
    )
    assert made.keys() == set(needed.split())
    assert azure.ok("GET", at(azure, f"PipelineDrafts/{made['Id']}", old=True)) == made
    assert made["CreatedBy"]["UserObjectId"] == azure.person.object_id


def test_drafts_are_listed_by_their_tags(azure: Azure) -> None:
    first, second = make_draft(azure)["Id"], make_draft(azure, tags={"team": azure.experiment, "x": "1"})["Id"]

    def ids(**tags: str) -> list[str]:
        return [each["Id"] for each in azure.ok("POST", at(azure, "PipelineDrafts"), tags)]

    assert ids(team=azure.experiment) == [second, first]
    assert ids(team=azure.experiment, x="1") == [second]
    assert ids(team=azure.experiment, x="2") == []
    assert {first, second} <= set(ids())
    assert {first, second} <= {each["Id"] for each in azure.ok("GET", at(azure, "PipelineDrafts"))}


def test_a_draft_is_saved_whole_or_in_part(azure: Azure) -> None:
    made = make_draft(azure)
    where = at(azure, f"PipelineDrafts/{made['Id']}")
    changed = azure.ok("PUT", where, made | {"Name": "other", "tags": {}})
    assert (changed["Name"], changed["tags"], changed["GraphDraftId"]) == ("other", {}, made["GraphDraftId"])
    again = azure.ok("PUT", where, {"Description": "more"})
    assert (again["Name"], again["Description"]) == ("other", "more")
    assert again["PipelineSubmissionInfo"] == made["PipelineSubmissionInfo"]


def test_a_graph_draft_is_drawn_anew(azure: Azure) -> None:
    made = make_graph_draft(azure, GraphLayout={"NodeLayouts": {"n1": {"X": 1.0}}})
    where = at(azure, f"GraphDrafts/{made['Id']}")
    assert azure.ok("GET", where) == made
    assert (made["EntityInterface"]["Parameters"], made["Edges"] != []) == (INTERFACE["Parameters"], True)
    changed = azure.ok("PUT", where, {**made, "Edges": [], "GraphLayout": None})
    assert (changed["Edges"], changed["GraphLayout"]["NodeLayouts"]) == ([], {"n1": {"X": 1.0}})
    assert azure.ok("GET", where) == changed


def test_a_graph_that_is_no_draft_cannot_be_drawn_on(azure: Azure) -> None:
    run = make_run(azure)
    assert azure.call("PUT", at(azure, f"GraphDrafts/{run['GraphId']}"), {}).status_code == 404
    assert azure.call("DELETE", at(azure, f"GraphDrafts/{run['GraphId']}")).status_code == 204
    azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}"))


def test_a_submitted_draft_gives_a_run_that_drawing_does_not_change(azure: Azure) -> None:
    draft = make_draft(azure)
    run = azure.ok("POST", at(azure, "PipelineRuns/PipelineDraftSubmit"), draft)
    assert (run["RunHistoryExperimentName"], run["IsSubmitted"]) == (azure.experiment, True)
    assert (run["ParameterAssignments"], run["tags"]) == ({"rate": "0.3"}, {"team": azure.experiment})
    found = azure.ok("GET", at(azure, f"PipelineDrafts/{draft['Id']}"))
    assert found["LastSubmittedPipelineRunId"] == run["Id"]
    azure.ok("PUT", at(azure, f"GraphDrafts/{draft['GraphDraftId']}"), {"Edges": []})
    assert len(azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}"))["Edges"]) == 1
    assert azure.call("POST", at(azure, "PipelineRuns/PipelineDraftSubmit"), {}).status_code == 400


def test_a_draft_without_a_graph_cannot_be_submitted(azure: Azure) -> None:
    draft = make_draft(azure, GraphDraftId=None)
    for path in ("PipelineRuns/PipelineDraftSubmit", "Pipelines/PipelineDraftCreate"):
        answer = azure.call("POST", at(azure, path), draft)
        assert (answer.status_code, answer.json()["Error"]["InnerError"]["Code"]) == (400, "DraftWithoutGraph")


def test_a_published_draft_is_a_pipeline(azure: Azure) -> None:
    draft = make_draft(azure)
    pipeline = azure.ok("POST", at(azure, "Pipelines/PipelineDraftCreate"), draft)
    assert (pipeline["Name"], pipeline["ParameterAssignments"]) == (draft["Name"], {"rate": "0.3"})
    assert pipeline["GraphId"] != draft["GraphDraftId"]
    assert azure.ok("GET", at(azure, f"Pipelines/{pipeline['Id']}")) == pipeline


def test_drafts_are_cloned_of_drafts_pipelines_and_runs(azure: Azure) -> None:
    draft, pipeline, run = make_draft(azure), publish(azure), make_run(azure, ParameterAssignments={"rate": "7"})
    of_draft = azure.ok("GET", at(azure, f"PipelineDrafts/Clone/{draft['Id']}"))
    assert of_draft["ParentPipelineDraftId"] == draft["Id"]
    assert of_draft["PipelineSubmissionInfo"] == draft["PipelineSubmissionInfo"]
    assert of_draft["GraphDraftId"] not in (None, draft["GraphDraftId"])
    of_pipeline = azure.ok("GET", at(azure, f"PipelineDrafts/ClonePublished/{pipeline['Id']}"))
    assert (of_pipeline["ParentPipelineId"], of_pipeline["Name"]) == (pipeline["Id"], pipeline["Name"])
    of_run = azure.ok("GET", at(azure, f"PipelineDrafts/ClonePipelineRun/{run['Id']}"))
    assert of_run["ParentPipelineRunId"] == run["Id"]
    assert of_run["PipelineSubmissionInfo"]["ExperimentName"] == azure.experiment
    assert of_run["PipelineSubmissionInfo"]["ParameterAssignments"] == {"rate": "7"}
    for each in (of_draft, of_pipeline, of_run):
        graph = azure.ok("GET", at(azure, f"GraphDrafts/{each['GraphDraftId']}"))
        assert len(graph["ModuleNodes"]) == 1
    for path in ("Clone", "ClonePublished", "ClonePipelineRun"):
        assert azure.call("GET", at(azure, f"PipelineDrafts/{path}/none")).status_code == 404


def test_a_deleted_draft_takes_its_graph_draft_and_nothing_else(azure: Azure) -> None:
    draft = make_draft(azure)
    run = azure.ok("POST", at(azure, "PipelineRuns/PipelineDraftSubmit"), draft)
    azure.ok("DELETE", at(azure, f"PipelineDrafts/{draft['Id']}"), draft)
    for gone in (f"PipelineDrafts/{draft['Id']}", f"GraphDrafts/{draft['GraphDraftId']}"):
        assert azure.call("GET", at(azure, gone)).status_code == 404
        assert azure.call("DELETE", at(azure, gone)).status_code == 204
    assert azure.call("GET", at(azure, f"Graphs/{draft['GraphDraftId']}")).status_code == 404
    azure.erased()
    azure.ok("GET", at(azure, f"PipelineRuns/{run['Id']}"))
    azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}"))


def test_to_erase_a_draft_means_the_same_as_to_delete_it(azure: Azure) -> None:
    """The plan says so before: the graph draft, its graph and the secrets in that."""
    compute = {"ComputeType": "RemoteDocker", "RemoteDockerComputeInfo": {"Username": "u", "Password": "kept-apart"}}
    graph = make_graph_draft(azure, DefaultCompute=compute)
    draft = make_draft(azure, GraphDraftId=graph["Id"])
    body = {"scope": "pipeline_draft", "id": draft["Id"]}
    plan = azure.ok("POST", f"{FREEHOLD}/erasures", body | {"dry_run": True})
    assert {each["record"]: each["count"] for each in plan["steps"]} == {
        "pipeline_drafts": 1,
        "pipeline_objects": 1,
        "pipeline_graphs": 1,
        "sealed_secrets": 1,
    }
    begun = azure.call("POST", f"{FREEHOLD}/erasures", body)
    assert begun.status_code == 202, begun.text
    for gone in (f"PipelineDrafts/{draft['Id']}", f"GraphDrafts/{graph['Id']}", f"Graphs/{graph['Id']}"):
        assert azure.call("GET", at(azure, gone)).status_code == 404
    azure.erased()
    ended = azure.ok("GET", f"{FREEHOLD}/operations/{begun.json()['id']}")["progress"]["counts"]
    assert {name: ended[name] for name in ended if name != "operation_targets"} == {
        each["record"]: each["count"] for each in plan["steps"]
    }


def test_to_erase_a_graph_draft_means_the_same_as_to_delete_it(azure: Azure) -> None:
    draft = make_draft(azure)
    body = {"scope": "pipeline_object", "id": draft["GraphDraftId"]}
    assert azure.call("POST", f"{FREEHOLD}/erasures", body).status_code == 202
    assert azure.ok("GET", at(azure, f"PipelineDrafts/{draft['Id']}"))["GraphDraftId"] is None
    azure.erased()
    assert azure.call("GET", at(azure, f"Graphs/{draft['GraphDraftId']}")).status_code == 404
    assert azure.ok("GET", at(azure, f"PipelineDrafts/{draft['Id']}"))["GraphDraftId"] is None
    with sqlite3.connect(azure.world.folder / "freehold.db") as db:
        rows = db.execute("SELECT count(*) FROM pipeline_graphs WHERE graph_id = ?", [draft["GraphDraftId"]])
        assert rows.fetchone() == (0,), "the draft keeps no graph"


def test_a_graph_draft_may_be_deleted_before_its_draft(azure: Azure) -> None:
    """As the SDK does it."""
    draft = make_draft(azure)
    azure.ok("DELETE", at(azure, f"GraphDrafts/{draft['GraphDraftId']}"))
    assert azure.ok("GET", at(azure, f"PipelineDrafts/{draft['Id']}"))["GraphDraftId"] is None
    assert azure.call("GET", at(azure, f"Graphs/{draft['GraphDraftId']}")).status_code == 404
    azure.erased()
    azure.ok("DELETE", at(azure, f"PipelineDrafts/{draft['Id']}"))
    assert azure.call("GET", at(azure, f"PipelineDrafts/{draft['Id']}")).status_code == 404
    azure.erased()


def test_a_graph_draft_that_two_drafts_use_goes_with_the_second(azure: Azure) -> None:
    first = make_draft(azure)
    second = make_draft(azure, GraphDraftId=first["GraphDraftId"])
    azure.ok("DELETE", at(azure, f"PipelineDrafts/{first['Id']}"))
    azure.erased()
    azure.ok("GET", at(azure, f"GraphDrafts/{first['GraphDraftId']}"))
    azure.ok("DELETE", at(azure, f"PipelineDrafts/{second['Id']}"))
    azure.erased()
    assert azure.call("GET", at(azure, f"GraphDrafts/{first['GraphDraftId']}")).status_code == 404


def test_a_graph_draft_that_no_draft_uses_is_deleted_alone(azure: Azure) -> None:
    graph = make_graph_draft(azure)
    azure.ok("DELETE", at(azure, f"GraphDrafts/{graph['Id']}"), graph)
    assert azure.call("GET", at(azure, f"Graphs/{graph['Id']}")).status_code == 404
    azure.erased()


def test_secrets_of_a_draft_stay_when_it_is_saved_without_them(azure: Azure) -> None:
    secret = "kept-apart-from-the-draft"
    draft = make_draft_with(azure, secret)
    where = at(azure, f"PipelineDrafts/{draft['Id']}")
    opened = azure.ok("GET", where)
    assert opened["PipelineSubmissionInfo"]["ParameterAssignments"] == {"password": secret}
    azure.ok("PUT", where, draft | {"Name": "saved"})
    assert azure.ok("GET", where)["PipelineSubmissionInfo"]["ParameterAssignments"] == {"password": secret}


def make_draft_with(azure: Azure, secret: str) -> Any:
    """As answered: without the secret."""
    said = {"PipelineSubmissionInfo": {"ParameterAssignments": {"password": secret}}, "Name": "d"}
    made = azure.ok("POST", at(azure, "PipelineDrafts/Create"), said)
    assert secret not in str(made)
    return made


def test_what_still_names_a_deleted_thing_does_not_stop_its_erasure(azure: Azure) -> None:
    draft, pipeline = make_draft(azure), publish(azure)
    run = azure.ok("POST", at(azure, "PipelineRuns/PipelineDraftSubmit"), draft)
    schedule = {"PipelineId": pipeline["Id"], "ScheduleType": "0", "Recurrence": {"Frequency": "Day", "Interval": 1}}
    schedule = azure.ok("POST", at(azure, "Schedules/Create"), schedule)
    endpoint = {"Name": azure.name("endpoint"), "PipelineId": pipeline["Id"]}
    endpoint = azure.ok("POST", at(azure, "PipelineEndpoints/Create"), endpoint)
    graph = azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}"))
    module, source = graph["ModuleNodes"][0]["ModuleId"], graph["DatasetNodes"][0]["DatasetId"]
    gone = (f"PipelineRuns/{run['Id']}", f"Pipelines/{pipeline['Id']}", f"Modules/{module}", f"DataSources/{source}")
    for each in gone:
        azure.ok("DELETE", at(azure, each))
    azure.erased()
    for each in gone:
        assert azure.call("GET", at(azure, each)).status_code == 404
    assert azure.ok("GET", at(azure, f"PipelineDrafts/{draft['Id']}"))["LastSubmittedPipelineRunId"] is None
    assert azure.ok("GET", at(azure, f"Schedules/{schedule['Id']}"))["PipelineId"] is None
    assert azure.ok("GET", at(azure, f"PipelineEndpoints/{endpoint['Id']}/pipelines")) == []
    answer = azure.call("POST", at(azure, f"PipelineRuns/PipelineEndpointSubmit/Id/{endpoint['Id']}"), {})
    assert answer.status_code == 404


def clone_of_a_draft(azure: Azure) -> tuple[str, str, str]:
    """Where what is cloned stands, its id, and how to clone it."""
    made = make_draft(azure)["Id"]
    return f"PipelineDrafts/{made}", made, f"PipelineDrafts/Clone/{made}"


def clone_of_a_pipeline(azure: Azure) -> tuple[str, str, str]:
    made = publish(azure)["Id"]
    return f"Pipelines/{made}", made, f"PipelineDrafts/ClonePublished/{made}"


def clone_of_a_run(azure: Azure) -> tuple[str, str, str]:
    made = make_run(azure)["Id"]
    return f"PipelineRuns/{made}", made, f"PipelineDrafts/ClonePipelineRun/{made}"


@pytest.mark.parametrize("make", [clone_of_a_draft, clone_of_a_pipeline, clone_of_a_run])
def test_a_draft_says_what_it_was_cloned_from_as_long_as_that_stands(
    azure: Azure, make: Callable[[Azure], tuple[str, str, str]]
) -> None:
    origin, its_id, clone = make(azure)
    draft = azure.ok("GET", at(azure, clone))
    where = at(azure, f"PipelineDrafts/{draft['Id']}")
    assert its_id in azure.ok("PUT", where, draft).values()
    azure.ok("DELETE", at(azure, origin))
    azure.erased()
    assert its_id not in json.dumps(azure.ok("GET", where))
    assert its_id not in json.dumps(azure.ok("PUT", where, draft)), "nor when a client repeats what it read before"
    assert texts_with(azure, its_id) == []


def test_a_run_says_its_schedule_as_long_as_that_stands(azure: Azure) -> None:
    pipeline = publish(azure)
    asked = {"PipelineId": pipeline["Id"], "ScheduleType": "0", "Recurrence": {"Frequency": "Day", "Interval": 1}}
    schedule = azure.ok("POST", at(azure, "Schedules/Create"), asked)["Id"]
    submitted = at(azure, f"PipelineRuns/PipelineSubmit/{pipeline['Id']}")
    run = azure.ok("POST", submitted, {"ExperimentName": azure.experiment, "ScheduleId": schedule})
    other = azure.ok("POST", submitted, {"ExperimentName": azure.experiment, "ScheduleId": "nowhere"})
    assert (run["ScheduleId"], other["ScheduleId"]) == (schedule, None)
    assert [each["Id"] for each in azure.ok("GET", at(azure, f"PipelineRuns/Schedule/{schedule}"))] == [run["Id"]]
    azure.ok("POST", erasures(azure), {"scope": "pipeline_object", "id": schedule}, status=202)
    azure.erased()
    assert azure.ok("GET", at(azure, f"PipelineRuns/{run['Id']}"))["ScheduleId"] is None
    assert texts_with(azure, schedule) == []


def test_an_endpoint_keeps_the_name_of_a_version_whose_pipeline_is_gone(azure: Azure) -> None:
    first, second = publish(azure)["Id"], publish(azure)["Id"]
    made = azure.ok("POST", at(azure, "PipelineEndpoints/Create"), {"Name": azure.name("e"), "PipelineId": first})
    where = at(azure, f"PipelineEndpoints/{made['Id']}")
    versions = [*made["PipelineVersionList"], {"Version": "1", "PipelineId": second}]
    azure.ok("PUT", where, {"PipelineVersionList": versions})
    azure.ok("DELETE", at(azure, f"Pipelines/{first}"))
    azure.erased()
    left = azure.ok("GET", at(azure, f"PipelineEndpoints/Id/{made['Id']}"))
    assert (left["PipelineVersionList"], left["DefaultVersion"]) == (versions[1:], "0")
    assert texts_with(azure, first) == []
    assert azure.ok("PUT", where, left | {"Description": "d"})["PipelineVersionList"] == versions[1:]
    submitted = at(azure, f"PipelineRuns/PipelineEndpointSubmit/Id/{made['Id']}")
    assert azure.call("POST", submitted, {}).status_code == 404
    assert azure.call("PUT", where, {"PipelineVersionList": versions}).status_code == 404
    azure.ok("PUT", where, {"DefaultVersion": "1"})
    azure.ok("POST", submitted, {})


def test_an_erased_draft_takes_along_what_it_was_drawn_on_before(azure: Azure) -> None:
    draft, other = make_draft(azure), make_draft(azure)
    where = at(azure, f"PipelineDrafts/{draft['Id']}")
    before, shared, last = draft["GraphDraftId"], other["GraphDraftId"], make_graph_draft(azure)["Id"]
    for graph in (shared, before, shared, last):
        azure.ok("PUT", where, {"GraphDraftId": graph})
    azure.ok("DELETE", where)
    azure.erased()
    found = [azure.call("GET", at(azure, f"GraphDrafts/{graph}")).status_code for graph in (before, shared, last)]
    assert found == [404, 200, 404]


def erasures(azure: Azure) -> str:
    return f"{FREEHOLD}{azure.workspace}/erasures"


def texts_with(azure: Azure, mark: str) -> list[str]:
    """Tables with a row that has the text anywhere."""
    with sqlite3.connect(azure.world.folder / "freehold.db") as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        found = {name: db.execute(f'SELECT * FROM "{name}"').fetchall() for name in tables}
    return [name for name, rows in found.items() if any(mark in str(row) for row in rows)]
