"""Registered and saved datasets: names, versions, states, pages; deletion of the reference alone."""

import json
import sqlite3
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.azure2020.conftest import Azure
from tests.world import World

FLOW = json.dumps({"blocks": [{"id": "1", "type": "Microsoft.DPrep.GetFilesBlock", "arguments": {"path": "iris.csv"}}]})


def root(azure: Azure) -> str:
    return f"/dataset/v1.0{azure.workspace}"


def body(name: str, flow: str = FLOW, **more: Any) -> dict[str, Any]:
    """As azureml-core 1.61.0 sends it."""
    latest = {"dataflow": flow, "properties": {"datasetProperty": "1"}, "datasetDefinitionState": {}}
    return {"name": name, "datasetType": "tabular", "isVisible": True, "latest": latest, **more}


def register(azure: Azure, name: str, flow: str = FLOW, query: str = "", **more: Any) -> Any:
    return azure.ok("POST", f"{root(azure)}/datasets{query}", body(name, flow, **more))


def named(azure: Azure, name: str, query: str = "") -> Any:
    return azure.ok("GET", f"{root(azure)}/datasets/query/name={name}{query}")


NEW_VERSION = "?ifExistsOk=true&updateDefinitionIfExists=true"


def test_a_dataset_has_what_the_sdk_demands(azure: Azure) -> None:
    name = azure.name("iris")
    made = register(azure, name, description="flowers", tags={"kind": "small"})
    needed = (
        "datasetId datasetState latest createdTime modifiedTime etag name description tags isVisible defaultCompute "
        "datasetType"
    )
    assert set(needed.split()) <= made.keys()
    latest = made["latest"]
    of_definition = (
        "datasetId versionId datasetDefinitionState dataflow dataPath partitionFormatInPath profileActionResult notes "
        "etag createdTime modifiedTime fileType properties savedDatasetId"
    )
    assert set(of_definition.split()) <= latest.keys()
    assert (latest["versionId"], latest["dataflow"], latest["datasetId"]) == ("1", FLOW, made["datasetId"])
    assert latest["properties"] == {"datasetProperty": "1"}
    assert latest["savedDatasetId"]
    assert (made["tags"], made["description"], made["datasetState"]["state"]) == (
        {"kind": "small"},
        "flowers",
        "active",
    )
    assert named(azure, name) == azure.ok("GET", f"{root(azure)}/datasets/{made['datasetId']}") == made
    assert named(azure, name, "?includeLatestDefinition=false")["latest"] is None


def test_a_dataset_that_is_not_there_is_404_at_both_places_where_the_sdk_looks(azure: Azure) -> None:
    for path in (f"{root(azure)}/datasets/query/name=nope", f"/data/v1.0{azure.workspace}/dataversion/nope/versions/1"):
        answer = azure.call("GET", path)
        assert answer.status_code == 404
        assert answer.json()["error"]["details"] == []


def test_the_dataflow_of_a_saved_dataset_is_where_the_sdk_asks_for_it(azure: Azure) -> None:
    saved = azure.ok("POST", f"{root(azure)}/saveddatasets", {"datasetType": "file", "dataflowJson": '{"blocks": [7]}'})
    place = f"/data/v1.0{azure.workspace}/dataversion/unregistered-{saved['id']}/versions/1"
    assert azure.world.get(place).status_code == 401
    assert azure.world.get(place, azure.world.charlie).status_code == 404
    assert azure.ok("GET", place) == {"legacyDataflow": '{"blocks": [7]}'}
    assert azure.call("GET", place.replace(saved["id"], "nope")).status_code == 404


