"""A finished bag is fetched as tar or zip, whole or in parts; a download that breaks off goes on where it was."""

import io
import os
import socket
import tarfile
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from freehold.client import Freehold, FreeholdError
from freehold.client import session as client_session
from freehold.lifecycle.bag.verify import verify_bag
from tests.commands import freehold
from tests.patience import patient
from tests.world import World

CONTENT = bytes(range(256)) * 2_000


@pytest.fixture(scope="module")
def operation(shared_world: World) -> str:
    """Of an export whose bag is kept."""
    made = shared_world.mlflow("POST", "experiments/create", {"name": "fetched"})
    run = shared_world.mlflow("POST", "runs/create", {"experiment_id": made["experiment_id"]})["run"]["info"]["run_id"]
    path = f"/api/2.0/mlflow-artifacts/artifacts/{made['experiment_id']}/{run}/artifacts/model.bin"
    assert shared_world.request("PUT", path, shared_world.alice, content=CONTENT).status_code == 200
    with Freehold(shared_world.url, shared_world.alice.token) as server:
        return server.wait(server.export("run", run)).id


def address(operation: str, form: str) -> str:
    return f"/freehold/v1/exports/{operation}/bag?format={form}"


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_any_part_is_a_part_of_the_whole(shared_world: World, operation: str, form: str) -> None:
    whole = shared_world.get(address(operation, form), shared_world.alice)
    assert (whole.status_code, len(whole.content)) == (200, int(whole.headers["content-length"]))
    for asked, expected in (
        ("bytes=0-0", whole.content[:1]),
        ("bytes=1000-1999", whole.content[1000:2000]),
        (f"bytes={len(whole.content) - 7}-", whole.content[-7:]),
        ("bytes=-5", whole.content[-5:]),
    ):
        part = shared_world.request("GET", address(operation, form), headers=asking(shared_world, asked))
        assert (part.status_code, part.content) == (206, expected)
        assert part.headers["content-range"].endswith(f"/{len(whole.content)}")
    beyond = asking(shared_world, f"bytes={len(whole.content)}-")
    refused = shared_world.request("GET", address(operation, form), headers=beyond)
    assert (refused.status_code, refused.headers["content-range"]) == (416, f"bytes */{len(whole.content)}")


@pytest.mark.parametrize("form", ["tar", "zip"])
def test_a_head_tells_of_the_whole_bag(shared_world: World, operation: str, form: str) -> None:
    whole = shared_world.get(address(operation, form), shared_world.alice)
    for asked in ("", "bytes=0-9", "bytes=999999999-"):
        head = shared_world.request("HEAD", address(operation, form), headers=asking(shared_world, asked))
        assert (head.status_code, head.content) == (200, b"")
        for name in ("content-length", "content-type", "etag", "accept-ranges"):
            assert head.headers[name] == whole.headers[name]


def test_a_head_reads_no_file(shared_world: World, operation: str) -> None:
    *_, last = manifest_of(shared_world, operation).read_text().splitlines()
    with a_pipe_at(manifest_of(shared_world, operation).parent / last.split("  ")[1]) as pipe:
        assert shared_world.request("HEAD", address(operation, "tar"), shared_world.alice).status_code == 200
        with pytest.raises(OSError, match="No such device or address"):
            open_as_soon_as_it_is_read(pipe, within=patient(1))


def test_others_are_answered_while_a_large_bag_is_measured(shared_world: World, operation: str) -> None:
    manifest = manifest_of(shared_world, operation)
    content = manifest.read_bytes()
    with a_pipe_at(manifest) as pipe, ThreadPoolExecutor() as beside:
        asked = beside.submit(shared_world.request, "HEAD", address(operation, "tar"), shared_world.alice)
        writing = open_as_soon_as_it_is_read(pipe, within=patient(10))
        try:
            answer = httpx.get(f"{shared_world.url}/healthz", timeout=patient(3))
        finally:
            with open(writing, "wb") as stream:
                stream.write(content)
        assert (answer.status_code, asked.result().status_code) == (200, 200)


def test_a_bag_whose_folder_went_is_not_found(shared_world: World, operation: str) -> None:
    folder = manifest_of(shared_world, operation).parent
    folder.rename(folder.with_name("away"))
    try:
        answer = shared_world.get(address(operation, "zip"), shared_world.alice)
    finally:
        folder.with_name("away").rename(folder)
    assert (answer.status_code, answer.json()["code"]) == (404, "BagNotFound")


def test_a_part_of_another_bag_is_not_given(shared_world: World, operation: str) -> None:
    headers = asking(shared_world, "bytes=5-") | {"If-Range": '"another"'}
    assert shared_world.request("GET", address(operation, "tar"), headers=headers).status_code == 200


