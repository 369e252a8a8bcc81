"""Bags of older releases, which lack columns of today: what those say is found in what the bag says all the same."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.azure2020.conftest import Azure
from tests.azure2020.pipelines import at
from tests.azure2020.test_datasets import register, root
from tests.azure2020.test_pipelines_drafts import make_draft
from tests.lifecycle.imports.bags import Files, as_tar, files_of, rows_of, sealed, table_of, with_table
from tests.lifecycle.imports.content import export_bag, import_bag, other_workspace, report_of
from tests.world import World

SINCE = {"pipeline_drafts": ["graph_draft_kind", "graph_draft_id"], "dataset_definitions": ["saved_id"]}
"""Columns of a table that bags did not always have."""


@pytest.fixture
def azure(world: World) -> Iterator[Azure]:
    """A workspace of nobody else's tests."""
    with httpx.Client(base_url=world.url, timeout=60) as client:
        yield Azure(world, client, world.alice, world.workspace, "none")


def older(files: Files, *, holds: bool = True) -> bytes:
    """As the release before wrote the bag. A draft alone came without what holds its graph."""
    for name, columns in SINCE.items():
        if f"data/tables/{name}/part-00000.parquet" in files:
            files = with_table(files, name, table_of(files, name).drop_columns(columns))
    if not holds:
        files = with_table(files, "pipeline_objects", table_of(files, "pipeline_objects").slice(0, 0))
    return as_tar(sealed(files))


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
