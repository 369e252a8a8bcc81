"""Graphs, published pipelines, templates, schedules and endpoints; what goes with what, and what is refused."""

import json
from typing import Any

import pytest

from tests.azure2020.conftest import Azure
from tests.azure2020.pipelines import INTERFACE, at, make_run, new_graph, publish, submit


def test_the_published_pages_calls_answer_at_their_addresses(azure: Azure) -> None:
    run = make_run(azure)
    name = azure.name("page")
    template = azure.ok("POST", at(azure, "Templates/Create"), {"Name": name, "ExperimentId": run["Id"]})
    graph = azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}"))
    asked = {
        f"Experiments/{run['Id']}": run["Id"],
        f"Graphs/{run['GraphId']}": run["GraphId"],
        f"Templates/{template['Id']}": template["Id"],
        f"DataSources/{graph['DatasetNodes'][0]['DatasetId']}": graph["DatasetNodes"][0]["DatasetId"],
    }
    for path, expected in asked.items():
        found = azure.ok("GET", at(azure, path, old=True))
        assert found["Id"] == expected
        assert {"Etag", "CreatedDate", "LastModifiedDate", "EntityStatus"} <= found.keys()
        assert azure.call("GET", at(azure, f"{path}x", old=True)).status_code == 404
    module = azure.ok("GET", at(azure, f"Modules/{graph['ModuleNodes'][0]['ModuleId']}", old=True))
    assert module.keys() == {"Data", "Interface"}


def test_a_graph_has_every_list_that_the_sdk_walks_through(azure: Azure) -> None:
    run = make_run(azure)
    graph = azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}"))
    node = graph["ModuleNodes"][0]
    assert node["ModuleParameters"][0]["Value"] == "rate"
    assert (node["ModuleMetadataParameters"], node["ModuleOutputSettings"]) == ([], [])
    assert graph["Edges"][0]["DestinationInputPort"]["PortName"] == "data"
    interface = azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}/Interface"))
    assert interface["Parameters"] == INTERFACE["Parameters"]
    assert interface["Ports"] == {"Inputs": [], "Outputs": []}
    layout = azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}/Layout"))
    assert layout["NodeLayouts"]["n1"]["X"] == 1.5


def test_another_graph_under_the_id_of_one_is_a_graph_of_its_own(azure: Azure) -> None:
    run = make_run(azure)
    graph = azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}"))
    other = make_run(azure, graph | {"Edges": []})
    assert other["GraphId"] != run["GraphId"]
    assert len(azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}"))["Edges"]) == 1


def test_secrets_of_a_graph_are_kept_apart(azure: Azure) -> None:
    secret = "a-password-that-is-kept-apart"
    compute = {"ComputeType": "RemoteDocker", "RemoteDockerComputeInfo": {"Username": "u", "Password": secret}}
    run = make_run(azure, new_graph(azure) | {"DefaultCompute": compute}, ParameterAssignments={"password": secret})
    opened = azure.ok("GET", at(azure, f"Graphs/{run['GraphId']}"))
    assert opened["DefaultCompute"]["RemoteDockerComputeInfo"]["Password"] == secret
    assert run["ParameterAssignments"] == {"password": None}
    assert azure.ok("GET", at(azure, f"PipelineRuns/{run['Id']}"))["ParameterAssignments"] == {"password": secret}
    listed = azure.ok("GET", at(azure, "PipelineRuns"))
    assert secret not in json.dumps(listed)
    shared = publish(azure, opened)
    assert shared["GraphId"] == run["GraphId"]
    opened["DefaultCompute"]["RemoteDockerComputeInfo"]["Password"] = "another"
    assert publish(azure, opened)["GraphId"] != run["GraphId"]


def test_a_pipeline_is_published_disabled_and_submitted(azure: Azure) -> None:
    made = publish(azure, tags={"a": "b"}, Description="d")
    needed = (
        "Id Name Description Version GraphId TotalRunSteps ParameterAssignments DataSetDefinitionValueAssignments Url "
        "Etag CreatedDate LastModifiedDate EntityStatus ContinueRunOnStepFailure Properties EnableNotification"
    )
    assert set(needed.split()) <= made.keys()
    where = at(azure, f"Pipelines/{made['Id']}")
    assert azure.ok("GET", where) == made
    assert (made["TotalRunSteps"], made["EntityStatus"]) == (1, "Active")
    path = made["Url"].partition("/pipelines/")[2]
    run = azure.ok("POST", f"/pipelines/{path}", {"ExperimentName": azure.experiment})
    assert (run["PipelineId"], run["Description"]) == (made["Id"], "d")
    view = azure.ok("GET", f"{where}/View")
    assert (view["LastRunId"], view["LastRunStatus"], view["TotalRuns"]) == (run["Id"], "NotStarted", 1)
    assert view in azure.ok("GET", at(azure, "Pipelines/View"))
    assert azure.ok("PUT", f"{where}/status", "Disabled") is None
    answer = azure.call("POST", f"/pipelines/{path}", {})
    assert (answer.status_code, answer.json()["Error"]["InnerError"]["Code"]) == (409, "Disabled")
    assert made["Id"] not in [each["Id"] for each in azure.ok("GET", at(azure, "Pipelines?activeOnly=true"))]
    assert made["Id"] in [each["Id"] for each in azure.ok("GET", at(azure, "Pipelines?activeOnly=false"))]
    azure.ok("PUT", f"{where}/status", "0")
    azure.ok("POST", f"/pipelines/{path}", {"ExperimentName": azure.experiment})


