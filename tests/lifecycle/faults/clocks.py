"""A server whose clock jumps, and what it does by itself meanwhile."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from signal import SIGKILL
from typing import Any

from freehold.domain.artifacts.service import ArtifactName
from freehold.domain.artifacts.transfer import upload
from freehold.domain.metrics.compaction import CROWDED
from freehold.domain.metrics.service import log_metrics
from freehold.kit.clock import MICROSECONDS, SystemClock
from freehold.lifecycle.log.service import CertificateLog
from freehold.lifecycle.sweeps import Sweeper
from freehold.operations import queries
from freehold.operations.runner import Runner
from freehold.records.rules import Scope
from freehold.storage.blobs import open_objects
from freehold.storage.metrics import Point
from tests.lifecycle.erase.site import Site
from tests.lifecycle.faults.checks import at_end
from tests.lifecycle.faults.places import Below
from tests.lifecycle.faults.work import Base, ask_export, open_whole, run

HOUR = 3_600 * MICROSECONDS
DAY = 24 * HOUR
YEAR = 365 * DAY


class JumpingClock(SystemClock):
    """The system's, but `ahead` of it by so many microseconds."""

    def __init__(self, ahead: int = 0) -> None:
        self.ahead = ahead

    def now(self) -> int:
        return super().now() + self.ahead


@dataclass
class Server:
    """What a server process is made of, without its sockets and threads."""

    site: Site
    clock: JumpingClock

    def __post_init__(self) -> None:
        site = self.site
        log = CertificateLog(site.database, site.keys)
        self._sweeper = Sweeper(site.database, open_objects(site.settings), self.clock, site.settings, log, site.engine)
        self._runner = Runner(site.database, site.settings, site.engine.kinds, site.engine._stopping)

    def start(self) -> None:
        """As a server begins, before its sweeper's thread runs."""
        self._sweeper.prepare()

    def sweep(self) -> None:
        self._sweeper.sweep()

    def jump(self, by: int) -> None:
        self.clock.ahead += by
        self.sweep()

    def pass_days(self, days: float) -> None:
        """Evenly, with the sweeps of a server that runs."""
        for _ in range(round(days * 2)):
            self.jump(DAY // 2)

    def work_off(self, between: Callable[[], None] = lambda: None) -> None:
        """All operations, step by step."""
        for operation_id in self.site.database.read_now(queries.unfinished_ids):
            while self._runner.advance(operation_id):
                between()

    def stop(self) -> None:
        self.site.close()


def serve(folder: Path, ahead: int = 0) -> Server:
    clock = JumpingClock(ahead)
    server = Server(open_whole(folder, clock), clock)
    server.start()
    return server


def killed_at(base: Base, folder: Path, point: str) -> None:
    """A copy of the folder, seen by a server whose operation then died at the point."""
    shutil.copytree(base.folder, folder)
    serve(folder).stop()
    assert run(folder, point) == -SIGKILL


def finished(base: Base, folder: Path, jumps: tuple[int, int]) -> dict[str, object]:
    """Started again behind the first jump; the clock jumps at each step, forth by the second and back by it."""
    server = serve(folder, jumps[0])
    try:
        server.sweep()
        ways = iter(range(1_000))
        server.work_off(lambda: server.jump(jumps[1] * (-1) ** next(ways)))
        server.sweep()
    finally:
        server.stop()
    return without_keys(at_end(base, folder, folder.with_name("aside"), Below()))


def without_keys(made: dict[str, Any]) -> dict[str, Any]:
    """A sweep signs the head of the log."""
    files = [path for path in made["files"] if not path.startswith("keys/")]
    return made | {"files": files}


def prepare_export(folder: Path) -> tuple[Base, Callable[[Site], None]]:
    """An export whose points and files a server would take away meanwhile; and that taking away."""
    site = open_whole(folder)
    try:
        experiment = site.experiment()
        run_id = site.run(experiment, points=500)
        for number in range(CROWDED):
            site.database.write_now(
                lambda db, n=number: log_metrics(db, site.workspace, run_id, [Point("m", n, n, 0.5)])  # type: ignore[misc]  # binds the loop's value
            )
        site.artifact(run_id, "replaced.txt", site.canary("replaced").encode())
        operation = ask_export(site, Scope.WORKSPACE, None)
        return Base(site.folder, operation.operation_id, [], []), lambda now: _replace(now, run_id)
    finally:
        site.close()


def _replace(site: Site, run_id: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"another content"

    name = ArtifactName("ExperimentRun", run_id, "replaced.txt")
    asyncio.run(upload(site.database, open_objects(site.settings), site.actor, site.workspace, name, pieces()))
