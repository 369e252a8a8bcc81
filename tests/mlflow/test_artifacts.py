"""The proxied artifact store on the wire, and what it does with names and bytes that are out of the ordinary."""

import hashlib
import os
import socket
from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import httpx
import pytest

from tests.world import Person, World

STORE = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture
def root(shared_world: World, request: pytest.FixtureRequest) -> str:
    """The artifact root of a fresh run: `<experiment>/<run>/artifacts`."""
    made = shared_world.mlflow("POST", "experiments/create", {"name": f"{request.node.name} artifacts"[:500]})
    info = shared_world.mlflow("POST", "runs/create", made)["run"]["info"]
    assert info["artifact_uri"].startswith("mlflow-artifacts:/")
    return str(info["artifact_uri"].removeprefix("mlflow-artifacts:/"))


def test_anonymous_neither_reads_nor_writes(shared_world: World, root: str) -> None:
    for method in ("PUT", "GET", "DELETE"):
        assert shared_world.request(method, f"{STORE}/{root}/a.txt").status_code == 401


def test_charlie_neither_reads_nor_writes(shared_world: World, root: str) -> None:
    _put(shared_world, f"{root}/a.txt", b"secret")
    for base in ("", f"/mlflow/v2.0{shared_world.elsewhere}"):
        for method in ("PUT", "GET", "DELETE"):
            response = shared_world.request(method, f"{base}{STORE}/{root}/a.txt", shared_world.charlie)
            assert response.status_code == 404
            assert "secret" not in response.text
    assert _get(shared_world, f"{root}/a.txt").content == b"secret"


@pytest.mark.parametrize(
    "name",
    ["plain.txt", "with space", "a/b/c/d", "ü ß 漢字", "🙂.bin", "100%25 #?&+;=", "a'b\"c", "x" * 255, ".hidden"],
)
def test_names_survive(shared_world: World, root: str, name: str) -> None:
    content = name.encode()
    assert _put(shared_world, f"{root}/{quote(name)}", content).status_code == 200
    assert _get(shared_world, f"{root}/{quote(name)}").content == content
    listed = shared_world.mlflow(
        "GET", "artifacts/list", {"run_id": root.split("/")[1], "path": name.rpartition("/")[0]}
    )
    assert {"path": name, "is_dir": False, "file_size": len(content)} in listed["files"]


@pytest.mark.parametrize(
    "name", ["../up", "a/../../b", "%2e%2e/up", "a/./b", "nul%00", "back%5Cslash", "line%0Abreak", "x" * 1_025, "a//b"]
)
def test_names_that_could_leave_are_refused(shared_world: World, root: str, name: str) -> None:
    refused = _raw(shared_world, "PUT", f"{STORE}/{root}/{name}", b"x")
    assert refused in {400, 404}
    run_id = root.split("/")[1]
    assert "files" not in shared_world.mlflow("GET", "artifacts/list", {"run_id": run_id})


def test_content_is_replaced_whole(shared_world: World, root: str) -> None:
    _put(shared_world, f"{root}/a.txt", b"long content")
    _put(shared_world, f"{root}/a.txt", b"short", "text/plain")
    found = _get(shared_world, f"{root}/a.txt")
    assert found.content == b"short"
    assert found.headers["content-type"].startswith("text/plain")
    assert found.headers["content-disposition"].startswith("attachment")
    assert found.headers["x-content-type-options"] == "nosniff"


def test_large_content_streams(shared_world: World, root: str) -> None:
    piece = os.urandom(1 << 20)

    def pieces() -> Iterator[bytes]:
        for _ in range(24):
            yield piece

    response = shared_world.request("PUT", f"{STORE}/{root}/large", shared_world.alice, content=pieces())
    assert response.status_code == 200
    expected = hashlib.sha256(piece * 24).hexdigest()
    assert hashlib.sha256(_get(shared_world, f"{root}/large").content).hexdigest() == expected
    head = shared_world.request("HEAD", f"{STORE}/{root}/large", shared_world.alice)
    assert head.headers["content-length"] == str(24 << 20)
    assert head.content == b""


def test_truncated_upload_is_not_kept(shared_world: World, root: str) -> None:
    address = urlsplit(shared_world.url)
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        head = f"PUT {STORE}/{root}/half HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
        head += f"Authorization: Bearer {shared_world.alice.token}\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 500_000)
    assert _get(shared_world, f"{root}/half").status_code == 404
    assert "files" not in shared_world.mlflow("GET", "artifacts/list", {"run_id": root.split("/")[1]})


