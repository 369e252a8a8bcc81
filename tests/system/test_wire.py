"""How answers leave the server, how it starts beside others, and how it stops."""

import signal
import socket
import ssl
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.system.load import STORE
from tests.system.surfaces import make_run
from tests.world import World

TRIES = 20
NAGLE_SECONDS = 0.030
"""With Nagle's algorithm the second of two answers waits for a delayed acknowledgement: 40 ms on Linux."""
DATA_SEGMENTS_IN = slice(152, 156)
"""tcpi_data_segs_in in Linux' struct tcp_info (include/uapi/linux/tcp.h)."""


def connect(world: World, scheme: str) -> socket.socket:
    address = urlsplit(world.url if scheme == "http" else world.secure_url)
    plain = socket.create_connection((address.hostname, address.port or 0), 10)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if scheme == "http":
        return plain
    context = ssl.create_default_context(cafile=str(world.settings().key_folder / "tls" / "ca.pem"))
    return context.wrap_socket(plain, server_hostname=address.hostname)


@pytest.fixture(params=["http", "https"])
def connection(request: pytest.FixtureRequest, shared_world: World) -> Iterator[socket.socket]:
    """A connection that has answered once, so that handshakes and tickets are behind it."""
    shared_world.mlflow("POST", "runs/create", {"experiment_id": "0"})  # makes the experiment that is asked for
    with connect(shared_world, request.param) as made:
        made.sendall(ask(shared_world))
        assert is_whole(made.recv(65_536))
        time.sleep(0.05)
        yield made


def ask(world: World) -> bytes:
    head = "GET /api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nHost: x\r\n"
    return f"{head}Authorization: Bearer {world.alice.token}\r\n\r\n".encode()


def is_whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), answer[:200]
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    return bool(end) and len(body) == int(length.split(b":")[1])


def test_small_answer_arrives_at_once(shared_world: World, connection: socket.socket) -> None:
    for _ in range(TRIES):
        connection.sendall(ask(shared_world))
        assert is_whole(connection.recv(65_536))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts the segments of a connection")
def test_small_answer_is_one_segment(shared_world: World, connection: socket.socket) -> None:
    before = segments_in(connection)
    for _ in range(TRIES):
        connection.sendall(ask(shared_world))
        is_whole(connection.recv(65_536))
    assert segments_in(connection) - before == TRIES


def test_answer_waits_for_no_acknowledgement(shared_world: World, connection: socket.socket) -> None:
    """TCP_NODELAY: two requests sent at once are answered one after the other without a pause."""
    median = sorted(time_of_two(shared_world, connection) for _ in range(2 * TRIES))[TRIES]
    assert median < NAGLE_SECONDS


def time_of_two(world: World, connection: socket.socket) -> float:
    began = time.monotonic()
    connection.sendall(ask(world) * 2)
    answer = b""
    while answer.count(b"HTTP/1.1 200") < 2 or not answer.endswith(b"}"):
        answer += connection.recv(65_536)
    return time.monotonic() - began


def segments_in(connection: socket.socket) -> int:
    information = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
    number: int = struct.unpack("=I", information[DATA_SEGMENTS_IN])[0]
    return number


def test_stop_finishes_requests_under_way(world: World) -> None:
    run_id, content = make_run(world, "stop"), b"x" * 500_000
    path = f"{STORE}/1/{run_id}/artifacts/late"
    head = f"PUT {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(content)}\r\n"
    head += f"Authorization: Bearer {world.alice.token}\r\n\r\n"
    assert world.process is not None
    with connect(world, "http") as connection:
        connection.sendall(head.encode() + content[:-1])
        time.sleep(0.3)
        world.process.send_signal(signal.SIGTERM)
        refused_soon(world)
        connection.sendall(content[-1:])
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200")
    assert world.process.wait(20) == 0
    world.start()
    assert world.get(path, world.alice).content == content


def refused_soon(world: World) -> None:
    """No new connection is taken once the server stops."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            connect(world, "http").close()
        except ConnectionRefusedError:
            return
        time.sleep(0.02)
    raise AssertionError("the stopping server still takes connections")


def serve(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A server that is expected to give up."""
    command = [sys.executable, "-m", "freehold.cli.main", "serve", "--data", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def test_second_server_on_a_folder_is_refused(shared_world: World) -> None:
    ended = serve(shared_world.folder, "--http-port", "0", "--https-port", "0")
    assert ended.returncode == 1
    told = " ".join(ended.stderr.split())
    assert "Another Freehold server uses" in told
    assert "--data" in told
    assert "Traceback" not in told
    assert shared_world.get("/readyz").status_code == 200
    assert httpx.get(shared_world.url + "/healthz").status_code == 200


@pytest.mark.parametrize("which", ["--http-port", "--https-port"])
def test_busy_port_is_named(shared_world: World, tmp_path: Path, which: str) -> None:
    taken = str(urlsplit(shared_world.url).port)
    other = "--https-port" if which == "--http-port" else "--http-port"
    ended = serve(tmp_path / "data", which, taken, other, "0")
    assert ended.returncode == 1
    told = " ".join(ended.stderr.split())
    assert f":{taken}" in told
    assert "Choose another port" in told
    assert "Traceback" not in told
