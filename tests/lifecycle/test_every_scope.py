"""A bag of any scope holds what it covers and nothing else of its container, in its tables and in `rest/` alike."""

import io
import json
import re
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pyarrow.parquet as pq
import pytest

from freehold.lifecycle.holds import SCOPES
from freehold.records.rules import Scope
from tests.azure2020 import pipelines
from tests.azure2020.conftest import Azure
from tests.conformance.world2018 import World2018
from tests.conformance.world2020 import World2020
from tests.lifecycle.imports.bags import Files, files_of
from tests.patience import patient
from tests.world import World

OTHERS = re.compile(r"another-[a-z]+-[0-9a-f]{12}")
MARK = "0123456789ab"
TABLES = {
    "runs": "runs",
    "experiments": "experiments",
    "artifacts": "artifacts",
    "tasks": "tasks",
    "models": "models",
    "hosting-models": "models",
    "assets": "assets",
    "images": "images",
    "hosting-images": "images",
    "manifests": "manifests",
    "services": "services",
    "hosting-services": "services",
    "computes": "computes",
    "datastores": "datastores",
    "datasets": "datasets",
    "pipeline-graphs": "pipeline_graphs",
    "pipeline-runs": "pipeline_objects",
    "modules": "pipeline_objects",
    "templates": "pipeline_objects",
    "data-sources": "pipeline_objects",
}
"""Folder below `rest/` → the table whose rows its documents are of; the container's own document has none."""
OF_HOSTING = (Scope.MODEL, Scope.MANIFEST, Scope.IMAGE, Scope.SERVICE)
IN_2020 = [scope for scope in Scope if scope is not Scope.MANIFEST]
INSIDE = [scope for scope in IN_2020 if scope is not Scope.WORKSPACE]


class Place(NamedTuple):
    """A container, and its bag with everything in it."""

    path: str
    whole: Files


@pytest.fixture(scope="module")
def of_2020(shared_world: World, client: httpx.Client) -> Place:
    azure = World2020(Azure(shared_world, client, shared_world.alice, shared_world.workspace, "")).azure
    latest = {"dataflow": json.dumps({"blocks": []}), "properties": {}, "datasetDefinitionState": {}}
    dataset = {"name": "iris", "datasetType": "tabular", "isVisible": True, "latest": latest}
    azure.ok("POST", f"/dataset/v1.0{azure.workspace}/datasets", dataset)
    azure.ok("POST", pipelines.at(azure, "PipelineDrafts/Create"), {"Name": "drawn", "Description": "d"})
    add_others(azure)
    return Place(azure.workspace, exported(shared_world, azure.workspace, Scope.WORKSPACE))


@pytest.fixture(scope="module")
def of_2018(shared_world: World, client: httpx.Client) -> Place:
    """A hosting account; what a project holds reads as in 2020."""
    tree = World2018(Azure(shared_world, client, shared_world.alice, shared_world.workspace, "")).tree
    tree.register("another", description=f"another-model-{MARK}")
    return Place(tree.hosting, exported(shared_world, tree.hosting, Scope.WORKSPACE))


@pytest.fixture(scope="module")
def client(shared_world: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared_world.url, timeout=patient(60)) as made:
        yield made


def add_others(azure: Azure) -> None:
    """Of every kind something that nothing else refers to."""
    azure.experiment = f"another-experiment-{MARK}"
    azure.make_experiment()
    azure.put_run("another", status="Completed", tags={"note": f"another-run-{MARK}"})
    azure.upload("ExperimentRun", "dcid.another", secret=f"another-artifact-{MARK}".encode())
    azure.upload("LocalUpload", "loose", loose=f"another-upload-{MARK}".encode())
    metric = {"metricType": "azureml.v1.scalar", "name": f"another-metric-{MARK}", "cells": [{"x": 0.5}]}
    azure.ok("POST", f"{azure.history}/experiments/{azure.experiment}/runs/another/metrics", metric)
    model = {
        "name": "another",
        "url": "https://h.example.org/m",
        "mimeType": "x",
        "description": f"another-model-{MARK}",
    }
    azure.ok("POST", f"{azure.models}/models", model)
    properties = {"computeType": "AmlCompute", "properties": {"vmSize": f"another-compute-{MARK}"}}
    where = f"{azure.workspace}/computes/another?api-version=2019-11-01"
    azure.ok("PUT", where, {"location": "local", "properties": properties}, status=201)
    pipelines.make_module(azure, f"another-module-{MARK}")