def test_folders_list_their_entries_once(shared_world: World, root: str) -> None:
    for name in ("a/1", "a/2", "a/deep/3", "a", "a b", "b", "ab/1"):
        _put(shared_world, f"{root}/{quote(name)}", b"x")
    listed = shared_world.mlflow("GET", "artifacts/list", {"run_id": root.split("/")[1]})
    assert [(file["path"], file["is_dir"]) for file in listed["files"]] == [
        ("a", False),
        ("a b", False),
        ("a", True),
        ("ab", True),
        ("b", False),
    ]
    below = shared_world.get(STORE, shared_world.alice, params={"path": f"{root}/a"}).json()
    assert [(file["path"], file["is_dir"]) for file in below["files"]] == [("1", False), ("2", False), ("deep", True)]


def test_listing_goes_on_where_its_page_ended(shared_world: World, root: str) -> None:
    names = [f"f{at:04}" for at in range(1_010)]
    with httpx.Client(base_url=shared_world.url, headers=shared_world.alice.headers) as client:
        for name in names:
            client.put(f"{STORE}/{root}/{name}", content=b"x").raise_for_status()
    run_id = root.split("/")[1]
    first = shared_world.mlflow("GET", "artifacts/list", {"run_id": run_id})
    assert len(first["files"]) == 1_000
    second = shared_world.mlflow("GET", "artifacts/list", {"run_id": run_id, "page_token": first["next_page_token"]})
    assert "next_page_token" not in second
    assert [file["path"] for file in first["files"] + second["files"]] == names
    whole = shared_world.get(STORE, shared_world.alice, params={"path": root}).json()
    assert [file["path"] for file in whole["files"]] == names


def test_folder_is_removed_with_all_below_and_nothing_beside(shared_world: World, root: str) -> None:
    for name in ("a/1", "a/deep/2", "ab", "b"):
        _put(shared_world, f"{root}/{name}", b"x")
    assert shared_world.request("DELETE", f"{STORE}/{root}/a", shared_world.alice).json() == {}
    listed = shared_world.mlflow("GET", "artifacts/list", {"run_id": root.split("/")[1]})
    assert [file["path"] for file in listed["files"]] == ["ab", "b"]
    assert shared_world.request("DELETE", f"{STORE}/{root}/ab", shared_world.alice).status_code == 200
    assert _get(shared_world, f"{root}/ab").status_code == 404


def test_folders_that_differ_in_case_are_two(shared_world: World, root: str) -> None:
    for name in ("A/1", "a/1", "a_/1", "ab/1"):
        _put(shared_world, f"{root}/{name}", name.encode())
    run_id = root.split("/")[1]
    below = shared_world.mlflow("GET", "artifacts/list", {"run_id": run_id, "path": "A"})
    assert [file["path"] for file in below["files"]] == ["A/1"]
    shared_world.request("DELETE", f"{STORE}/{root}/A", shared_world.alice)
    shared_world.request("DELETE", f"{STORE}/{root}/a_", shared_world.alice)
    listed = shared_world.mlflow("GET", "artifacts/list", {"run_id": run_id})
    assert [file["path"] for file in listed["files"]] == ["a", "ab"]
    assert _get(shared_world, f"{root}/a/1").content == b"a/1"


def test_paths_that_name_no_run_are_not_found(shared_world: World, root: str) -> None:
    experiment, run_id, _ = root.split("/")
    for path in (
        experiment,
        f"{experiment}/{run_id}",
        f"{experiment}/nobody/artifacts/a",
        f"{experiment}/models/m-1/artifacts/a",
    ):
        response = _put(shared_world, path, b"x")
        assert (response.status_code, response.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST"), path


def _put(world: World, path: str, content: bytes, kind: str = "application/octet-stream") -> httpx.Response:
    return world.request("PUT", f"{STORE}/{path}", world.alice, content=content, headers={"content-type": kind})


def _get(world: World, path: str, person: Person | None = None) -> httpx.Response:
    return world.get(f"{STORE}/{path}", person or world.alice)


def _raw(world: World, method: str, target: str, content: bytes) -> int:
    """The status of a request whose path is sent as it stands: clients would tidy it up."""
    address = urlsplit(world.url)
    with socket.create_connection((address.hostname, address.port), 10) as connection:
        head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\nConnection: close\r\n"
        connection.sendall(f"{head}Authorization: Bearer {world.alice.token}\r\n\r\n".encode() + content)
        return int(connection.recv(4_096).split()[1])
