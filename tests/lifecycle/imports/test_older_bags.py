"""Bags of older releases, which lack columns of today: what those say is found in what the bag says all the same."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from tests.azure2020.conftest import Azure
from tests.azure2020.pipelines import at, make_run, publish
from tests.azure2020.test_datasets import register, root
from tests.azure2020.test_pipelines_drafts import make_draft
from tests.lifecycle.imports.bags import Files, as_tar, files_of, rows_of, sealed, table_of, with_table
from tests.lifecycle.imports.content import export_bag, import_bag, other_workspace, report_of
from tests.world import World

ORIGINS = {
    "ParentPipelineId": "parent_pipeline_id",
    "ParentPipelineRunId": "parent_run_id",
    "ParentPipelineDraftId": "parent_draft_id",
    "LastSubmittedPipelineRunId": "last_run_id",
}
SAID = {
    "pipeline_drafts": ORIGINS,
    "pipeline_objects": {"ScheduleId": "schedule_id"},
    "dataset_definitions": {"savedDatasetId": "saved_id"},
}
"""Table → field that its documents had → column that says it now."""
SINCE = {
    "pipeline_drafts": ["graph_draft_kind", "graph_draft_id", "parent_pipeline_kind", *ORIGINS.values()],
    "pipeline_objects": ["schedule_kind", "schedule_id"],
    "dataset_definitions": ["saved_id"],
}
"""Columns of a table that bags did not always have."""


@pytest.fixture
def azure(world: World) -> Iterator[Azure]:
    """A workspace of nobody else's tests."""
    with httpx.Client(base_url=world.url, timeout=60) as client:
        yield Azure(world, client, world.alice, world.workspace, "none")


def older(files: Files, *, holds: bool = True) -> bytes:
    """As the release before wrote the bag. A draft alone came without what holds its graph."""
    versions = rows_of(files, "endpoint_versions") if _has(files, "endpoint_versions") else []
    for name, columns in SINCE.items():
        if _has(files, name):
            documents = pa.array([_as_said(name, row, versions) for row in rows_of(files, name)], pa.string())
            table = table_of(files, name)
            table = table.set_column(table.column_names.index("document"), "document", documents)
            files = with_table(files, name, table.drop_columns(columns))
    files = {path: content for path, content in files.items() if not path.startswith("data/tables/endpoint_versions/")}
    if not holds:
        files = with_table(files, "pipeline_objects", table_of(files, "pipeline_objects").slice(0, 0))
    return as_tar(sealed(files))


def _has(files: Files, table: str) -> bool:
    return f"data/tables/{table}/part-00000.parquet" in files


def _as_said(table: str, row: dict[str, Any], versions: list[dict[str, Any]]) -> str:
    """The row's document with what columns and rows of their own say now."""
    document = json.loads(row["document"])
    document |= {field: row[column] for field, column in SAID[table].items() if row[column] is not None}
    if row.get("kind") == "pipeline_endpoint":
        mine = [each for each in versions if each["endpoint_id"] == row["pipeline_object_id"]]
        listed = [{"Version": each["version_name"], "PipelineId": each["pipeline_id"]} for each in mine]
        document |= {"PipelineVersionList": listed}
    return json.dumps(document)


def there(azure: Azure, path: str) -> Azure:
    return Azure(azure.world, azure.client, azure.person, path, "none")


def gone(azure: Azure, *paths: str) -> bool:
    return {azure.call("GET", path).status_code for path in paths} == {404}


def test_what_came_without_a_link_still_goes_with_what_it_belongs_to(azure: Azure, tmp_path: Path) -> None:
    draft, dataset = make_draft(azure), register(azure, "goes")
    bag = older(files_of(export_bag(azure.world, tmp_path / "bag.tar")))
    assert all(set(SINCE[name]).isdisjoint(rows_of(files_of(bag), name)[0]) for name in SINCE)
    path = other_workspace(azure.world, "older")
    operation = import_bag(azure.world, bag, at=path, new_ids="true")
    assert operation["state"] == "Succeeded", report_of(azure.world, operation)
    new = there(azure, path)
    (mine,) = new.ok("GET", at(new, "PipelineDrafts"))
    assert mine["GraphDraftId"] not in {None, draft["GraphDraftId"]}
    new.ok("GET", at(new, f"GraphDrafts/{mine['GraphDraftId']}"))
    saved = new.ok("GET", f"{root(new)}/datasets/query/name=goes")["latest"]["savedDatasetId"]
    assert saved != dataset["latest"]["savedDatasetId"]
    new.ok("DELETE", at(new, f"PipelineDrafts/{mine['Id']}"))
    new.ok("DELETE", f"{root(new)}/datasets/goes")
    graph = mine["GraphDraftId"]
    assert gone(new, at(new, f"GraphDrafts/{graph}"), at(new, f"Graphs/{graph}"), f"{root(new)}/saveddatasets/{saved}")