def test_a_name_is_taken_once_and_versions_are_added(azure: Azure) -> None:
    name = azure.name("versions")
    first = register(azure, name)
    answer = azure.call("POST", f"{root(azure)}/datasets", body(name))
    assert answer.status_code == 409
    assert register(azure, name, "{}", "?ifExistsOk=true") == first
    second = register(azure, name, '{"blocks":[]}', NEW_VERSION)
    assert (second["datasetId"], second["latest"]["versionId"]) == (first["datasetId"], "2")
    assert second["latest"]["savedDatasetId"] != first["latest"]["savedDatasetId"]
    assert named(azure, name, "?versionId=1")["latest"]["dataflow"] == FLOW
    assert named(azure, name)["latest"]["versionId"] == "2"
    assert azure.call("GET", f"{root(azure)}/datasets/query/name={name}?versionId=3").status_code == 404
    at = f"{root(azure)}/datasets/{first['datasetId']}/definitions"
    third = azure.ok("POST", at, {"dataPath": {"datastoreName": "box", "relativePath": "a/*.csv"}, "notes": "moved"})
    assert third["latest"]["versionId"] == "3"
    assert azure.ok("GET", f"{at}/3/path")["relativePath"] == "a/*.csv"
    assert azure.call("GET", f"{at}/1/path").status_code == 404
    assert azure.ok("GET", f"{at}/latest")["notes"] == "moved"
    page = azure.ok("GET", f"{at}?pageSize=2")
    rest = azure.ok("GET", f"{at}?pageSize=2&continuationToken={page['continuationToken']}")
    assert [each["versionId"] for each in page["value"] + rest["value"]] == ["3", "2", "1"]
    assert rest["continuationToken"] is None


def test_a_version_is_replaced_unless_it_changed_meanwhile(azure: Azure) -> None:
    made = register(azure, azure.name("replaced"))
    at = f"{root(azure)}/datasets/{made['datasetId']}/definitions/1"
    stale = {"dataflow": "{}", "etag": made["latest"]["etag"]}
    assert azure.ok("PUT", at, stale)["latest"]["dataflow"] == "{}"
    assert azure.call("PUT", at, stale).status_code == 412
    azure.ok("PUT", f"{at}?forceUpdate=true", stale | {"dataflow": "[]"})
    assert azure.ok("GET", at)["dataflow"] == "[]"


def test_the_id_of_what_a_version_was_saved_as_goes_with_it(azure: Azure) -> None:
    name = azure.name("alone")
    saved = register(azure, name)["latest"]["savedDatasetId"]
    assert azure.ok("GET", f"{root(azure)}/datasets/query/savedDatasetId={saved}")["value"]
    asked = {"scope": "dataset", "id": saved}
    azure.ok("POST", f"/freehold/v1{azure.workspace}/erasures", asked, status=202)
    assert named(azure, name)["latest"]["savedDatasetId"] is None
    azure.erased()
    assert named(azure, name)["latest"]["savedDatasetId"] is None
    with sqlite3.connect(f"file:{azure.world.folder}/freehold.db?mode=ro", uri=True) as database:
        assert not any(saved in line for line in database.iterdump())


def test_a_dataset_is_changed_and_its_state_moves(azure: Azure) -> None:
    name = azure.name("changed")
    made = register(azure, name, tags={"old": "1"})
    at = f"{root(azure)}/datasets/{made['datasetId']}"
    changed = azure.ok("PUT", at, body(name, description="new words", tags={"new": "2"}))
    assert (changed["description"], changed["tags"], changed["latest"]["versionId"]) == ("new words", {"new": "2"}, "1")
    assert azure.call("PUT", at, {"description": "x", "etag": made["etag"]}).status_code == 412
    assert azure.ok("PUT", f"{at}?forceUpdate=true", {"isVisible": False, "etag": made["etag"]})["isVisible"] is False
    by = {"datasetId": "other", "definitionVersion": "1"}
    azure.ok("PUT", f"{at}/state", {"state": "deprecated", "deprecatedBy": by})
    azure.ok("PUT", f"{at}/definitions/1/state", {"state": "archived"})
    found = azure.ok("GET", at)
    assert (found["datasetState"]["state"], found["datasetState"]["deprecatedBy"]) == ("deprecated", by)
    assert found["latest"]["datasetDefinitionState"]["state"] == "archived"
    for where in (f"{at}/state", f"{at}/definitions/1/state"):
        assert azure.call("PUT", where, {"state": "saved"}).status_code == 400


