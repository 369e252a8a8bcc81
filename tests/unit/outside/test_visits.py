"""One GET outside: pinned to the checked address, bounded in time and size, and never led elsewhere."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from freehold.kit.outside import Place
from freehold.kit.visits import visit


@contextmanager
def listening(answer: Callable[[socket.socket], None], seen: list[bytes]) -> Iterator[int]:
    """A server on loopback that reads a request's head, notes it, and lets `answer` do the rest; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    try:
                        seen.append(peer.recv(65_536))
                        answer(peer)
                    except OSError:
                        pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def says(text: bytes) -> Callable[[socket.socket], None]:
    return lambda peer: peer.sendall(text)


def place_at(port: int, *addresses: str, scheme: str = "http") -> Place:
    return Place(scheme, "models.example", port, "/score?a=b", addresses or ("127.0.0.1",))


@pytest.mark.parametrize("status", [200, 204, 404, 503])
def test_the_status_is_told(status: int) -> None:
    with listening(says(b"HTTP/1.1 %d Well\r\nContent-Length: 0\r\n\r\n" % status), []) as port:
        assert visit(place_at(port), 5) == status


def test_it_goes_to_the_checked_address_and_names_the_host() -> None:
    """The name does not exist: only the pinned address can have led there."""
    seen: list[bytes] = []
    with listening(says(b"HTTP/1.1 200 OK\r\n\r\n"), seen) as port:
        assert visit(place_at(port), 5) == 200
    assert seen[0].startswith(b"GET /score?a=b HTTP/1.1\r\n")
    assert b"Host: models.example:%d\r\n" % port in seen[0]
    assert b"uthorization" not in seen[0]


def test_a_redirect_is_told_and_not_followed() -> None:
    reached: list[bytes] = []
    with listening(says(b"HTTP/1.1 200 OK\r\n\r\n"), reached) as inside:
        head = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n\r\n" % inside
        with listening(says(head), []) as port:
            assert visit(place_at(port), 5) == 302
    assert reached == []


def test_the_second_address_is_tried_where_the_first_does_not_listen() -> None:
    with listening(says(b"HTTP/1.1 200 OK\r\n\r\n"), []) as port:
        assert visit(place_at(port, "127.0.0.9", "127.0.0.1"), 5) == 200


def drip(peer: socket.socket) -> None:
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        peer.sendall(b"X: y\r\n"[:1])
        time.sleep(0.05)


def go_on_continuing(peer: socket.socket) -> None:
    while True:
        peer.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.01)


def say_nothing(peer: socket.socket) -> None:
    peer.recv(1)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("answer", [drip, go_on_continuing, say_nothing])
def test_a_server_that_stalls_is_left_in_time(answer: Callable[[socket.socket], None], scheme: str) -> None:
    with listening(answer, []) as port:
        begun = time.monotonic()
        assert visit(place_at(port, scheme=scheme), 0.5) is None
        assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200,
    ],
    ids=["nothing", "another protocol", "a line without end", "too many lines"],
)
def test_what_is_no_bounded_http_answer_is_none(text: bytes) -> None:
    with listening(says(text), []) as port:
        assert visit(place_at(port), 5) is None


def test_a_body_of_any_size_is_not_read() -> None:
    sent = [0]

    def pour(peer: socket.socket) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while sent[0] < 1_000_000_000:
            sent[0] += peer.send(b"a" * 65_536)

    with listening(pour, []) as port:
        assert visit(place_at(port), 5) == 200
    assert sent[0] < 100_000_000


def test_nobody_listening_is_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert visit(place_at(port), 1) is None