def test_a_draft_that_came_alone_keeps_its_graph_and_takes_it_along(azure: Azure, tmp_path: Path) -> None:
    draft = make_draft(azure)
    files = files_of(export_bag(azure.world, tmp_path / "bag.tar", "pipeline_draft", draft["Id"]))
    assert [row["kind"] for row in rows_of(files, "pipeline_objects")] == ["graph_draft"]
    path = other_workspace(azure.world, "older")
    operation = import_bag(azure.world, older(files, holds=False), at=path, new_ids="true")
    assert operation["state"] == "Succeeded", report_of(azure.world, operation)
    new = there(azure, path)
    (mine,) = new.ok("GET", at(new, "PipelineDrafts"))
    graph = new.ok("GET", at(new, f"GraphDrafts/{mine['GraphDraftId']}"))
    assert len(graph["ModuleNodes"]) == 1
    new.ok("DELETE", at(new, f"PipelineDrafts/{mine['Id']}"))
    assert gone(new, at(new, f"GraphDrafts/{graph['Id']}"), at(new, f"Graphs/{graph['Id']}"))


def test_what_documents_named_comes_in_as_links(azure: Azure, tmp_path: Path) -> None:
    """Under new ids, and no text says them once more."""
    draft, pipeline = make_draft(azure), publish(azure)["Id"]
    azure.ok("POST", at(azure, "PipelineRuns/PipelineDraftSubmit"), draft)
    azure.ok("GET", at(azure, f"PipelineDrafts/Clone/{draft['Id']}"))
    azure.ok("GET", at(azure, f"PipelineDrafts/ClonePublished/{pipeline}"))
    azure.ok("GET", at(azure, f"PipelineDrafts/ClonePipelineRun/{make_run(azure)['Id']}"))
    azure.ok("POST", at(azure, "PipelineEndpoints/Create"), {"Name": "flows", "PipelineId": pipeline})
    asked = {"PipelineId": pipeline, "ScheduleType": "0", "Recurrence": {"Frequency": "Day", "Interval": 1}}
    schedule = azure.ok("POST", at(azure, "Schedules/Create"), asked)["Id"]
    submitted = {"ExperimentName": azure.experiment, "ScheduleId": schedule}
    azure.ok("POST", at(azure, f"PipelineRuns/PipelineSubmit/{pipeline}"), submitted)
    register(azure, "named")
    bag = export_bag(azure.world, tmp_path / "bag.tar")
    path = other_workspace(azure.world, "named")
    operation = import_bag(azure.world, older(files_of(bag)), at=path, new_ids="true")
    assert operation["state"] == "Succeeded", report_of(azure.world, operation)
    again = files_of(export_bag(azure.world, tmp_path / "again.tar", at=path))
    for table in (*SAID, "endpoint_versions"):
        assert links_of(again, table) == links_of(files_of(bag), table)
        assert len(links_of(again, table)) > 0
    assert not any(field in row["document"] for name in SAID for row in rows_of(again, name) for field in SAID[name])


def test_assets_that_named_runs_come_in_without(azure: Azure, tmp_path: Path) -> None:
    azure.ok("POST", f"{azure.history}/experiments/{azure.experiment}", {})
    first, second = azure.new_run(), azure.new_run()
    for name, runs in {"of-one": [first], "of-two": [first, second]}.items():
        entries = [{"prefix": f"ExperimentRun/dcid.{run}/model"} for run in runs]
        azure.ok("POST", f"{azure.models}/assets", {"name": name, "artifacts": entries, "runid": first})
    files = files_of(export_bag(azure.world, tmp_path / "bag.tar"))
    table = table_of(files, "assets")
    said = {"of-one": [first], "of-two": [first, second]}
    documents = [_as_made_of(row, said[row["name"]]) for row in rows_of(files, "assets")]
    table = table.set_column(table.column_names.index("document"), "document", pa.array(documents, pa.string()))
    path = other_workspace(azure.world, "assets")
    bag = as_tar(sealed(with_table(files, "assets", table)))
    operation = import_bag(azure.world, bag, at=path, new_ids="true")
    assert operation["state"] == "Succeeded", report_of(azure.world, operation)
    new = there(azure, path)
    found = {each["name"]: each for each in new.ok("GET", f"{new.models}/assets")["value"]}
    run = found["of-one"]["runid"]
    assert [each["prefix"] for each in found["of-one"]["artifacts"]] == [f"ExperimentRun/dcid.{run}/model"]
    assert [each["prefix"] for each in found["of-two"]["artifacts"]] == [f"Asset/{found['of-two']['id']}"]
    again = files_of(export_bag(azure.world, tmp_path / "again.tar", at=path))
    assert "ExperimentRun" not in str([row["document"] for row in rows_of(again, "assets")])


def _as_made_of(row: dict[str, Any], runs: list[str]) -> str:
    named = [{"prefix": f"ExperimentRun/dcid.{run}/model"} for run in runs]
    return json.dumps(json.loads(row["document"]) | {"artifacts": named, "owns": True})


def links_of(files: Files, table: str) -> list[tuple[bool, ...]]:
    """Of each row, which of its columns say anything."""
    return sorted(tuple(value is not None for value in row.values()) for row in rows_of(files, table))