def test_lists_are_searched_and_paged(azure: Azure) -> None:
    stem = azure.name("Listed")
    names = [f"{stem}.{each}" for each in "abc"]
    for name in names:
        register(azure, name, isVisible=not name.endswith("c"))
    where = f"{root(azure)}/datasets?pageSize=1&searchText={stem.lower()}."
    found: list[str] = []
    token: str | None = ""
    while token is not None:
        page = azure.ok("GET", f"{where}&continuationToken={token}")
        found += [each["name"] for each in page["value"]]
        token = page["continuationToken"]
    assert found == names[::-1]
    sdk = f"{root(azure)}/datasets?includeInvisible=false&pageSize=100&includeLatestDefinition=true&searchText={stem}"
    visible = azure.ok("GET", sdk)["value"]
    assert [each["name"] for each in visible] == names[1::-1]
    assert all(each["latest"]["dataflow"] == FLOW for each in visible)
    by_name = azure.ok("GET", f"{root(azure)}/datasets?datasetNames={names[0]}&includeLatestDefinition=false")["value"]
    assert [(each["name"], each["latest"]) for each in by_name] == [(names[0], None)]
    assert azure.ok("GET", f"{root(azure)}/datasets?status=archived&searchText={stem}")["value"] == []


def test_a_saved_dataset_is_found_by_its_id_and_by_what_was_made_of_it(azure: Azure) -> None:
    flow = json.dumps({"blocks": [azure.name("saved")]})
    saved = azure.ok("POST", f"{root(azure)}/saveddatasets", {"datasetType": "file", "dataflowJson": flow})
    assert (saved["datasetType"], saved["dataflowJson"], saved["properties"]) == ("file", flow, {})
    again = azure.ok("POST", f"{root(azure)}/saveddatasets", {"datasetType": "file", "dataflowJson": flow})
    assert again == saved
    assert azure.ok("GET", f"{root(azure)}/saveddatasets/{saved['id']}") == saved
    listed = f"{root(azure)}/datasets/query/savedDatasetId={saved['id']}?pageSize=1"
    assert azure.ok("GET", listed)["value"] == []
    name = azure.name("of-saved")
    made = register(azure, name, latest={"savedDatasetId": saved["id"]})
    assert (made["latest"]["dataflow"], made["latest"]["savedDatasetId"]) == (flow, saved["id"])
    register(azure, name, "{}", NEW_VERSION)
    found = azure.ok("GET", listed)["value"]
    assert [(each["name"], each["latest"]["versionId"]) for each in found] == [(name, "1")]
    legacy = f"{root(azure)}/saveddatasets/{made['datasetId']}"
    assert azure.call("GET", legacy).status_code == 404
    assert azure.ok("GET", f"{legacy}?resolveLegacyId=true")["dataflowJson"] == "{}"
    unknown = azure.call("POST", f"{root(azure)}/datasets", body(azure.name("x"), latest={"savedDatasetId": "nobody"}))
    assert unknown.status_code == 400


def test_a_path_can_be_saved(azure: Azure) -> None:
    path = {"datastoreName": "box", "relativePath": azure.name("dir"), "paths": ["a", "b"]}
    saved = azure.ok("POST", f"{root(azure)}/saveddatasets/from-data-path", path)
    assert path.items() <= azure.ok("GET", f"{root(azure)}/saveddatasets/{saved['id']}")["dataPath"].items()


@pytest.mark.parametrize("name", ["", " ", "a/b", "a\\b", "a\nb", "a" * 256])
def test_bad_names_are_refused(azure: Azure, name: str) -> None:
    assert azure.call("POST", f"{root(azure)}/datasets", body(name)).status_code == 400


