"""Real processes around one data folder: started, killed, started again, and what they left read back."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.kit.clock import SystemClock
from freehold.kit.ids import UuidSource
from freehold.operations import queries
from freehold.operations.model import Operation
from freehold.operations.spare import CAN_STAND_ASIDE
from freehold.settings import Settings
from freehold.storage.database import Database, open_database
from freehold.storage.keys import KeyStore
from freehold.storage.migrations import migrate
from tests.patience import patient

ROOT = Path(__file__).parents[2]
SERVER = Path(__file__).with_name("server.py")
PATIENCE = patient(90)
needs_idle_policy = pytest.mark.skipif(not CAN_STAND_ASIDE, reason="only Linux has this policy")


@dataclass
class Site:
    """A data folder (and perhaps a PostgreSQL database) with the processes that have worked on it."""

    data: Path
    url: str = ""
    processes: list["subprocess.Popen[str]"] = field(default_factory=list)

    def run(self, *arguments: str, fault: str = "") -> tuple[int, list[str]]:
        """Run the server to its end: exit code, and the ids it printed before "running"."""
        process = self.start(*arguments, fault=fault)
        out, _ = process.communicate(timeout=PATIENCE)
        return process.returncode, [line for line in out.split() if line != "running"]

    def start(self, *arguments: str, fault: str = "", release: Path | None = None) -> "subprocess.Popen[str]":
        """`release`: a folder with another release's `freehold` package and `server.py`."""
        server, code = (SERVER, ROOT / "src") if release is None else (release / "server.py", release)
        command = [sys.executable, str(server), str(self.data), "--database", self.url, *arguments]
        environment = os.environ | {"PYTHONPATH": f"{code}{os.pathsep}{ROOT}"}
        environment |= {"FREEHOLD_FAULT": fault} if fault else {}
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        self.processes.append(process)
        return process

    def stop(self, process: "subprocess.Popen[str]") -> int:
        """End its standard input: the server stops in good order."""
        process.communicate(timeout=PATIENCE)
        return process.returncode

    def open(self) -> Database:
        clock = SystemClock()
        settings = Settings(data=str(self.data), database=self.url)
        return open_database(settings, clock, UuidSource(clock), KeyStore(settings.key_folder, clock))

    def operation(self, operation_id: str) -> Operation:
        database = self.open()
        try:
            operation = database.read_now(lambda db: queries.find(db, operation_id))
        finally:
            database.close()
        assert operation is not None
        return operation

    def marks(self, operation_id: str) -> list[str]:
        """The effects that were committed, in order."""
        database = self.open()
        statement = sa.text("SELECT mark FROM marks WHERE operation = :operation")
        try:
            with database.engine.connect() as connection:
                return list(connection.execute(statement, {"operation": operation_id}).scalars())
        finally:
            database.close()

    def work(self) -> list[str]:
        path = self.data / "work"
        return path.read_text().splitlines() if path.exists() else []


def until(condition: Any, patience: float = PATIENCE) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path / "data")
    made.data.mkdir()
    yield made
    end(made)


def end(site: Site) -> None:
    for process in site.processes:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()


@pytest.fixture
def database(site: Site) -> Iterator[Database]:
    opened = site.open()
    migrate(opened.engine)
    yield opened
    opened.close()


def settings_of(site: Site) -> Settings:
    return Settings(data=str(site.data), database=site.url)