@pytest.mark.parametrize("scope", IN_2020, ids=str)
def test_a_bag_of_2020_holds_what_it_covers_and_nothing_else(shared_world: World, of_2020: Place, scope: Scope) -> None:
    check_that_it_holds_nothing_else(shared_world, of_2020, scope)


@pytest.mark.parametrize("scope", OF_HOSTING, ids=str)
def test_a_bag_of_2018_holds_what_it_covers_and_nothing_else(shared_world: World, of_2018: Place, scope: Scope) -> None:
    check_that_it_holds_nothing_else(shared_world, of_2018, scope)


def check_that_it_holds_nothing_else(world: World, place: Place, scope: Scope) -> None:
    everything = set(OTHERS.findall(text_of(place.whole)))
    bag = place.whole
    if scope is not Scope.WORKSPACE:
        bag = exported(world, place.path, scope, first_of(place.whole, scope))
        assert OTHERS.findall(text_of(bag)) == []
    assert len(everything) == (1 if place.path.count("hosting") else 8), "it is seen where it is"
    said = documents_of(bag)
    for folder, documents in said.items():
        known = ids_of(bag, TABLES[folder]) if folder in TABLES else {""}
        assert [id_ for id_ in map(id_of, documents) if id_ not in known and folder in TABLES] == [], folder
    if scope is Scope.WORKSPACE:
        assert said.keys() - TABLES.keys() == {"workspaces"}


