"""A command that was stopped, or could not write its bag, says how to go on; `fetch` brings a bag that was kept."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freehold.lifecycle.bag.verify import verify_bag
from tests.patience import patient
from tests.system.load import STORE
from tests.system.surfaces import make_run
from tests.system.test_cli import DONE, FAILED, WRONG, freehold, parsed
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
STOPPED = 130
Data = tuple[str, str]


@pytest.fixture(scope="module")
def data(shared_world: World) -> Data:
    return ("--data", str(shared_world.folder))


@pytest.fixture(scope="module")
def run_id(shared_world: World) -> str:
    run_id = make_run(shared_world, "fetching")
    path = f"{STORE}/1/{run_id}/artifacts/file"
    assert shared_world.request("PUT", path, shared_world.alice, content=b"content" * 1_000).status_code == 200
    return run_id


@pytest.mark.parametrize("name", ["bag.tar", "bag.zip", "bag"])
def test_a_bag_that_was_kept_is_fetched_once(data: Data, run_id: str, tmp_path: Path, name: str) -> None:
    kept = parsed(freehold("export", "run", run_id, "--keep", "--to", tmp_path / "first.tar", *data, "--json"))
    told = parsed(freehold("fetch", kept["operation"], "--keep", "--to", tmp_path / "second", *data, "--json"))
    assert (told["verified"], told["operation"]) == (kept["verified"], kept["operation"])
    assert freehold("fetch", kept["operation"], "--to", tmp_path / name, *data).returncode == DONE
    assert verify_bag(tmp_path / name).ok
    gone = freehold("fetch", kept["operation"], "--to", tmp_path / "third", *data)
    assert (gone.returncode, "BagNotFound" in gone.stderr) == (FAILED, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted({"first.tar", "second", name})


def test_only_an_export_is_fetched(shared_world: World, data: Data, tmp_path: Path) -> None:
    erased = parsed(freehold("erase", "run", make_run(shared_world, "cli"), "--yes", *data, "--json"))
    refused = freehold("fetch", erased["operation"]["id"], "--to", tmp_path / "bag", *data)
    assert (refused.returncode, "NoExport" in refused.stderr) == (WRONG, True)


@pytest.mark.parametrize("name", ["bag.tar", "bag"])
def test_a_bag_that_does_not_fit_is_named_and_fetched_later(data: Data, run_id: str, tmp_path: Path, name: str) -> None:
    done = started("export", "run", run_id, "--to", tmp_path / name, *data, before=no_room)
    _, said = done.communicate(timeout=patient(120))
    assert (done.returncode, "Traceback" in said) == (FAILED, False), said
    assert "CannotWrite" in said
    assert list(tmp_path.iterdir()) == []
    fetch_as_told(said, data, tmp_path / name)


@pytest.mark.parametrize("name", ["bag.tar", "bag"])
@pytest.mark.parametrize("moment", [b"GET /freehold/v1/operations/", b"/bag?format="], ids=["waiting", "fetching"])
def test_a_stopped_export_says_how_to_go_on(
    shared_world: World,
    data: Data,
    run_id: str,
    tmp_path: Path,
    moment: bytes,
    name: str,
) -> None:
    with Holding(shared_world.url, moment) as held:
        command = started("export", "run", run_id, "--to", tmp_path / name, "--url", held.url, *data)
        assert held.reached.wait(patient(60))
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=patient(60))
    assert (command.returncode, "Traceback" in said) == (STOPPED, False), said
    assert list(tmp_path.iterdir()) == []
    for way in re.findall(r"freehold operations [0-9a-f-]{36} --wait", said):
        assert freehold(*way.split()[1:], *data).returncode == DONE
    assert ("--cancel" in said) == (b"operations" in moment)
    fetch_as_told(said, data, tmp_path / name)


def test_a_stopped_sending_leaves_nothing_and_says_so(
    shared_world: World, data: Data, run_id: str, tmp_path: Path
) -> None:
    assert freehold("export", "run", run_id, "--to", tmp_path / "bag.tar", *data).returncode == DONE
    before = freehold("operations", *data, "--json").stdout
    with Holding(shared_world.url, b"/imports?") as held:
        command = started("import", tmp_path / "bag.tar", "--new-ids", "--url", held.url, *data)
        assert held.reached.wait(patient(60))
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=patient(60))
    assert (command.returncode, "Traceback" in said) == (STOPPED, False), said
    assert "nothing of it is kept" in said
    assert freehold("operations", *data, "--json").stdout == before


def test_a_stopped_erasure_is_not_said_to_be_stoppable(shared_world: World, data: Data) -> None:
    with Holding(shared_world.url, b"GET /freehold/v1/operations/") as held:
        command = started("erase", "run", make_run(shared_world, "cli"), "--yes", "--url", held.url, *data)
        assert held.reached.wait(patient(60))
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=patient(60))
    assert (command.returncode, "--wait" in said, "--cancel" in said) == (STOPPED, True, False)


def started(*arguments: str | Path, before: Callable[[], object] = int) -> "subprocess.Popen[str]":
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FREEHOLD_")}

    def begin() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests may ignore it
        before()

    return subprocess.Popen(
        [sys.executable, "-m", "freehold.cli.main", *map(str, arguments)],
        env=clean | {"NO_COLOR": "1", "TERM": "dumb", "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=begin,
    )


def no_room() -> None:
    """Files of more than a kilobyte are refused, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))


def fetch_as_told(said: str, data: Data, to: Path) -> None:
    """The command that a message names, as it is."""
    (told,) = re.findall(r"freehold (fetch [0-9a-f-]{36} --to) PLACE", said)
    ended = freehold(*told.split(), to, *data)
    assert ended.returncode == DONE, ended.stderr
    assert verify_bag(to).ok


class Holding:
    """Between a client and the server: it passes all on until a request has these bytes in it, and holds that."""

    def __init__(self, url: str, moment: bytes) -> None:
        self._port = int(url.rpartition(":")[2])
        self._moment = moment
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.reached = threading.Event()

    def __enter__(self) -> "Holding":
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _serve(self) -> None:
        for near in self._connections():
            far = socket.create_connection(("127.0.0.1", self._port))
            threading.Thread(target=self._answer, args=(far, near), daemon=True).start()
            threading.Thread(target=self._ask, args=(near, far), daemon=True).start()

    def _connections(self) -> Iterator[socket.socket]:
        while True:
            try:
                yield self._socket.accept()[0]
            except OSError:
                return

    def _ask(self, near: socket.socket, far: socket.socket) -> None:
        with far:
            while piece := near.recv(65_536):
                if self._moment in piece:
                    self.reached.set()
                if not self.reached.is_set():
                    far.sendall(piece)

    def _answer(self, far: socket.socket, near: socket.socket) -> None:
        with near:
            while piece := far.recv(65_536):
                near.sendall(piece)
