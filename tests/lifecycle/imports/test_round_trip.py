"""Out of one server and into another: the next bag is the same, byte for byte."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.azure2018.conftest import Tree
from tests.azure2020.conftest import Azure
from tests.azure2020.pipelines import at, publish
from tests.conformance.world2018 import World2018
from tests.lifecycle.imports.bags import Files, files_of, manifest_of, rows_of
from tests.lifecycle.imports.content import build_everything, export_bag, import_bag, other_workspace, report_of
from tests.postgres import PostgresServer
from tests.world import World, make_world


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("source") / "data").start()
    build_everything(made)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def bag(source: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bag(source, tmp_path_factory.mktemp("bag") / "bag.tar")


def test_the_same_identity_gives_the_same_manifest(world: World, bag: Path, tmp_path: Path) -> None:
    operation = import_bag(world, bag)
    assert operation["state"] == "Succeeded", (operation, report_of(world, operation))
    assert operation["result"]["counts"]["took_identity"] == 1
    again = files_of(export_bag(world, tmp_path / "again.tar"))
    before = files_of(bag)
    differing = {path for path, digest in manifest_of(before).items() if manifest_of(again).get(path) != digest}
    assert differing == set()
    assert again["manifest-sha256.txt"] == before["manifest-sha256.txt"]


@pytest.fixture
def postgres_world(tmp_path: Path, postgres: PostgresServer) -> Iterator[World]:
    made = make_world(tmp_path / "postgres", FREEHOLD_DATABASE=postgres.make_database()).start()
    yield made
    made.kill()


def test_through_the_other_database_nothing_changes(postgres_world: World, bag: Path, tmp_path: Path) -> None:
    """SQLite → PostgreSQL → the same bag, and again under the next keys beside content of its own."""
    operation = import_bag(postgres_world, bag)
    assert operation["state"] == "Succeeded", (operation, report_of(postgres_world, operation))
    again = export_bag(postgres_world, tmp_path / "again.tar")
    assert files_of(again)["manifest-sha256.txt"] == files_of(bag)["manifest-sha256.txt"]
    place = other_workspace(postgres_world, "second")
    assert import_bag(postgres_world, again, at=place, new_ids="true")["state"] == "Succeeded"
    assert import_bag(postgres_world, again, at=other_workspace(postgres_world, "third"))["state"] == "Failed"
    model = {"name": "digits", "url": "http://x.example.org", "mimeType": "x"}
    answer = postgres_world.post(f"/modelmanagement/v1.0{place}/models", model, postgres_world.alice)
    assert answer.json()["version"] == 3


def test_a_project_and_a_hosting_account_come_back(world: World, tmp_path: Path) -> None:
    """Containers of 2018 into others of their kind. They stand in another place, so they keep their own identity."""
    with httpx.Client(base_url=world.url, timeout=60) as client:
        made = World2018(Azure(world, client, world.alice, world.workspace, "digits"))
        tree, other = made.tree, Tree(world, client, world.alice, world.workspace, "", 1).make()
    for number, (place, into) in enumerate(((tree.project, made.other), (tree.hosting, other.hosting))):
        bag = export_bag(world, tmp_path / f"{number}.tar", at=place)
        operation = import_bag(world, bag, at=into, new_ids="true")
        assert operation["state"] == "Succeeded", (operation, report_of(world, operation))
        before, after = files_of(bag), files_of(export_bag(world, tmp_path / f"{number}-again.tar", at=into))
        assert {name: len(rows_of(before, name)) for name in tables_of(before)} == {
            name: len(rows_of(after, name)) for name in tables_of(after)
        }
        assert len(rows_of(after, "runs")) + len(rows_of(after, "services")) > 0


def test_a_pipeline_endpoint_comes_back_with_its_versions(world: World, tmp_path: Path) -> None:
    with httpx.Client(base_url=world.url, timeout=60) as client:
        azure = Azure(world, client, world.alice, world.workspace, "digits")
        one, two = (publish(azure)["Id"] for _ in range(2))
        made = azure.ok("POST", at(azure, "PipelineEndpoints/Create"), {"Name": "end", "PipelineId": one})
        versions = [{"Version": "0", "PipelineId": one}, {"Version": "1", "PipelineId": two}]
        azure.ok("PUT", at(azure, f"PipelineEndpoints/{made['Id']}"), {"PipelineVersionList": versions})
        bag = export_bag(world, tmp_path / "bag.tar")
        place = other_workspace(world, "second")
        operation = import_bag(world, bag, at=place, new_ids="true")
        assert operation["state"] == "Succeeded", (operation, report_of(world, operation))
        (found,) = azure.ok("GET", f"/pipelines/v1.0{place}/PipelineEndpoints")
        assert [each["Version"] for each in found["PipelineVersionList"]] == ["0", "1"]
        assert {one, two}.isdisjoint(each["PipelineId"] for each in found["PipelineVersionList"])


def tables_of(files: Files) -> set[str]:
    return {path.split("/")[2] for path in files if path.startswith("data/tables/")} - {"audit_entries"}
