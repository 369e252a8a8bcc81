"""A server in this process, with real sockets, whose time and ids depend on the number of the call alone.

So the same call makes the same thing in two worlds, whatever else was called in them: their answers and bags can be
compared byte for byte. Only what triggers operations is left out: they are worked off when the caller says so.
"""

import http.client
import itertools
import json
import shutil
import socket
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import uvicorn

from freehold.api.azure2018.documents import WRITERS as OF_2018
from freehold.api.azure2020.documents import WRITERS as OF_2020
from freehold.api.entry import Entrance
from freehold.api.one_write import OneWriteProtocol
from freehold.api.services import Services
from freehold.app import build_services, facades, operation_kinds
from freehold.kit.clock import MICROSECONDS
from freehold.lifecycle.export_task import write_bag
from freehold.lifecycle.selection import Target
from freehold.lifecycle.spool import Spool
from freehold.operations import queries as operations
from freehold.operations.engine import OperationEngine
from freehold.operations.model import Operation
from freehold.operations.runner import Runner
from tests.patience import patient
from tests.sent_bags import as_sent
from tests.world import Person, World

T = TypeVar("T")
START_SECONDS = patient(20)


class Answer(NamedTuple):
    status: int
    kind: str
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


class ScriptedTime:
    """A second from call to call; within a call it stands, for how often a clock is looked at depends on caches."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._at = start

    def begin(self, number: int) -> None:
        self._at = self._start + number * MICROSECONDS

    def now(self) -> int:
        return self._at


class ScriptedIds:
    """Ids that say which call they were made in, and the how manieth there."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._number = 0

    def begin(self, number: int) -> None:
        self._number = number
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        number = (self._number << 16) + next(self._numbers)
        high = f"{number:012x}"
        return f"{high[:8]}-{high[8:]}-7000-8000-{number:012x}"


@dataclass
class Served:
    """One world: a copy of a data folder, and who serves it."""

    world: World
    services: Services
    time: ScriptedTime
    ids: ScriptedIds
    engine: OperationEngine
    port: int = 0
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None
    _connection: http.client.HTTPConnection | None = None
    _exports: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def begin(self, number: int) -> None:
        """What is called from here on belongs to call `number` of the script."""
        self.time.begin(number)
        self.ids.begin(number)

    def call(self, person: Person, method: str, path: str, body: Any = None, *, content: bytes | None = None) -> Answer:
        headers = person.headers | {"Host": "localhost"}
        if body is not None:
            content, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        assert self._connection is not None
        self._connection.request(method, path, body=content, headers=headers)
        answer = self._connection.getresponse()
        return Answer(answer.status, answer.getheader("content-type") or "", answer.read())

    def ok(self, person: Person, method: str, path: str, body: Any = None, *, content: bytes | None = None) -> Any:
        answer = self.call(person, method, path, body, content=content)
        assert answer.status < 300, f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}"
        return answer.json() if "json" in answer.kind else answer.body

    def work_off(self) -> list[Operation]:
        """Run every operation that was begun to its end; those that ran."""
        database, engine = self.services.database, self.engine
        runner = Runner(database, self.services.settings, engine.kinds, threading.Event())
        done = list(database.read_now(operations.unfinished_ids))
        for operation_id in done:
            while runner.advance(operation_id):
                pass
        found = [database.read_now(lambda db, each=each: operations.find(db, each)) for each in done]  # type: ignore[misc]  # binds the loop's value
        return [each for each in found if each is not None]

    def export(self, target: Target) -> Path:
        """The folder of the finished bag, written in this process by what the worker runs."""
        operation_id = f"00000000-0000-7000-8000-{next(self._exports):012d}"
        job = {
            "operation_id": operation_id,
            "scope": target.scope.value,
            "workspace_id": target.workspace_id,
            "root_row": target.root_row,
            "version": "0.1.0",
            "keys": dict(self.services.keys.certificates.jwks()),
        }
        write_bag(_Bench(self.services), job, (*OF_2020, *OF_2018))
        return as_sent(Spool(self.services.settings.data_folder, operation_id).bag)

    def start(self) -> "Served":
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(listening.getsockname()[1])
        self.services.public_url = "https://freehold.example"
        config = uvicorn.Config(
            Entrance(self.services, facades()),
            http=OneWriteProtocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=3_600,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.005)
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=patient(60))
        return self

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(START_SECONDS)
        self.services.database.close()
        shutil.rmtree(self.services.settings.data_folder, ignore_errors=True)


class _Bench:
    """As the worker's: settings, reads, a line to the parent."""

    def __init__(self, services: Services) -> None:
        self.settings = services.settings
        self._database = services.database

    def read(self, query: Any) -> Any:
        return self._database.read_now(query)

    def report(self, progress: Any) -> None:
        pass


def serve_copy(template: World, folder: Path, start: int) -> Served:
    """A server on a copy of the template's data folder, keys and all. `start`: where its time begins."""
    shutil.copytree(template.folder, folder)
    clock, ids = ScriptedTime(start), ScriptedIds()
    world = World(folder, template.subscription_id, template.alice, template.bob, template.charlie)
    services = build_services(world.settings(), clock, ids)
    engine = OperationEngine(services.database, services.settings)
    for kind in operation_kinds():
        engine.register(kind.name, kind.steps, clean_up=kind.clean_up, on_failure=kind.on_failure)
    services.engine = engine
    return Served(world, services, clock, ids, engine).start()