@pytest.mark.parametrize("form", ["rar", ""])
def test_other_forms_are_refused(shared_world: World, operation: str, form: str) -> None:
    assert shared_world.get(address(operation, form), shared_world.alice).status_code == 400


def test_strangers_fetch_nothing(shared_world: World, operation: str) -> None:
    assert shared_world.get(address(operation, "zip")).status_code == 401
    assert shared_world.get(address(operation, "zip"), shared_world.charlie).status_code == 404


def test_both_forms_hold_the_same_files(shared_world: World, operation: str) -> None:
    tar = shared_world.get(address(operation, "tar"), shared_world.alice).content
    packed = shared_world.get(address(operation, "zip"), shared_world.alice).content
    with tarfile.open(fileobj=io.BytesIO(tar)) as one, zipfile.ZipFile(io.BytesIO(packed)) as other:
        assert {each.name: one.extractfile(each).read() for each in one.getmembers()} == {  # type: ignore[union-attr]  # files only
            name: other.read(name) for name in other.namelist()
        }


def test_the_command_writes_and_verifies_a_zip(shared_world: World, tmp_path: Path) -> None:
    bag = tmp_path / "bag.zip"
    freehold(shared_world, "export", "workspace", "--to", str(bag))
    assert verify_bag(bag).ok


def test_the_command_puts_a_bag_into_an_object_store(shared_world: World, tmp_path: Path) -> None:
    place = f"file://{tmp_path}/bag.tar"
    freehold(shared_world, "export", "workspace", "--to", place)
    assert verify_bag(tmp_path / "bag.tar").ok
    assert "StoreRefused" in freehold(shared_world, "export", "workspace", "--to", place, expect=1)
    for wrong in ("ftp://host/bag.tar", f"file://{tmp_path}/bag"):
        freehold(shared_world, "export", "workspace", "--to", wrong, expect=2)


def test_a_download_that_breaks_off_goes_on(
    shared_world: World, operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_session, "BREAK_SECONDS", 0.0)
    with Breaking(shared_world.url, after=100_000, times=3) as proxy:
        with Freehold(proxy.url, shared_world.alice.token) as server:
            server.fetch_bag(operation, tmp_path / "bag.zip")
        assert proxy.broke == 3
    assert verify_bag(tmp_path / "bag.zip").ok


def test_one_that_breaks_off_always_leaves_nothing(
    shared_world: World, operation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_session, "BREAK_SECONDS", 0.0)
    broken = pytest.raises(FreeholdError, match="broke off")
    with Breaking(shared_world.url, after=1_000, times=99) as proxy, broken:
        Freehold(proxy.url, shared_world.alice.token).fetch_bag(operation, tmp_path / "bag.tar")
    assert list(tmp_path.iterdir()) == []


def test_a_fetched_bag_replaces_nothing(shared_world: World, operation: str, tmp_path: Path) -> None:
    for name in ("bag.tar", "bag.tar.part"):
        (tmp_path / name).write_text("mine")
    with Freehold(shared_world.url, shared_world.alice.token) as server, pytest.raises(FileExistsError):
        server.fetch_bag(operation, tmp_path / "bag.tar")
    assert {path.read_text() for path in tmp_path.iterdir()} == {"mine"}


def manifest_of(world: World, operation: str) -> Path:
    return world.folder / "exports" / operation / "manifest-sha256.txt"


@contextmanager
def a_pipe_at(place: Path) -> Iterator[Path]:
    """Instead of a file of a bag: who reads it waits until somebody writes."""
    kept = place.rename(place.with_name(place.name + ".kept"))
    os.mkfifo(place)
    try:
        yield place
    finally:
        kept.replace(place)


def open_as_soon_as_it_is_read(pipe: Path, *, within: float) -> int:
    """A descriptor to write to. Raises OSError when nobody has begun to read after so many seconds."""
    until = time.monotonic() + within
    while True:
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)


def asking(world: World, part: str) -> dict[str, str]:
    return world.alice.headers | {"Range": part}


class Breaking:
    """A connection between client and server that is cut after some bytes, so many times."""

    def __init__(self, url: str, *, after: int, times: int) -> None:
        self._port = int(url.rpartition(":")[2])
        self._after, self._times = after, times
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.broke = 0

    def __enter__(self) -> "Breaking":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        for near in self._connections():
            with near, socket.create_connection(("127.0.0.1", self._port)) as far:
                far.sendall(near.recv(65_536))
                sent = 0
                while piece := far.recv(65_536):
                    near.sendall(piece)
                    sent += len(piece)
                    if sent > self._after and self.broke < self._times:
                        self.broke += 1
                        break

    def _connections(self) -> Iterator[socket.socket]:
        while True:
            try:
                yield self._socket.accept()[0]
            except OSError:
                return