def test_a_template_outlives_the_run_that_it_was_made_of(azure: Azure) -> None:
    run = make_run(azure, ParameterAssignments={"rate": "0.1"})
    body = {"Name": azure.name("t"), "Description": "d", "Version": "3", "ExperimentId": run["Id"]}
    made = azure.ok("POST", at(azure, "PublishedPipelines/Create"), body)
    assert {key: made[key] for key in body} == body
    azure.ok("DELETE", at(azure, f"PipelineRuns/{run['Id']}"))
    azure.erased()
    for noun in ("Templates", "PublishedPipelines"):
        found = azure.ok("GET", at(azure, f"{noun}/{made['Id']}"))
        assert (found["Version"], found["ExperimentId"]) == ("3", None)
    again = azure.ok(
        "POST", at(azure, f"Experiments/TemplateSubmit/{made['Id']}?experimentName={azure.experiment}"), {"rate": "9"}
    )
    assert (again["GraphId"], again["ParameterAssignments"]) == (run["GraphId"], {"rate": "9"})
    azure.ok("PUT", at(azure, f"Templates/{made['Id']}/status"), "Disabled")
    submitting = at(azure, f"Experiments/PublishedPipelineSubmit/{made['Id']}?experimentName={azure.experiment}")
    assert azure.call("POST", submitting, {}).status_code == 409
    assert made["Id"] not in str(azure.ok("GET", at(azure, "PublishedPipelines?activeOnly=true")))


def test_a_schedule_is_kept_and_starts_nothing(azure: Azure) -> None:
    pipeline = publish(azure)
    body = {
        "Name": "nightly",
        "PipelineId": pipeline["Id"],
        "ScheduleType": "0",
        "Recurrence": {"Frequency": "2", "Interval": 1, "Schedule": {"Hours": [3], "Minutes": [0], "WeekDays": ["0"]}},
        "PipelineSubmissionInfo": {"ExperimentName": azure.experiment, "Description": "d", "tags": {"a": "b"}},
    }
    made = azure.ok("POST", at(azure, "Schedules/Create"), body)
    assert {key: made[key] for key in body} == body
    assert (made["ProvisioningStatus"], made["EntityStatus"]) == ("Completed", "Active")
    where = at(azure, f"Schedules/{made['Id']}")
    assert azure.ok("GET", at(azure, f"Schedules/Pipeline/{pipeline['Id']}")) == [made]
    runs = at(azure, f"PipelineRuns/Schedule/{made['Id']}")
    assert azure.ok("GET", runs) == []
    assert azure.ok("GET", f"{runs}/Last", status=204) is None
    started = submit(azure, pipeline["Id"], ScheduleId=made["Id"])
    submit(azure, pipeline["Id"])
    assert [each["Id"] for each in azure.ok("GET", runs)] == [started["Id"]]
    assert azure.ok("GET", f"{runs}/Last")["ScheduleId"] == made["Id"]
    changed = azure.ok("PUT", where, made | {"EntityStatus": "Disabled", "Name": "never"})
    assert (changed["Name"], changed["Recurrence"]) == ("never", made["Recurrence"])
    assert made["Id"] not in [each["Id"] for each in azure.ok("GET", at(azure, "Schedules?activeOnly=true"))]
    for wrong in ({"PipelineId": None}, {"ScheduleType": "1"}, {"ScheduleType": "weekly"}):
        assert azure.call("POST", at(azure, "Schedules/Create"), body | wrong).status_code == 400
    assert azure.call("POST", at(azure, "Schedules/Create"), body | {"PipelineId": "none"}).status_code == 404


