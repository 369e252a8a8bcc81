"""Runs the next step of an operation: effect, progress and fence in one transaction. Knows no workflow engine."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from freehold.kit.logs import place_of
from freehold.kit.memory import trim
from freehold.kit.problems import Away, InsufficientStorage, Problem
from freehold.operations import queries, service
from freehold.operations.faults import die_if_planted
from freehold.operations.model import Operation, State
from freehold.operations.pacing import Pace
from freehold.operations.steps import Kind, OperationContext, Overtaken, Step, Stopping, Turn
from freehold.settings import Settings
from freehold.storage.database import Database
from freehold.storage.denied import telling_the_systems
from freehold.storage.transaction import Transaction

SLICE_SECONDS = 10.0
"""Beside clients a step may take a second with the pause behind it, and the engine writes each slice to the disk that
they wait for."""
LONGEST_PAUSE = 30.0
"""Seconds between two attempts of an operation that waits for something outside, or for room on the disk."""
CLIENT_FAULTS = range(400, 500)
log = logging.getLogger("freehold.operations")


class StepFault(Exception):
    """A step failed in a way that may pass. Carries the fault's type or code only, because it is written down."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Runner:
    def __init__(
        self,
        database: Database,
        settings: Settings,
        kinds: Mapping[str, Kind],
        stopping: threading.Event,
        pause: Callable[[str, float], bool] | None = None,
    ) -> None:
        """`pause`: what to do with an operation that has to wait for so many seconds. True: it has waited; False: it
        will be run again. By itself the runner waits here."""
        self._pause = pause or self._pause_here
        self._database = database
        self._settings = settings
        self._kinds = kinds
        self._stopping = stopping
        self._waits: dict[str, int] = {}
        self._ending: dict[str, InsufficientStorage] = {}
        self._paces: dict[str, Pace] = {}
        self._remembered: dict[str, dict[str, Any]] = {}

    def run_slice(self, operation_id: str) -> bool:
        """Run steps for SLICE_SECONDS. False: nothing is left to do.

        Raises StepFault when the first step of the slice failed and may be tried again, Stopping when the server stops.
        """
        until, has_moved = time.monotonic() + SLICE_SECONDS, False
        if operation_id in self._ending:
            return self._make_room(operation_id, self._ending[operation_id])
        while True:
            try:
                with telling_the_systems(self._settings):
                    if not self.advance(operation_id):
                        return False
            except Away as fault:
                return self._wait(operation_id, fault)
            except InsufficientStorage as fault:
                return self._make_room(operation_id, fault)
            except Exception as fault:
                return self._weigh(operation_id, fault, has_moved)
            has_moved = True
            self._waits.pop(operation_id, None)
            if time.monotonic() >= until:
                return True

    def advance(self, operation_id: str) -> bool:
        """Run one step. False: the operation has ended, or somebody else is running it."""
        if self._stopping.is_set():
            raise Stopping
        operation = self._database.read_now(lambda db: queries.find(db, operation_id))
        if operation is None or operation.is_ended:
            self._let_go(operation_id)
        if operation is None:
            return False
        if operation.is_ended:
            self._clean_up(operation)
            return False
        try:
            return self._run_step(operation)
        except Overtaken:
            return self._stand_back(operation)

    def give_up(self, operation_id: str, code: str, message: str = "") -> None:
        """End the operation as failed, and clean up. `code` names the fault and nothing else, as does `message`."""
        message = message or f"A step failed ({code}) and was not tried again. The server's log says where."
        if self._database.write_now(lambda db: self._fail(db, operation_id, code, message)):
            log.error("operation failed", extra={"operation_id": operation_id, "code": code})
        operation = self._database.read_now(lambda db: queries.find(db, operation_id))
        if operation is not None:
            self._clean_up(operation)

    def _fail(self, db: Transaction, operation_id: str, code: str, message: str) -> bool:
        if not service.fail_operation(db, operation_id, code, message):
            return False
        operation = service.get_operation(db, operation_id)
        kind = self._kinds.get(operation.kind)
        if kind is not None and kind.on_failure is not None:
            kind.on_failure(db, operation)
        return True

    def _run_step(self, operation: Operation) -> bool:
        kind, step = self._find_step(operation)
        if operation.state is State.NOT_STARTED:
            self._database.write_now(
                lambda db: queries.change(db, operation.operation_id, {"state": State.RUNNING}, fence=operation.fence)
            )
        pace = self._paces.setdefault(operation.operation_id, Pace(self._database))
        context = OperationContext(
            operation,
            self._database,
            self._settings,
            self._stopping,
            pace.factor,
            remembered=self._remembered.setdefault(operation.operation_id, {}),
            rest=pace.rest,
        )
        die_if_planted(kind.name, step.name, "before")
        began = time.monotonic()
        if step.work is not None:
            context.found = step.work(context)
        worked = time.monotonic() - began
        is_last = self._database.write_now(lambda db: _commit(db, kind, step, context))
        die_if_planted(kind.name, step.name, "after")
        if is_last:
            self._let_go(operation.operation_id)
            trim()
            return False
        pace.factor = context.factor  # it may have taken less
        if pause := pace.pause_after(context.held, worked):
            self._stopping.wait(pause)
        return True

    def _let_go(self, operation_id: str) -> None:
        self._paces.pop(operation_id, None)
        self._remembered.pop(operation_id, None)

    def _find_step(self, operation: Operation) -> tuple[Kind, Step]:
        kind = self._kinds.get(operation.kind)
        step = kind.step(operation.step) if kind is not None else None
        if kind is None or step is None:
            raise Problem("OperationUnknown", "This release does not know the operation's kind or its next step.")
        return kind, step

    def _stand_back(self, operation: Operation) -> bool:
        """Overtaken: by a cancellation (clean up), or by another process (leave it to that one)."""
        self._let_go(operation.operation_id)
        now = self._database.read_now(lambda db: queries.find(db, operation.operation_id))
        if now is not None and now.is_ended:
            self._clean_up(now)
        return False

    def _clean_up(self, operation: Operation) -> None:
        kind = self._kinds.get(operation.kind)
        if operation.state is State.SUCCEEDED or kind is None or kind.clean_up is None:
            return
        kind.clean_up(OperationContext(operation, self._database, self._settings, self._stopping))

    def _make_room(self, operation_id: str, fault: InsufficientStorage) -> bool:
        """The disk is full. What can be asked for anew ends, and gives back what it took; what must not be given up
        (an erasure) waits for room."""
        operation = self._database.read_now(lambda db: service.get_operation(db, operation_id))
        if not service.can_be_cancelled(operation):
            return self._wait(operation_id, fault)
        log.warning("operation ends: the disk is full", extra={"operation_id": operation_id})
        try:
            self._clean_up(operation)  # first, for without it there may be no room to say that it failed
            self.give_up(operation_id, fault.code, fault.message)
        except InsufficientStorage:  # nor with it: the next slice says so, for a step would miss what is gone already
            self._ending[operation_id] = fault
            return self._wait(operation_id, fault)
        self._ending.pop(operation_id, None)
        return False

    def _wait(self, operation_id: str, fault: Away | InsufficientStorage) -> bool:
        """For what is away as long as it is: this counts as no attempt, and the operation says what it waits for."""
        waits = self._waits[operation_id] = self._waits.get(operation_id, -1) + 1
        log.warning("operation waits", extra={"operation_id": operation_id, "code": fault.code})
        message = f"{fault.message} This operation waits for it, and goes on by itself."
        said = {"error_code": fault.code, "error_message": message}
        with suppress(Away, InsufficientStorage):  # there may be no room to say so, or nobody to tell
            self._database.write_now(lambda db: queries.change(db, operation_id, said))
        return self._pause(operation_id, min(LONGEST_PAUSE, 2.0**waits))

    def _pause_here(self, _: str, seconds: float) -> bool:
        self._stopping.wait(seconds)
        return True

    def _weigh(self, operation_id: str, fault: Exception, has_moved: bool) -> bool:
        """A refusal ends the operation; anything else is tried again, after a step that moved with fresh attempts."""
        code = fault.code if isinstance(fault, Problem) else type(fault).__name__
        place = (isinstance(fault, Problem) and fault.place) or place_of(fault)
        log.warning("step failed", extra={"operation_id": operation_id, "code": code, "fault": place})
        if isinstance(fault, Problem) and fault.object_key:
            log.error("an object is damaged", extra={"operation_id": operation_id, "object": fault.object_key})
        if _is_refusal(fault):
            self.give_up(operation_id, code, fault.message if isinstance(fault, Problem) and fault.is_plain else "")
            return False
        if has_moved:
            return True
        raise StepFault(code) from None


