"""The content of datastores, on real stores: a local folder, S3 (moto), Azure blobs (Azurite) by key and by SAS."""

import hashlib
import os
import random
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest

from tests.azure2020.conftest import Azure
from tests.stores import (
    ACCOUNT_KEY,
    SECRET_ACCESS_KEY,
    Store,
    run_azurite,
    run_moto,
    with_sas,
)
from tests.world import World, make_world

KINDS = ("folder", "s3", "blob by key", "blob by sas")


@dataclass
class Content:
    """One datastore's content, and calls on it."""

    azure: Azure
    name: str
    at: str = field(init=False)

    def __post_init__(self) -> None:
        self.at = f"/freehold/v1/datastores/{self.name}/content"

    def put(self, path: str, content: bytes | Iterator[bytes]) -> httpx.Response:
        headers = self.azure.person.headers
        return self.azure.client.put(f"{self.at}/{quote(path)}", content=content, headers=headers)

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.azure.call("GET", f"{self.at}/{quote(path)}", headers=headers)

    def delete(self, path: str) -> httpx.Response:
        return self.azure.call("DELETE", f"{self.at}/{quote(path)}")

    def page(self, **query: Any) -> Any:
        return self.azure.ok("GET", self.at, params=query)

    def paths(self, folder: str) -> list[str]:
        return [each["path"] for each in self.page(path=folder)["value"]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("outside").resolve()


@pytest.fixture(scope="module")
def stores(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Store]]:
    with run_moto() as s3, run_azurite(tmp_path_factory.mktemp("azurite")) as blob:
        section = {"kind": "LocalFolder", "path": str(folder / "store")}
        (folder / "store").mkdir()
        local = Store("", {"dataStoreType": "Custom", "customSection": section})
        yield {"folder": local, "s3": s3, "blob by key": blob, "blob by sas": with_sas(blob)}


@pytest.fixture(scope="module")
def outside(stores: dict[str, Store], folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    """A server whose owner allows the folder and the hosts of the stores."""
    hosts = ",".join(sorted({store.host for store in stores.values() if store.host}))
    settings = {"FREEHOLD_OUTSIDE_FOLDERS": str(folder), "FREEHOLD_OUTSIDE_HOSTS": hosts}
    world = make_world(tmp_path_factory.mktemp("world") / "data", **settings, FREEHOLD_MAX_OBJECT=str(32 << 20))
    world.start()
    with httpx.Client(base_url=world.url, timeout=120) as client:
        yield Azure(world, client, world.alice, world.workspace, "none")
    world.stop()


@pytest.fixture(scope="module")
def register(outside: Azure) -> Callable[..., Content]:
    def make(body: dict[str, Any], **query: Any) -> Content:
        name = outside.name("store").replace("-", "_")
        where = f"/datastore/v1.0{outside.workspace}/datastores"
        outside.ok("POST", where, {"name": name, **body}, params=query)
        return Content(outside, name)

    return make


@pytest.fixture(scope="module", params=KINDS)
def content(request: pytest.FixtureRequest, stores: dict[str, Store], register: Callable[..., Content]) -> Content:
    return register(stores[request.param].body)


def test_a_store_that_was_looked_into_is_validated(content: Content) -> None:
    datastore = content.azure.ok("GET", f"/datastore/v1.0{content.azure.workspace}/datastores/{content.name}")
    assert datastore["hasBeenValidated"] is True


def test_what_is_written_is_read_back(content: Content) -> None:
    path = "back/ä b#%41.txt"
    answer = content.put(path, b"0123456789")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"path": path, "size": 10, "sha256": hashlib.sha256(b"0123456789").hexdigest()}
    read = content.get(path)
    assert (read.status_code, read.content) == (200, b"0123456789")
    assert read.headers["content-disposition"].startswith("attachment")
    assert content.put(path, b"new").status_code == 200
    assert content.get(path).content == b"new"
    assert content.paths("back") == [path]


def test_ranges_are_served(content: Content) -> None:
    content.put("ranged", b"0123456789")
    part = content.get("ranged", Range="bytes=2-4")
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    assert content.get("ranged", Range="bytes=-3").content == b"789"
    assert content.get("ranged", Range="bytes=10-").status_code == 416
    head = content.azure.call("HEAD", f"{content.at}/ranged")
    assert (head.status_code, head.headers["content-length"]) == (200, "10")