def test_an_endpoint_submits_its_default_version_or_another(azure: Azure) -> None:
    one, two = publish(azure), publish(azure)
    name = azure.name("endpoint")
    made = azure.ok("POST", at(azure, "PipelineEndpoints/Create"), {"Name": name, "PipelineId": one["Id"]})
    assert made["PipelineVersionList"] == [{"Version": "0", "PipelineId": one["Id"]}]
    assert (
        azure.call("POST", at(azure, "PipelineEndpoints/Create"), {"Name": name, "PipelineId": one["Id"]}).status_code
        == 409
    )
    versions = [*made["PipelineVersionList"], {"Version": "1", "PipelineId": two["Id"]}]
    changed = azure.ok("PUT", at(azure, f"PipelineEndpoints/{made['Id']}"), made | {"PipelineVersionList": versions})
    assert (changed["PipelineVersionList"], changed["DefaultVersion"]) == (versions, "0")
    assert azure.ok("GET", at(azure, f"PipelineEndpoints/Name?Name={name}")) == changed
    assert azure.ok("GET", at(azure, f"PipelineEndpoints/Id/{made['Id']}")) == changed
    where = at(azure, f"PipelineRuns/PipelineEndpointSubmit/Id/{made['Id']}")
    said = {"ExperimentName": azure.experiment}
    assert azure.ok("POST", where, said)["PipelineId"] == one["Id"]
    assert azure.ok("POST", f"{where}?pipelineVersion=1", said)["PipelineId"] == two["Id"]
    assert azure.ok("POST", f"{where}/1?pipelineVersion=1", said)["PipelineId"] == two["Id"]
    assert azure.call("POST", f"{where}?pipelineVersion=7", said).status_code == 404
    azure.ok("PUT", at(azure, f"Pipelines/{two['Id']}/status"), "Disabled")
    under = at(azure, f"PipelineEndpoints/{made['Id']}/pipelines")
    assert [each["Id"] for each in azure.ok("GET", under)] == [one["Id"], two["Id"]]
    assert [each["Id"] for each in azure.ok("GET", f"{under}?activeOnly=true")] == [one["Id"]]
    body = {"PipelineEndpointId": made["Id"], "ScheduleType": "1", "DataStoreTriggerInfo": {"DataStoreName": "blobs"}}
    schedule = azure.ok("POST", at(azure, "Schedules/Create"), body)
    assert azure.ok("GET", at(azure, f"Schedules/PipelineEndpoint/{made['Id']}")) == [schedule]
    assert len(azure.ok("GET", at(azure, "PipelineEndpoints?activeOnly=true"), headers={"BatchSize": "1"})) == 1


def test_what_was_made_of_a_pipeline_stays_when_it_goes(azure: Azure) -> None:
    pipeline = publish(azure)
    run = submit(azure, pipeline["Id"])
    azure.ok("DELETE", at(azure, f"Pipelines/{pipeline['Id']}"))
    assert azure.call("GET", at(azure, f"Pipelines/{pipeline['Id']}")).status_code == 404
    azure.erased()
    found = azure.ok("GET", at(azure, f"PipelineRuns/{run['Id']}"))
    assert (found["PipelineId"], found["GraphId"]) == (None, pipeline["GraphId"])
    azure.ok("GET", at(azure, f"Graphs/{pipeline['GraphId']}"))
    assert azure.call("DELETE", at(azure, f"Pipelines/{pipeline['Id']}")).status_code == 204


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("Modules", {}),
        ("DataSources", {"Name": 1}),
        ("Templates/Create", {"Name": "x"}),
        ("AzureMLModuleVersions", {"Name": "x"}),
        ("PipelineEndpoints/Create", {"Name": "x"}),
        ("Modules", {"Name": "n" * 300}),
        ("Pipelines/Create", {"Name": "x", "Description": "d" * 20_000}),
    ],
)
def test_what_does_not_fit_is_refused(azure: Azure, path: str, body: dict[str, Any]) -> None:
    answer = azure.call("POST", at(azure, path), body)
    assert answer.status_code == 400
    assert answer.json()["Error"]["Message"]


def test_secrets_of_a_schedule_stay_when_it_is_saved_without_them(azure: Azure) -> None:
    said = {"ParameterAssignments": {"password": "kept-apart-from-the-schedule"}}
    body = {
        "PipelineId": publish(azure)["Id"],
        "ScheduleType": "Recurrence",
        "Recurrence": {"Frequency": "Day", "Interval": 1},
        "PipelineSubmissionInfo": said,
    }
    made = azure.ok("POST", at(azure, "Schedules/Create"), body)
    assert made["PipelineSubmissionInfo"] == {"ParameterAssignments": {"password": None}}
    where = at(azure, f"Schedules/{made['Id']}")
    azure.ok("PUT", where, made | {"Name": "saved"})
    assert azure.ok("GET", where)["PipelineSubmissionInfo"] == said
    other = {"ParameterAssignments": {"password": "another"}}
    azure.ok("PUT", where, {"PipelineSubmissionInfo": other})
    assert azure.ok("GET", where)["PipelineSubmissionInfo"] == other
