"""What people call by the name of a secret leaves without its value: it comes back, and all that reads it goes on."""

from pathlib import Path

import httpx

from tests.azure2020.conftest import Azure
from tests.azure2020.pipelines import at, publish
from tests.azure2020.test_metrics import TABLE, full, log
from tests.azure2020.test_pipelines_drafts import make_graph_draft
from tests.lifecycle.imports.content import export_bag, import_bag, other_workspace, report_of
from tests.world import World

WORDS = {"token": "a word", "team": "digits"}


def test_columns_and_tags_called_as_secrets_come_back_without_what_they_said(world: World, tmp_path: Path) -> None:
    with httpx.Client(base_url=world.url, timeout=60) as client:
        azure = Azure(world, client, world.alice, world.workspace, "digits")
        azure.make_experiment()
        write(azure)
        bag = export_bag(world, tmp_path / "bag.tar")
        there = Azure(world, client, world.alice, other_workspace(world, "second"), "digits")
        operation = import_bag(world, bag, at=there.workspace, new_ids="true")
        assert operation["state"] == "Succeeded", report_of(world, operation)
        read(there)


def write(azure: Azure) -> None:
    columns = {"token": "string", "count": "double"}
    table = {"name": "words", "columns": columns, "properties": {"uxMetricType": TABLE}}
    azure.put_run("first")
    log(azure, "first", table | {"value": [{"metricId": "w", "data": {"token": "the", "count": 7}}]})
    graph = make_graph_draft(azure)["Id"]
    draft = {"Name": "drawn", "GraphDraftId": graph, "tags": WORDS, "Properties": WORDS}
    azure.ok("POST", at(azure, "PipelineDrafts/Create"), draft)
    publish(azure, tags=WORDS, Properties=WORDS)


def read(azure: Azure) -> None:
    (run,) = azure.ok("GET", f"{azure.history}/runs?$filter=RunType eq null")["value"]
    found = full(azure, run["runId"], "words")
    assert (found["columns"], found["value"][0]["data"]) == (
        {"token": "string", "count": "double"},
        {"token": None, "count": 7},
    )
    (draft,), (pipeline,) = (azure.ok("GET", at(azure, noun)) for noun in ("PipelineDrafts", "Pipelines"))
    assert draft["tags"] == {"token": "", "team": "digits"}
    copies = [f"Clone/{draft['Id']}", f"ClonePublished/{pipeline['Id']}"]
    assert [azure.ok("GET", at(azure, f"PipelineDrafts/{each}"))["tags"] for each in copies] == [draft["tags"]] * 2
    submitted = azure.ok("POST", at(azure, "PipelineRuns/PipelineDraftSubmit"), {"Id": draft["Id"]})
    assert (submitted["tags"]["token"], submitted["Properties"]["token"]) == ("", "")
    azure.ok("POST", at(azure, "Pipelines/PipelineDraftCreate"), {"Id": draft["Id"]})