def test_an_erased_run_is_in_no_bag_of_something_else(world: World) -> None:
    """The erasure withdraws no such bag, so none may hold any of it."""
    with httpx.Client(base_url=world.url, timeout=patient(60)) as client:
        azure = Azure(world, client, world.alice, world.workspace, "kept")
        azure.make_experiment()
        azure.put_run("another", status="Completed", tags={"note": f"another-run-{MARK}"})
        properties = {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_D2"}}
        where = f"{azure.workspace}/computes/cpu?api-version=2019-11-01"
        azure.ok("PUT", where, {"location": "local", "properties": properties}, status=201)
        address = ready(azure, azure.workspace, Scope.COMPUTE, "cpu")
        asked = {"scope": "run", "id": "another"}
        azure.ok("POST", f"/freehold/v1{azure.workspace}/erasures", asked, status=202)
        azure.erased()
        bag = client.get(address, headers=world.alice.headers)
        assert bag.status_code == 200
        assert OTHERS.findall(text_of(files_of(bag.content))) == []


def test_what_was_told_of_an_export_is_in_no_bag_though_it_be_asked_for(world: World) -> None:
    with httpx.Client(base_url=world.url, timeout=patient(60)) as client:
        azure = Azure(world, client, world.alice, world.workspace, "kept")
        ready(azure, azure.workspace, Scope.WORKSPACE, None)
        (task,) = azure.ok("GET", f"/notification/v1.0{azure.workspace}/tasks")["value"]
        (notification,) = task["notifications"]
        told = {Scope.TASK: task["taskId"], Scope.NOTIFICATION: notification["notificationId"]}
        for scope, root_id in told.items():
            for dry_run in (False, True):
                asked = {"scope": scope.value, "id": root_id, "dry_run": dry_run}
                answer = azure.call("POST", f"/freehold/v1{azure.workspace}/exports", asked)
                assert (answer.status_code, answer.json()["code"]) == (409, "TellsOfATransfer"), answer.text


@pytest.mark.parametrize("scope", INSIDE, ids=str)
def test_a_bag_goes_with_whatever_it_holds(
    shared_world: World, of_2020: Place, client: httpx.Client, scope: Scope
) -> None:
    azure = Azure(shared_world, client, shared_world.alice, of_2020.path, "")
    address = ready(azure, of_2020.path, scope, first_of(of_2020.whole, scope))
    bag = files_of(client.get(address, headers=shared_world.alice.headers).content)
    inside = list(roots_of(bag))
    assert inside
    for each, root_id in inside:
        copies = [copy["operation_id"] for copy in planned(azure, each, root_id)["copies"]]
        assert address.split("/")[-2] in copies, f"{each} {root_id}"


@pytest.mark.parametrize("scope", [scope for scope in INSIDE if scope in SCOPES], ids=str)
def test_a_hold_holds_whatever_a_bag_of_it_holds(
    shared_world: World, of_2020: Place, client: httpx.Client, scope: Scope
) -> None:
    azure = Azure(shared_world, client, shared_world.alice, of_2020.path, "")
    asked = {"scope": scope.value, "id": first_of(of_2020.whole, scope), "reason": "dispute"}
    held = azure.ok("POST", f"/freehold/v1{of_2020.path}/holds", asked, status=201)["id"]
    try:
        for each, root_id in roots_of(exported(shared_world, of_2020.path, scope, asked["id"])):
            assert planned(azure, each, root_id)["holds"] == [held], f"{each} {root_id}"
    finally:
        azure.ok("DELETE", f"/freehold/v1{of_2020.path}/holds/{held}")


def roots_of(bag: Files) -> Iterator[tuple[Scope, str]]:
    """All in it that can be erased by itself."""
    for scope in INSIDE:
        for row in rows_of(bag, f"{scope.value}s"):
            yield scope, str(row[f"{scope.value}_id"])


def planned(azure: Azure, scope: Scope, root_id: str) -> Any:
    asked = {"scope": scope.value, "id": root_id, "dry_run": True}
    return azure.ok("POST", f"/freehold/v1{azure.workspace}/erasures", asked)


def exported(world: World, place: str, scope: Scope, root_id: str | None = None) -> Files:
    """Path from the bag's folder → content."""
    with httpx.Client(base_url=world.url, timeout=patient(60)) as client:
        azure = Azure(world, client, world.alice, place, "")
        return files_of(client.get(ready(azure, place, scope, root_id), headers=world.alice.headers).content)


def ready(azure: Azure, place: str, scope: Scope, root_id: str | None) -> str:
    """The address of a finished bag."""
    asked = {"scope": scope.value, "id": root_id}
    found = azure.ok("POST", f"/freehold/v1{place}/exports", asked, status=202)
    deadline = time.monotonic() + patient(60)
    while found["state"] in ("NotStarted", "Running") and time.monotonic() < deadline:
        time.sleep(0.1)
        found = azure.ok("GET", f"/freehold/v1/operations/{found['id']}")
    assert found["state"] == "Succeeded", found["error"]
    return f"/freehold/v1/exports/{found['id']}/bag"


def text_of(bag: Files) -> str:
    """All that it holds, with its tables decoded."""
    return "\n".join(
        str(pq.read_table(io.BytesIO(content)).to_pylist()) if path.endswith(".parquet") else content.decode("latin-1")
        for path, content in bag.items()
    )


def documents_of(bag: Files) -> dict[str, list[Any]]:
    """By the folder below `rest/`."""
    found: dict[str, list[Any]] = {}
    for path, content in sorted(bag.items()):
        if path.startswith("data/rest/"):
            found.setdefault(path.split("/")[2], []).extend(map(json.loads, content.splitlines()))
    return found


def rows_of(bag: Files, table: str) -> list[dict[str, Any]]:
    parts = [path for path in sorted(bag) if path.startswith(f"data/tables/{table}/")]
    return [row for part in parts for row in pq.read_table(io.BytesIO(bag[part])).to_pylist()]


def ids_of(bag: Files, table: str) -> set[str]:
    """All by which a document may name a row."""
    found: set[str] = set()
    for row in rows_of(bag, table):
        own = str(row.get(f"{table.removesuffix('s')}_id") or row.get("graph_id"))
        path = "/".join(str(row.get(part)) for part in ("origin", "container", "path"))
        found |= {own, path, str(row.get("name")), f"{row.get('name')}:{row.get('version')}"}
    return found


def id_of(document: dict[str, Any]) -> str:
    names = ("taskId", "runId", "experimentId", "artifactId", "datasetId", "id", "Id", "name")
    own = document.get("Data", document)
    found = str(next(own[name] for name in names if own.get(name)))
    return found.rpartition("/computes/")[2]


def first_of(whole: Files, scope: Scope) -> str:
    """The id of the first that is none of the others."""
    table = f"{scope.value}s"
    return next(str(row[f"{scope.value}_id"]) for row in rows_of(whole, table) if not OTHERS.search(str(row)))
