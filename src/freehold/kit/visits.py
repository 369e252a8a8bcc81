"""One GET to a place outside, bounded in time and size, to the addresses that were checked. No redirect is followed."""

import http.client
import socket
import ssl
import threading
import time
from functools import cache

from freehold.kit.outside import PORTS, Place

AGENT = "freehold-probe"


def visit(place: Place, seconds: float) -> int | None:
    """The status that the place answers a GET with; None: no answer in time, or none that is HTTP or can be trusted.

    Of the answer only the head is read (http.client refuses one of more than 100 lines, or a line above 64 KiB).
    `seconds` bounds the whole visit: a server that sends one byte a second does not prolong it.
    """
    connection = _Pinned(place, seconds)
    limit = threading.Timer(seconds, connection.cut)
    limit.daemon = True
    limit.start()
    try:
        connection.request("GET", place.target, headers={"User-Agent": AGENT, "Accept": "*/*", "Connection": "close"})
        status = connection.getresponse().status
        return None if connection.is_cut else status  # a cut looks like the end of the head
    except (OSError, http.client.HTTPException):
        return None
    finally:
        limit.cancel()
        connection.close()


class _Pinned(http.client.HTTPConnection):
    """Connects to a place's addresses and tells its host, to HTTP and to TLS. The name is not resolved again."""

    def __init__(self, place: Place, seconds: float) -> None:
        super().__init__(place.host, place.port, timeout=seconds)
        self.default_port = PORTS[place.scheme]
        self._place = place
        self._ends = time.monotonic() + seconds
        self._cut = threading.Event()
        self._open: socket.socket | None = None

    def connect(self) -> None:
        self._open = self.sock = self._reach()
        self._open.settimeout(self._left())
        if self._place.scheme == "https":
            self._open = self.sock = _trust().wrap_socket(self._open, server_hostname=self._place.host)
        if self.is_cut:  # it may have found nothing to shut down yet
            raise TimeoutError

    @property
    def is_cut(self) -> bool:
        return self._cut.is_set()

    def cut(self) -> None:
        """From another thread: whatever waits for this connection fails at once."""
        self._cut.set()
        if self._open is not None:
            try:
                self._open.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closed already
                pass

    def _reach(self) -> socket.socket:
        untried = len(self._place.addresses)
        for address in self._place.addresses:
            try:
                return socket.create_connection((address, self._place.port), timeout=self._left() / untried)
            except OSError:
                untried -= 1
        raise ConnectionError

    def _left(self) -> float:
        """Seconds; a timeout of 0 would mean not to wait at all."""
        return max(self._ends - time.monotonic(), 0.001)


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()
