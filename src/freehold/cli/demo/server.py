"""The demo's server: a process like any other `freehold serve`."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from freehold.cli.connection import serving_url
from freehold.cli.failure import Failure
from freehold.settings import Settings

START_SECONDS = 60


@contextlib.contextmanager
def running_server(folder: Path) -> Iterator[tuple[str, float]]:
    """Address and start-up time of a server on `folder`; stopped at the end."""
    folder.mkdir(parents=True, mode=0o700)
    defaults = Settings()
    ports = [str(_free(port)) for port in (defaults.http_port, defaults.https_port)]
    command = [sys.executable, "-m", "freehold.cli.main", "serve", "--data", str(folder)]
    command += ["--http-port", ports[0], "--https-port", ports[1]]
    (folder / "logs").mkdir()
    began = time.monotonic()
    with (folder / "logs" / "server.jsonl").open("ab") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True
        )
    try:
        yield _wait(process, folder), time.monotonic() - began
    finally:
        process.terminate()
        process.wait(30)


def memory_of(folder: Path) -> int:
    """Resident bytes of the server, 0 where the system does not tell."""
    try:
        pid = int((folder / "server.lock").read_text().partition('"pid":')[2].partition(",")[0])
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _wait(process: subprocess.Popen[bytes], folder: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            url = serving_url(folder)
            if httpx.get(f"{url}/readyz").status_code == 200:
                return url
        except (Failure, httpx.TransportError):
            pass
        time.sleep(0.02)
    raise Failure("ServerDidNotStart", f"The server did not start. Its log: {folder / 'logs' / 'server.jsonl'}")


def _free(port: int) -> int:
    """The port, or 0 (any free one) when something uses it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port
