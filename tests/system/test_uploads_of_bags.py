"""Uploads of bags that are not finished: no erasure harms one that is received, or waits for one that never ends."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.lifecycle.erase.site import traces
from tests.lifecycle.imports.bags import frozen
from tests.lifecycle.imports.content import IMPORTS, ended, other_workspace
from tests.system.surfaces import make_run
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc, by RFC 9864; verifiers know this name


@contextmanager
def half_sent(world: World, path: str, content: bytes) -> Iterator[socket.socket]:
    """All but the last byte of a bag."""
    address = urlsplit(world.url)
    with closing(socket.create_connection((address.hostname, address.port or 80), 60)) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n"
        connection.sendall(f"{head}Authorization: Bearer {world.alice.token}\r\n\r\n".encode() + content[:-1])
        until_there(world)
        yield connection


def until_there(world: World) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if uploads(world):
            return
        time.sleep(0.02)
    raise AssertionError(f"the server did not begin to receive it: {world.log()}")


def uploads(world: World) -> list[str]:
    return [path.name for path in (world.folder / "imports").glob("*") if path.name.endswith(".sent")]


def erase(world: World, run_id: str) -> dict[str, Any]:
    answer = world.post("/freehold/v1/erasures", {"scope": "run", "id": run_id}, world.alice)
    assert answer.status_code == 202, answer.text
    return ended(world, answer.json()["id"])


def told(connection: socket.socket) -> dict[str, Any]:
    """The JSON of the answer, which comes whole before the connection idles."""
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith(b"}"):
        piece = connection.recv(65_536)
        assert piece, received
        received += piece
    assert b" 202 " in received.split(b"\r\n")[0], received
    found: dict[str, Any] = json.loads(received.partition(b"\r\n\r\n")[2])
    return found


def test_a_bag_that_is_received_while_others_are_erased_comes_in(world: World) -> None:
    content = frozen()
    path = f"/freehold/v1{other_workspace(world, 'other')}/imports"
    with half_sent(world, path, content) as connection:
        assert erase(world, make_run(world, "gone"))["result"]["level"] == "verified"
        assert len(uploads(world)) == 1
        connection.sendall(content[-1:])
        assert ended(world, told(connection)["id"])["state"] == "Succeeded"
    assert uploads(world) == []


def mentions(world: World) -> int:
    """Of a run's erasure where nobody has a copy."""
    found: int = erase(world, make_run(world, "gone"))["result"]["scan"]["mentions"]
    return found


def test_what_an_upload_holds_of_the_erased_is_a_mention_and_delays_nothing(world: World) -> None:
    usual, run_id = mentions(world), make_run(world, "gone")
    with half_sent(world, IMPORTS, f"somebody's own copy of {run_id} ".encode() * 300_000):
        found = erase(world, run_id)
        assert (found["state"], found["result"]["level"]) == ("Succeeded", "verified")
        assert found["result"]["scan"]["mentions"] == usual + 1
        assert len(uploads(world)) == 1


def test_an_upload_whose_server_died_is_discarded_before_anything_is_verified(world: World) -> None:
    usual, run_id = mentions(world), make_run(world, "gone")
    with half_sent(world, IMPORTS, f"the copy of a dead server, {run_id} ".encode() * 300_000):
        world.kill()
    assert len(uploads(world)) == 1
    world.start()
    found = erase(world, run_id)
    assert (found["result"]["level"], found["result"]["scan"]["mentions"]) == ("verified", usual)
    assert uploads(world) == []
    assert traces(world.folder, [run_id]) == {}
