"""Registered datastores: what the SDK demands, secrets apart, pages, the default one, deletion of references alone."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from freehold.domain.access.actor import Actor
from freehold.domain.access.authority import Authority
from freehold.domain.access.directory import service as directory
from freehold.domain.access.issuer import TokenIssuer
from freehold.domain.access.owner import owner_client
from freehold.domain.access.rules import READER
from freehold.kit.clock import SystemClock
from freehold.kit.ids import UuidSource
from freehold.storage.database import open_database
from freehold.storage.keys import KeyStore
from freehold.storage.transaction import Transaction
from tests.azure2020.conftest import Azure
from tests.world import Person, World, make_world

KEY = "a2V5LW9mLWFuLWFjY291bnQtdGhhdC1ub2JvZHktbWF5LXNlZQ=="
SIGNATURE = "?sv=2020-08-04&sig=c2lnbmF0dXJlLXRoYXQtbm9ib2R5LW1heS1zZWU%3D"


def root(azure: Azure) -> str:
    return f"/datastore/v1.0{azure.workspace}"


def blob(**section: Any) -> dict[str, Any]:
    """As azureml-core 1.61.0 sends it."""
    given = {
        "accountName": "account1",
        "containerName": "box",
        "endpoint": "core.windows.net",
        "protocol": "https",
        "credentialType": "AccountKey",
        "credential": KEY,
    }
    return {"dataStoreType": "AzureBlob", "azureStorageSection": given | section}


def register(azure: Azure, name: str, **body: Any) -> None:
    given = {"name": name, **(body or blob())}
    query = {"createIfNotExists": False, "skipValidation": True}
    assert azure.ok("POST", f"{root(azure)}/datastores", given, params=query) is None


def read(azure: Azure, name: str) -> Any:
    return azure.ok("GET", f"{root(azure)}/datastores/{name}")


def standing(azure: Azure) -> list[str]:
    return [each["name"] for each in azure.ok("GET", f"{root(azure)}/datastores")["value"]]


def test_a_datastore_has_what_the_sdk_demands(azure: Azure) -> None:
    name = azure.name("Demanded")
    register(azure, name, **blob(), tags={"team": "vision"})
    found = read(azure, name)
    assert found["name"] == name.lower()
    assert (found["dataStoreType"], found["hasBeenValidated"], found["tags"]) == (
        "AzureBlob",
        False,
        {"team": "vision"},
    )
    section = found["azureStorageSection"]
    assert (section["accountName"], section["containerName"], section["accountKey"]) == ("account1", "box", KEY)
    assert section["isSas"] is False
    assert read(azure, name.upper()) == found
    assert found["createdBy"]["userObjectId"] == azure.person.object_id


def test_a_sas_is_read_back_as_such(azure: Azure) -> None:
    name = azure.name("sas")
    register(azure, name, **blob(credentialType="Sas", credential=SIGNATURE))
    section = read(azure, name)["azureStorageSection"]
    assert (section["sasToken"], section["isSas"], section.get("accountKey")) == (SIGNATURE, True, None)


def test_secrets_open_only_for_who_may_have_them(azure: Azure) -> None:
    name = azure.name("closed")
    register(azure, name)
    for path in (f"datastores/{name}?", f"datastores?dataStoreNames={name}&"):
        assert KEY in azure.call("GET", f"{root(azure)}/{path}").text
        assert KEY not in azure.call("GET", f"{root(azure)}/{path}includeSecret=false").text


def test_a_reader_sees_no_secret(tmp_path: Path) -> None:
    world = make_world(tmp_path / "data")
    reader = add_reader(world)
    world.start()
    try:
        with httpx.Client(base_url=world.url, timeout=60) as client:
            alice = Azure(world, client, world.alice, world.workspace, "none")
            register(alice, "closed")
            alice.ok("PUT", f"{root(alice)}/default/closed")
            theirs = Azure(world, client, reader, world.workspace, "none")
            for path in ("datastores/closed", "datastores", "default"):
                answer = theirs.call("GET", f"{root(theirs)}/{path}?includeSecret=true")
                assert (answer.status_code, KEY in answer.text) == (200, False), path
                assert "account1" in answer.text
            assert theirs.call("DELETE", f"{root(theirs)}/datastores/closed").status_code == 403
    finally:
        world.kill()


def add_reader(world: World) -> Person:
    """Somebody whose only role is Reader, before the server runs."""
    settings, clock = world.settings(), SystemClock()
    keys = KeyStore(settings.key_folder, clock)
    database = open_database(settings, clock, UuidSource(clock), keys)

    def add(db: Transaction) -> Actor:
        reader = directory.add_person(db, kind="person", display_name="Rita Reader")
        directory.grant(db, reader, READER, workspace_id=1)
        return reader

    try:
        reader = database.write_now(add)
    finally:
        database.close()
    issuer = TokenIssuer(Authority.of(owner_client(keys).tenant_id, ()), keys.tokens, clock)
    return Person("Rita", issuer.issue(reader, client_id=reader.object_id).token, reader.object_id)


def test_no_secret_is_kept_in_plain(azure: Azure) -> None:
    name = azure.name("sealed")
    register(azure, name)
    register(azure, f"{name}-s3", dataStoreType="Custom", customSection={
        "kind": "S3", "bucket": "bucket", "accessKeyId": "AKIA", "secretAccessKey": KEY})  # fmt: skip
    with sqlite3.connect(azure.world.folder / "freehold.db") as db:
        documents = [row[0] for row in db.execute("SELECT document FROM datastores")]
    assert documents
    assert not any(KEY in str(each) for each in documents)
    assert all(KEY.encode() not in path.read_bytes() for path in azure.world.folder.glob("freehold.db*"))


def test_a_second_of_a_name_is_refused_as_the_sdk_expects_and_can_be_overwritten(azure: Azure) -> None:
    name = azure.name("twice")
    register(azure, name)
    again = {"name": name, **blob(containerName="other", credential="bmV3")}
    refused = azure.call("POST", f"{root(azure)}/datastores?skipValidation=true", again)
    assert refused.status_code == 400
    assert "Another datastore with the same name already exists" in refused.json()["error"]["message"]
    assert refused.json()["error"]["details"] == []
    azure.ok("POST", f"{root(azure)}/datastores?createIfNotExists=true&skipValidation=true", again)
    assert read(azure, name)["azureStorageSection"]["containerName"] == "box"
    azure.ok("PUT", f"{root(azure)}/datastores/{name}?skipValidation=true", again)
    section = read(azure, name)["azureStorageSection"]
    assert (section["containerName"], section["accountKey"]) == ("other", "bmV3")


def test_a_secret_is_never_carried_over_to_another_place(azure: Azure) -> None:
    name = azure.name("moved")
    register(azure, name)
    moved = blob(endpoint="evil.example")
    del moved["azureStorageSection"]["credential"]
    azure.ok("PUT", f"{root(azure)}/datastores/{name}?skipValidation=true", moved)
    assert KEY not in azure.call("GET", f"{root(azure)}/datastores/{name}").text


def test_put_makes_one_only_where_it_is_told_to(azure: Azure) -> None:
    name = azure.name("made")
    where = f"{root(azure)}/datastores/{name}?skipValidation=true"
    assert azure.call("PUT", where, blob()).status_code == 404
    azure.ok("PUT", f"{where}&createIfNotExists=true", blob())
    assert read(azure, name)["name"] == name
    answer = azure.call("PUT", where, {"dataStoreType": "DBFS"})
    assert (answer.status_code, answer.json()["error"]["innerError"]["code"]) == (409, "DatastoreTypeFixed")


def test_what_cannot_be_looked_into_is_not_validated(azure: Azure) -> None:
    section = {"kind": "LocalFolder", "path": "/etc"}
    body = {"name": azure.name("etc"), "dataStoreType": "Custom", "customSection": section}
    answer = azure.call("POST", f"{root(azure)}/datastores", body)
    assert (answer.status_code, answer.json()["error"]["innerError"]["code"]) == (400, "DatastoreNotValidated")
    assert "outside_folders" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "a/b", **blob()},
        {"name": "x", "dataStoreType": "Attic"},
        {"name": "x", "dataStoreType": "AzureBlob"},
        {"name": "x", "dataStoreType": "AzureBlob", "azureStorageSection": {"accountName": 7}},
        {"name": "x", "dataStoreType": "AzureBlob", "azureStorageSection": "text"},
        {"name": "x", "dataStoreType": "Custom", "customSection": {"kind": "Tape"}},
        {"name": "x", "dataStoreType": "Custom", "customSection": {"kind": "S3", "bucket": "b", "accessKeyId": "a"}},
    ],
)
def test_bad_datastores_are_refused(azure: Azure, body: dict[str, Any]) -> None:
    answer = azure.call("POST", f"{root(azure)}/datastores?skipValidation=true", body)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def test_lists_have_pages(azure: Azure) -> None:
    names = [azure.name("paged") for _ in range(3)]
    for name in names:
        register(azure, name)
    where = f"{root(azure)}/datastores?count=2&dataStoreNames={names[0]},{names[1]}&dataStoreNames={names[2]}"
    first = azure.ok("GET", where)
    assert len(first["value"]) == 2
    rest = azure.ok("GET", f"{where}&continuationToken={first['continuationToken']}")
    assert rest["continuationToken"] is None
    assert {each["name"] for each in first["value"] + rest["value"]} == set(names)
    other = f"{root(azure)}/datastores?count=2&continuationToken={first['continuationToken']}"
    assert azure.call("GET", other).status_code == 400


@pytest.fixture
def alone(world: World) -> Iterator[Azure]:
    """A workspace of nobody else's tests."""
    with httpx.Client(base_url=world.url, timeout=60) as client:
        yield Azure(world, client, world.alice, world.workspace, "none")