def test_a_range_of_what_stood_there_before_means_the_whole(content: Content) -> None:
    content.put("ranged again", b"0123456789")
    before = content.get("ranged again").headers["etag"]
    asked = {"Range": "bytes=2-4", "If-Range": before}
    assert content.get("ranged again", **asked).content == b"234"
    content.put("ranged again", b"9876543210!")
    assert content.get("ranged again", **asked).content == b"9876543210!"


def test_an_empty_file_is_a_file(content: Content) -> None:
    assert content.put("empty", b"").json()["size"] == 0
    assert content.get("empty").content == b""


def test_a_large_file_passes_through(content: Content) -> None:
    piece = random.Random(7).randbytes(1 << 20)
    answer = content.put("large", (piece for _ in range(20)))
    assert answer.status_code == 200, answer.text
    assert answer.json()["sha256"] == hashlib.sha256(piece * 20).hexdigest()
    assert content.get("large").content == piece * 20


def test_a_file_beyond_the_limit_is_refused_and_nothing_is_kept(content: Content) -> None:
    answer = content.put("beyond/limit", (b"\0" * (1 << 20) for _ in range(33)))
    assert (answer.status_code, answer.json()["code"]) == (413, "ObjectTooLarge")
    assert content.get("beyond/limit").status_code == 404
    assert content.paths("beyond") == []


def test_a_cut_upload_leaves_what_stood_there(content: Content) -> None:
    content.put("cut/file", b"whole")
    url = urlsplit(content.azure.world.url)
    head = (
        f"PUT {content.at}/cut/file HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 4000000\r\n"
        f"Authorization: Bearer {content.azure.person.token}\r\n\r\n"
    )
    with socket.create_connection((url.hostname or "", url.port or 0)) as connection:
        connection.sendall(head.encode() + b"x" * 3_000_000)
    content.put("cut/other", b"the server goes on")
    assert content.get("cut/file").content == b"whole"
    assert content.paths("cut") == ["cut/file", "cut/other"]


def test_a_list_has_pages_in_order(content: Content) -> None:
    written = ["pages/a/1", "pages/a/2", "pages/a.b", "pages/b", "pages/c/d/e"]
    for path in reversed(written):
        content.put(path, b"x")
    found, after = [], None
    while True:
        page = content.page(path="pages", limit=2, **({"after": after} if after else {}))
        found += [each["path"] for each in page["value"]]
        after = page["next"]
        if after is None:
            break
    assert found == sorted(written)
    assert all(each["size"] == 1 for each in page["value"])
    assert content.paths("page") == []
    assert content.azure.call("GET", content.at, params={"after": "forged"}).status_code == 400


def test_a_deleted_file_is_gone(content: Content) -> None:
    content.put("gone", b"x")
    assert content.delete("gone").status_code == 204
    assert content.get("gone").status_code == 404
    assert content.delete("gone").status_code == 404


@pytest.mark.parametrize("path", ["../up", "a/../../up", "a//b", "./a", "a\\..\\b", "a\0b", "a" * 1_025])
def test_a_path_that_leads_elsewhere_is_refused(content: Content, path: str) -> None:
    address = f"{content.at}/{quote(path, safe='').replace('%2F', '/').replace('.', '%2E')}"
    for method in ("GET", "PUT", "DELETE"):
        answer = content.azure.call(method, address)
        assert (answer.status_code, answer.json()["code"]) == (400, "InvalidContentPath"), method


def test_charlie_sees_no_content(content: Content) -> None:
    content.put("closed", b"x")
    for method in ("GET", "PUT", "DELETE"):
        for at in (content.at, f"/freehold/v1{content.azure.workspace}/datastores/{content.name}/content"):
            answer = content.azure.client.request(method, f"{at}/closed", headers=content.azure.world.charlie.headers)
            assert answer.status_code == 404
            assert content.azure.client.request(method, f"{at}/closed").status_code == 401
    assert content.get("closed").content == b"x"


def test_unregistering_leaves_the_data(
    content: Content, stores: dict[str, Store], register: Callable[..., Content]
) -> None:
    content.put("stays", b"x")
    datastore = content.azure.ok("GET", f"/datastore/v1.0{content.azure.workspace}/datastores/{content.name}")
    again = register({key: value for key, value in datastore.items() if value and key != "name"})
    answer = again.azure.call("DELETE", f"/datastore/v1.0{again.azure.workspace}/datastores/{again.name}")
    assert answer.status_code == 200
    assert "was not touched" in answer.headers["x-freehold-note"]
    assert again.get("stays").status_code == 404
    again.azure.erased()
    assert content.get("stays").content == b"x"