def _commit(db: Transaction, kind: Kind, step: Step, context: OperationContext) -> bool:
    """The step's transaction. The fence goes first: on PostgreSQL it also makes a rival wait, and then fail."""
    operation, next_fence = context.operation, context.operation.fence + 1
    moved = queries.change(db, operation.operation_id, {"fence": next_fence}, fence=operation.fence)
    if not moved:
        raise Overtaken
    began = time.perf_counter()
    turn = step.effect(db, context)
    context.held = time.perf_counter() - began
    queries.change(db, operation.operation_id, _moves(db, kind, step, operation, turn), fence=next_fence)
    die_if_planted(kind.name, step.name, "inside")
    return turn.is_finished and kind.after(step) is None


def _moves(db: Transaction, kind: Kind, step: Step, operation: Operation, turn: Turn) -> dict[str, Any]:
    values: dict[str, Any] = {
        "step": step.name,
        "state": State.RUNNING,
        "progress": queries.stored_progress(turn.progress or operation.progress, turn.cursor),
    }
    if operation.error_code is not None:
        values |= {"error_code": None, "error_message": None}  # what it waited for is back
    if turn.result is not None:
        values["result"] = dict(turn.result)
    if turn.is_finished and step.settles:
        values["options"] = {**operation.options, service.CAN_CANCEL: False}
    if turn.is_finished:
        following = kind.after(step)
        ended = {"state": State.SUCCEEDED, "ended_at": db.now()}
        values |= ended if following is None else {"step": following.name}
    return values


def _is_refusal(fault: Exception) -> bool:
    unknown = isinstance(fault, Problem) and fault.code == "OperationUnknown"
    return unknown or (isinstance(fault, Problem) and fault.status in CLIENT_FAULTS)