def test_the_default_is_chosen_and_ends_with_its_datastore(alone: Azure) -> None:
    assert alone.call("GET", f"{root(alone)}/default").status_code == 404
    for name in ("one", "two"):
        register(alone, name)
        alone.ok("PUT", f"{root(alone)}/default/{name}")
        assert alone.ok("GET", f"{root(alone)}/default")["name"] == name
    assert not read(alone, "one")["isDefault"]
    assert alone.call("PUT", f"{root(alone)}/default/three").status_code == 404
    alone.ok("DELETE", f"{root(alone)}/datastores/two")
    assert alone.call("GET", f"{root(alone)}/default").status_code == 404


def test_a_deleted_datastore_is_erased_and_nothing_else(alone: Azure) -> None:
    for name in ("goes", "stays"):
        register(alone, name, **blob(), tags={"name": name})
    answer = alone.call("DELETE", f"{root(alone)}/datastores/goes")
    assert answer.status_code == 200
    assert "was not touched" in answer.headers["x-freehold-note"]
    assert alone.call("GET", f"{root(alone)}/datastores/goes").status_code == 404
    assert alone.call("DELETE", f"{root(alone)}/datastores/goes").status_code == 204
    alone.erased()
    with sqlite3.connect(alone.world.folder / "freehold.db") as db:
        assert [row[0] for row in db.execute("SELECT name FROM datastores")] == ["stays"]
        assert [row[0] for row in db.execute("SELECT value FROM labels WHERE datastore_row IS NOT NULL")] == ["stays"]
        assert len(list(db.execute("SELECT 1 FROM sealed_secrets WHERE datastore_row IS NOT NULL"))) == 1
    register(alone, "goes")
    assert sorted(standing(alone)) == ["goes", "stays"]
    alone.ok("DELETE", f"{root(alone)}/datastores")
    assert standing(alone) == []
    alone.ok("DELETE", f"{root(alone)}/datastores")


@pytest.mark.parametrize("lacking", ["accountName", "containerName", "accountKey"])
def test_a_file_share_says_all_that_clients_open_it_with(azure: Azure, lacking: str) -> None:
    """azureml-core opens a share as it lists it: one that lacks a field would hide all datastores of the workspace."""
    section = {"accountName": "lake", "containerName": "raw", "accountKey": "a2V5"}
    del section[lacking]
    body = {"name": azure.name("share"), "dataStoreType": "AzureFile", "azureStorageSection": section}
    answer = azure.call("POST", f"/datastore/v1.0{azure.workspace}/datastores", body)
    assert answer.status_code == 400, answer.text