def test_any_other_name_is_found_again(azure: Azure) -> None:
    name = azure.name("Ärger & co=50%")
    made = register(azure, name)
    found = azure.ok("GET", f"{root(azure)}/datasets/query/name={name.replace('%', '%25').replace('&', '%26')}")
    assert found == made


@pytest.fixture
def alone(world: World) -> Iterator[Azure]:
    """A workspace of nobody else's tests."""
    with httpx.Client(base_url=world.url, timeout=60) as client:
        yield Azure(world, client, world.alice, world.workspace, "none")


def test_an_unregistered_dataset_is_erased_and_nothing_else(alone: Azure) -> None:
    gone = register(alone, "goes", tags={"t": "goes"})
    register(alone, "goes", '{"blocks":["second"]}', NEW_VERSION)
    stays = register(alone, "stays", '{"blocks":["stays"]}', tags={"t": "stays"})
    answer = alone.call("DELETE", f"{root(alone)}/datasets/goes")
    assert answer.status_code == 200
    assert "was not touched" in answer.headers["x-freehold-note"]
    assert alone.call("GET", f"{root(alone)}/datasets/{gone['datasetId']}").status_code == 404
    assert alone.call("DELETE", f"{root(alone)}/datasets/goes").status_code == 204
    alone.erased()
    with sqlite3.connect(alone.world.folder / "freehold.db") as db:
        names = [row[0] for row in db.execute("SELECT name FROM datasets WHERE state <> 'saved'")]
        assert names == ["stays"]
        assert len(list(db.execute("SELECT 1 FROM dataset_definitions"))) == 1
        assert [row[0] for row in db.execute("SELECT value FROM labels WHERE dataset_row IS NOT NULL")] == ["stays"]
    saved = f"{root(alone)}/saveddatasets/{gone['latest']['savedDatasetId']}"
    assert alone.call("GET", saved).status_code == 404  # no version is saved as it any more
    assert register(alone, "goes", "{}")["latest"]["versionId"] == "3"
    alone.ok("DELETE", f"{root(alone)}/datasets/{stays['datasetId']}")
    alone.ok("DELETE", f"{root(alone)}/datasets")
    assert alone.ok("GET", f"{root(alone)}/datasets")["value"] == []


def test_a_saved_dataset_can_be_erased(alone: Azure) -> None:
    saved = alone.ok("POST", f"{root(alone)}/saveddatasets", {"dataflowJson": FLOW})
    at = f"{root(alone)}/saveddatasets/{saved['id']}"
    assert alone.call("DELETE", at).status_code == 200
    assert alone.call("GET", at).status_code == 404
    assert alone.call("DELETE", at).status_code == 204
    alone.erased()
    with sqlite3.connect(alone.world.folder / "freehold.db") as db:
        assert list(db.execute("SELECT 1 FROM datasets")) == []
    assert alone.ok("POST", f"{root(alone)}/saveddatasets", {"dataflowJson": FLOW})["id"] != saved["id"]


def test_an_erased_dataset_takes_along_what_its_versions_were_saved_as_before(alone: Azure) -> None:
    flows = {name: json.dumps({"blocks": [alone.name(name)]}) for name in ("before", "shared", "last")}
    made = register(alone, "mine", flows["before"])
    register(alone, "other", flows["shared"])
    where = f"{root(alone)}/datasets/{made['datasetId']}/definitions/1?forceUpdate=true"
    saved = [made["latest"]["savedDatasetId"]]
    for name in ("shared", "before", "shared", "last"):
        saved.append(alone.ok("PUT", where, body("", flows[name])["latest"])["latest"]["savedDatasetId"])
    assert len(set(saved)) == 3
    alone.ok("DELETE", f"{root(alone)}/datasets/mine")
    alone.erased()
    before, shared, _, _, last = saved
    found = [alone.call("GET", f"{root(alone)}/saveddatasets/{each}").status_code for each in (before, shared, last)]
    assert found == [404, 200, 404]
