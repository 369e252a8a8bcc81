"""Sees to it that every requested operation is run: starts, recovers, gives up and tidies. One thread of its own.

`start()` returns at once; the engine is imported and launched in its thread, after the listening sockets are up. Until
then requested operations wait as rows, which is where they always are: the engine's own file is disposable.
"""

import hashlib
import importlib
import logging
import platform
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from freehold.operations import queries, service
from freehold.operations.model import Operation
from freehold.operations.runner import Runner
from freehold.operations.steps import Kind, OperationContext, Step
from freehold.operations.system_database import SystemDatabase
from freehold.operations.takeover import Watch
from freehold.operations.workflows import Workflows
from freehold.settings import Settings
from freehold.storage.database import Database
from freehold.storage.transaction import Transaction

MOST_RECOVERIES = 50
PACE_SECONDS = 0.1
LAST_TIDIES = 8
TIDY_SECONDS = 0.5
STALE_SWEEPS = 4
RELAUNCH_SECONDS = 5.0
LAST_STEP_SECONDS = 10.0
log = logging.getLogger("freehold.operations")


class OperationEngine:
    """Register the kinds, then start. Safe to call from any thread."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        *,
        executor: str = "",
        most_recoveries: int = MOST_RECOVERIES,
    ) -> None:
        """`executor` names this process among the workers of a deployment and must survive its restarts."""
        self.kinds: dict[str, Kind] = {}
        self._database = database
        self._settings = settings
        self._executor = executor or _this_place(settings)
        self._most_recoveries = most_recoveries
        self._requests: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._running = threading.Event()
        self._active: set[str] = set()
        self._idle = threading.Condition()
        self._ended: set[str] = set()
        self._paused: set[str] = set()
        self._is_untidy = True  # the process before this one may have been killed before it tidied
        self._runner = Runner(database, settings, self.kinds, self._stopping, self._pause)
        self._watch = Watch(STALE_SWEEPS * settings.sweep_seconds)
        self._unbegun = Watch(STALE_SWEEPS * settings.sweep_seconds)
        self._thread = threading.Thread(target=self._live, name="freehold-operations", daemon=True)

    def register(
        self,
        kind: str,
        steps: Sequence[Step],
        *,
        clean_up: Callable[[OperationContext], None] | None = None,
        on_failure: Callable[[Transaction, Operation], None] | None = None,
        is_local: bool = False,
    ) -> None:
        """Make operations of this kind known. The steps' names outlive a release: rename none."""
        if kind in self.kinds:
            raise ValueError(f"The operation kind {kind!r} is registered already.")
        self.kinds[kind] = Kind(kind, tuple(steps), clean_up, on_failure, is_local)

    def knows(self, kind: str) -> bool:
        return kind in self.kinds

    def step_of_retry(self, kind: str, step: str) -> str:
        """The step that a retry begins with after a failure at `step`."""
        found = self.kinds[kind].step(step) if self.knows(kind) else None
        return (found.retried_at if found is not None else "") or step

    def start(self) -> None:
        self._thread.start()

    def start_soon(self, operation_id: str, after_seconds: float = 0.0) -> None:
        """For after_commit: never waits and never fails. The row is there; this only tells that it is.

        What should start later and is forgotten because this process ends is found by the next sweep.
        """
        if after_seconds:
            timer = threading.Timer(after_seconds, self._requests.put, [operation_id])
            timer.daemon = True
            timer.start()
        else:
            self._requests.put(operation_id)

    def _pause(self, operation_id: str, seconds: float) -> bool:
        """What waits holds no thread: there are few, and what it waits for may need one."""
        with self._idle:
            self._paused.add(operation_id)
        self.start_soon(operation_id, after_seconds=seconds)
        return False

    @property
    def executor(self) -> str:
        return self._executor

    def wait_until_running(self, timeout: float) -> bool:
        return self._running.wait(timeout)

    @property
    def is_running(self) -> bool:
        return self._running.is_set()

    def stop(self, timeout: float = LAST_STEP_SECONDS) -> None:
        """Let the steps that run commit, and leave the rest for the next start."""
        self._stopping.set()
        self._requests.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout + LAST_TIDIES * TIDY_SECONDS)

    def _live(self) -> None:
        system = self._open_system()
        try:
            workflows = self._launch(system)
            if workflows is None:
                return
            try:
                self._serve(workflows, system)
            finally:
                self._running.clear()
                workflows.close()
        finally:
            if system is not None:
                system.close()

    def _open_system(self) -> SystemDatabase | None:
        if not self._database.is_embedded:
            return None
        driver = importlib.import_module(f"{self._settings.sqlite_driver}.dbapi2")
        return SystemDatabase(self._settings.data_folder, driver)

    def _launch(self, system: SystemDatabase | None) -> Workflows | None:
        """Launch, again and again if need be: a full disk or a database that is away may pass."""
        while not self._stopping.is_set():
            workflows = self._make_workflows(system)
            try:
                workflows.launch()
                return workflows
            except Exception as fault:
                log.error("operations cannot start yet", extra={"code": type(fault).__name__})
                workflows.close()
                if system is None or not system.replace_damaged(fault):
                    self._stopping.wait(RELAUNCH_SECONDS)
        return None

    def _make_workflows(self, system: SystemDatabase | None) -> Workflows:
        return Workflows(
            engine=system.engine if system is not None else None,
            url=self._settings.database or None,
            executor=self._executor,
            at_work=self._at_work,
            run_slice=self._runner.run_slice,
            give_up=self._runner.give_up,
            wait=self._stopping.wait,
            most_recoveries=self._most_recoveries,
        )

    def _serve(self, workflows: Workflows, system: SystemDatabase | None) -> None:
        """Sweeps come close together at first: what launching recovers shows only after a moment."""
        next_sweep, pause = time.monotonic(), 1
        while not self._stopping.is_set():
            if time.monotonic() >= next_sweep:
                self._guarded(partial(self._sweep, workflows, system))
                self._running.set()
                next_sweep, pause = time.monotonic() + pause, min(2 * pause, self._settings.sweep_seconds)
            operation_id = self._next_request()
            if operation_id is not None:
                self._guarded(partial(self._go_on, workflows, system, operation_id))
                self._guarded(partial(self._start, workflows, operation_id))
                self._stopping.wait(PACE_SECONDS)
            elif self._ended:
                self._guarded(partial(self._tidy, workflows, system))
        self._wait_until_idle()
        self._guarded(partial(self._tidy_all, workflows, system))

    def _go_on(self, workflows: Workflows, system: SystemDatabase | None, operation_id: str) -> None:
        """After a pause: its last workflow must be forgotten for another to begin."""
        with self._idle:
            has_waited = operation_id in self._paused
            self._paused.discard(operation_id)
        if has_waited:
            self._tidy(workflows, system)

    def _wait_until_idle(self) -> None:
        with self._idle:
            self._idle.wait_for(lambda: not self._active, LAST_STEP_SECONDS)

    def _next_request(self) -> str | None:
        try:
            return self._requests.get(timeout=TIDY_SECONDS)
        except queue.Empty:
            return None

    def _sweep(self, workflows: Workflows, system: SystemDatabase | None) -> None:
        """Start every unfinished operation that has no live workflow, and take over from dead workers."""
        self._tidy(workflows, system)
        unfinished = self._database.read_now(queries.unfinished_ids)
        live = workflows.live_ids() if unfinished else set()
        with self._idle:
            live |= self._paused
        idle = [operation_id for operation_id in unfinished if operation_id not in live]
        for operation_id in idle if self._database.is_embedded else self._left_by_others(idle):
            self._start(workflows, operation_id)
        if not self._database.is_embedded:
            self._take_over(workflows)

    def _left_by_others(self, idle: list[str]) -> list[str]:
        """What no server has to run in particular, what this one has, and what another one that has it has not touched
        for a long time: it may wait there."""
        changes = self._database.read_now(queries.unfinished_changes)
        others = {operation_id: changes.get(operation_id) for operation_id in idle if self._is_of_another(operation_id)}
        late = self._unbegun.standing_still(others, time.monotonic())
        return [operation_id for operation_id in idle if operation_id not in others or operation_id in late]

    def _start(self, workflows: Workflows, operation_id: str) -> None:
        workflows.start(operation_id, here=self._database.is_embedded or self._local(operation_id) is not None)

    def _is_of_another(self, operation_id: str) -> bool:
        operation = self._local(operation_id)
        return operation is not None and not service.was_asked(operation, self._executor)

    def _local(self, operation_id: str) -> Operation | None:
        """The operation, where it is of a kind that the server runs that was asked for it."""
        operation = self._database.read_now(lambda db: queries.find(db, operation_id))
        is_local = operation is not None and self.knows(operation.kind) and self.kinds[operation.kind].is_local
        return operation if is_local else None

    def _take_over(self, workflows: Workflows) -> None:
        """Every worker shows at each sweep what it works on, and what waits here. What nobody shows any more was a dead
        worker's; what waits in the queue is nobody's yet."""
        with self._idle:
            active = list(self._active | self._paused)
        self._database.write_now(lambda db: queries.touch(db, active))
        claims, changes = workflows.claims(), self._database.read_now(queries.unfinished_changes)
        signs = {
            operation_id: (claims[operation_id], changes[operation_id]) for operation_id in claims.keys() & changes
        }
        for operation_id in self._watch.standing_still(signs, time.monotonic()):
            workflows.resume(operation_id)

    def _tidy(self, workflows: Workflows, system: SystemDatabase | None) -> None:
        """Forget what has ended. A workflow ends a moment after its last step: what lingers is for the next time."""
        with self._idle:
            ended = set(self._ended)
        number, abandoned = workflows.forget_ended()
        for operation_id in abandoned:
            self._runner.give_up(operation_id, "OperationAbandoned")
        lingering = ended & workflows.live_ids() if ended else ended
        self._is_untidy = self._is_untidy or number > 0
        if system is not None and self._is_untidy:
            self._is_untidy = not system.wipe()
        if not self._is_untidy or system is None:
            with self._idle:
                self._ended -= ended - lingering

    def _tidy_all(self, workflows: Workflows, system: SystemDatabase | None) -> None:
        """At the end there is no next time: wait for what lingers, but not for ever. What was interrupted stays."""
        interrupted = set(self._database.read_now(queries.unfinished_ids))
        for _ in range(LAST_TIDIES):
            self._tidy(workflows, system)
            if self._ended <= interrupted:
                return
            time.sleep(TIDY_SECONDS)

    @contextmanager
    def _at_work(self, operation_id: str) -> Iterator[None]:
        """Around a whole workflow, with its pauses between attempts: as long as it lasts, this process shows it."""
        with self._idle:
            self._active.add(operation_id)
        try:
            yield
        finally:
            with self._idle:
                self._active.discard(operation_id)
                self._ended.add(operation_id)
                self._idle.notify_all()

    def _guarded(self, action: Callable[[], None]) -> None:
        """This thread must not die: what fails now is done by the next sweep."""
        try:
            action()
        except Exception as fault:
            log.error("operations are delayed", extra={"code": type(fault).__name__})


def _this_place(settings: Settings) -> str:
    """A name for this process that is the same after a restart and tells nothing."""
    place = f"{platform.node()}\0{settings.data_folder}"
    return "embedded" if settings.is_embedded else hashlib.sha256(place.encode()).hexdigest()[:32]