def test_links_in_a_folder_lead_nowhere(
    folder: Path, stores: dict[str, Store], register: Callable[..., Content]
) -> None:
    content, store = register(stores["folder"].body), folder / "store"
    (folder / "secret").mkdir()
    (folder / "secret" / "file").write_text("secret")
    (store / "linked").symlink_to(folder / "secret")
    (store / "link").symlink_to(folder / "secret" / "file")
    os.mkfifo(store / "pipe")
    for path in ("linked/file", "link", "pipe"):
        assert content.get(path).status_code == 404, path
        assert content.delete(path).status_code == 404, path
    assert content.put("linked/new", b"x").status_code == 404
    assert content.put("link", b"mine").status_code == 200  # in place of the link, not through it
    assert (folder / "secret" / "file").read_text() == "secret"
    assert [each.name for each in (folder / "secret").iterdir()] == ["file"]
    assert not {"linked/file", "pipe"} & set(content.paths(""))


def test_wrong_credentials_are_told_without_them(
    stores: dict[str, Store], register: Callable[..., Content], outside: Azure
) -> None:
    wrong = "d3JvbmctYW5kLXNlY3JldC1rZXktdGhhdC1uby1hbnN3ZXItaGFz"
    blob = stores["blob by key"].body
    body = blob | {"azureStorageSection": blob["azureStorageSection"] | {"credential": wrong}}
    content = register(body, skipValidation=True)
    read = content.get("any")
    assert (read.status_code, read.json()["code"]) == (409, "StoreRefused")
    where = f"/datastore/v1.0{outside.workspace}/datastores"
    refused = outside.call("POST", where, {"name": "refused", **body})
    assert (refused.status_code, refused.json()["error"]["innerError"]["code"]) == (400, "DatastoreNotValidated")
    for secret in (wrong, ACCOUNT_KEY, SECRET_ACCESS_KEY):
        assert secret not in read.text + refused.text + outside.world.log()


def test_a_gone_container_is_told(stores: dict[str, Store], register: Callable[..., Content]) -> None:
    blob = stores["blob by sas"].body
    section = blob["azureStorageSection"] | {"containerName": "nowhere"}
    content = register(blob | {"azureStorageSection": section}, skipValidation="true")
    answer = content.get("any")
    assert answer.status_code == 404
    assert "sig=" not in answer.text + content.azure.world.log()


def test_a_folder_that_is_not_there_is_not_validated(folder: Path, outside: Azure) -> None:
    section = {"kind": "LocalFolder", "path": str(folder / "nowhere")}
    body = {"name": "nowhere", "dataStoreType": "Custom", "customSection": section}
    assert outside.call("POST", f"/datastore/v1.0{outside.workspace}/datastores", body).status_code == 400


def test_one_that_cannot_be_reached_from_here_is_registered_unseen(azure: Azure, stores: dict[str, Store]) -> None:
    """The server's owner allows none of these hosts: nothing is known of the store."""
    where, body = f"/datastore/v1.0{azure.workspace}/datastores", stores["blob by key"].body
    name = azure.name("unseen")
    azure.ok("POST", where, {"name": name, **body})
    assert azure.ok("GET", f"{where}/{name}")["hasBeenValidated"] is False
    strict = azure.call("POST", f"{where}?skipValidation=false", {"name": azure.name("strict"), **body})
    assert strict.status_code == 400


@pytest.mark.parametrize("name", ["AzureFile", "AzureSqlDatabase", "DBFS"])
def test_content_of_other_kinds_is_not_served(register: Callable[..., Content], name: str) -> None:
    section = {"accountName": "lake", "containerName": "raw", "accountKey": "a2V5"}
    answer = register({"dataStoreType": name, "azureStorageSection": section}).get("any")
    assert (answer.status_code, answer.json()["code"]) == (501, "ContentNotServed")


def test_no_folder_and_no_host_is_opened_unless_the_owner_allows_it(
    azure: Azure, stores: dict[str, Store], shared_world: World
) -> None:
    for kind in KINDS:
        name = azure.name("denied")
        where = f"/datastore/v1.0{azure.workspace}/datastores"
        azure.ok("POST", where, {"name": name, **stores[kind].body}, params={"skipValidation": True})
        answer = azure.call("GET", f"/freehold/v1/datastores/{name}/content")
        assert answer.status_code == 403, kind
        assert answer.json()["code"] in {"OutsideFolderNotAllowed", "OutsideHostNotAllowed"}
