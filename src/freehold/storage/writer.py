"""Group commit: one thread writes SQLite; commands that wait while a commit is on its way share the next one."""

import logging
import queue
import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import sqlalchemy as sa

from freehold.kit.problems import InsufficientStorage, Problem, Unavailable
from freehold.storage.denied import DATABASE, denied
from freehold.storage.portable import is_denied, is_disk_full
from freehold.storage.transaction import Transaction
from freehold.storage.write_ahead import WriteAheadLog

log = logging.getLogger("freehold.storage")
LARGEST_GROUP = 512
T = TypeVar("T")
Key = TypeVar("Key")
Payload = TypeVar("Payload")


class Stream(Protocol[Key, Payload]):
    """A kind of append whose payloads that wait together are written together."""

    def apply(self, db: Transaction, batches: dict[Key, list[Payload]]) -> None:
        """Write all payloads of all keys. Raises for all of them; each is then tried alone."""
        ...


@dataclass(slots=True)
class Command:
    """A call on the writer's thread. `stream` set: the call may be joined with others of its stream."""

    call: Callable[[Transaction], Any] | None
    settle: Callable[["Command"], None]
    stream: Stream[Any, Any] | None = None
    key: Hashable = None
    payload: Any = None
    result: Any = None
    fault: BaseException | None = None
    after: list[Callable[[], None]] = field(default_factory=list)
    undoing: list[Callable[[], object]] = field(default_factory=list)


@dataclass(slots=True)
class Exclusive(Generic[T]):
    """A call outside any transaction, with the writer's connection to itself (VACUUM, checkpoint)."""

    call: Callable[[Any], T]
    future: "Future[T]"


class GroupWriter:
    """Owns the one writing connection. `settle_many` delivers a group's results in one go."""

    def __init__(
        self,
        engine: sa.Engine,
        transaction: Callable[[sa.Connection], Transaction],
        settle_many: Callable[[list[Command]], None],
        write_ahead: WriteAheadLog,
    ) -> None:
        self._engine = engine
        self._transaction = transaction
        self._settle_many = settle_many
        self._write_ahead = write_ahead
        self._queue: queue.SimpleQueue[Sequence[Command | Exclusive[Any]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="freehold-writer", daemon=True)
        self._open = True
        self._thread.start()

    def submit(self, commands: "Sequence[Command | Exclusive[Any]]") -> None:
        """Commands that came together, so that the thread is woken once for all of them."""
        if not self._open:
            raise Unavailable("ServerStopping", "The server is stopping. Try again in a moment.")
        self._queue.put(commands)

    def close(self) -> None:
        """Finish what is queued, then stop."""
        if self._open:
            self._open = False
            self._queue.put(None)
            self._thread.join()
            self._write_ahead.close()

    def _run(self) -> None:
        with self._engine.connect() as connection:
            raw = connection.connection.driver_connection
            self._write_ahead.take_over(raw)
            while (items := self._queue.get()) is not None:
                group = list(items)
                stopping = self._drain_into(group)
                self._serve(connection, raw, group)
                if stopping:
                    return

    def _drain_into(self, group: list[Command | Exclusive[Any]]) -> bool:
        while len(group) < LARGEST_GROUP:
            try:
                items = self._queue.get_nowait()
            except queue.Empty:
                return False
            if items is None:
                return True
            group.extend(items)
        return False

    def _serve(self, connection: sa.Connection, raw: Any, group: list[Command | Exclusive[Any]]) -> None:
        commands: list[Command] = []
        for item in group:
            if isinstance(item, Exclusive):
                self._commit(connection, raw, commands)
                commands = []
                _run_exclusive(item, raw)
            else:
                commands.append(item)
        self._commit(connection, raw, commands)

    def _commit(self, connection: sa.Connection, raw: Any, commands: list[Command]) -> None:
        if not commands:
            return
        try:
            raw.execute("BEGIN IMMEDIATE")
            if not self._run_together(connection, raw, commands):
                raw.execute("BEGIN IMMEDIATE")
                self._run_apart(connection, raw, commands)
            raw.execute("COMMIT")
        except Exception as fault:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            if is_disk_full(fault):
                self._write_ahead.make_room(raw)
            _take_back(commands)
            for command in commands:
                command.fault, command.after = _as_problem(fault), []
        for command in commands:
            follow(command.after)
        self._settle_many(commands)
        self._write_ahead.after_commit(raw)

    def _run_together(self, connection: sa.Connection, raw: Any, commands: list[Command]) -> bool:
        """Without savepoints, which cost as much as a small write. If one fails, all are undone, to be run apart."""
        try:
            for members in _joined(commands):
                db = self._transaction(connection)
                _call(db, members)
                members[0].after = db.take_after_commit()
        except Exception as fault:
            if is_disk_full(fault):
                raise
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            _take_back(commands)
            for command in commands:
                command.result, command.after = None, []
            return False
        return True

    def _run_apart(self, connection: sa.Connection, raw: Any, commands: list[Command]) -> None:
        for members in _joined(commands):
            self._run_joined(connection, raw, members)

    def _run_joined(self, connection: sa.Connection, raw: Any, members: list[Command]) -> None:
        self._run_one(connection, raw, members)
        if members[0].fault is not None and len(members) > 1:
            for member in members:
                member.fault = None
                self._run_one(connection, raw, [member])

    def _run_one(self, connection: sa.Connection, raw: Any, members: list[Command]) -> None:
        """One savepoint: a command that fails undoes itself and never its group."""
        db = self._transaction(connection)
        raw.execute("SAVEPOINT command")
        try:
            _call(db, members)
        except Exception as fault:
            if not raw.in_transaction:  # SQLite undid the whole transaction: disk full, I/O error
                raise
            raw.execute("ROLLBACK TO command")
            raw.execute("RELEASE command")
            if is_disk_full(fault):
                raise
            _take_back(members)
            for member in members:
                member.fault = fault
            return
        raw.execute("RELEASE command")
        members[0].after = db.take_after_commit()


def _joined(commands: list[Command]) -> Iterable[list[Command]]:
    """Commands in their order; appends to one stream as one, after the others."""
    joined: dict[int, list[Command]] = {}
    for command in commands:
        if command.stream is None:
            yield [command]
        else:
            joined.setdefault(id(command.stream), []).append(command)
    yield from joined.values()


def follow(actions: list[Callable[[], None]]) -> None:
    """What follows a commit. The commit stands whatever becomes of these, so a fault is logged and the rest goes on."""
    for action in actions:
        try:
            action()
        except Exception as fault:
            log.error("what follows a commit failed", extra={"fault": type(fault).__name__})


def take_back(actions: list[Callable[[], object]]) -> None:
    """What an undone transaction did outside the database; a fault is logged and the rest goes on."""
    for action in actions:
        try:
            action()
        except Exception as fault:
            log.error("what was undone has left something", extra={"fault": type(fault).__name__})


def _take_back(commands: list[Command]) -> None:
    for command in reversed(commands):
        actions, command.undoing = command.undoing, []
        take_back(actions)


def _call(db: Transaction, members: list[Command]) -> None:
    try:
        _run(db, members)
    finally:
        members[0].undoing = db.take_if_undone()


def _run(db: Transaction, members: list[Command]) -> None:
    first = members[0]
    if first.stream is not None:
        batches: dict[Hashable, list[Any]] = {}
        for member in members:
            batches.setdefault(member.key, []).append(member.payload)
        first.stream.apply(db, batches)
    elif first.call is not None:
        first.result = first.call(db)


def _run_exclusive(item: Exclusive[Any], raw: Any) -> None:
    try:
        item.future.set_result(item.call(raw))
    except Exception as fault:
        item.future.set_exception(_as_problem(fault))


def _as_problem(fault: Exception) -> Exception:
    if isinstance(fault, Problem):
        return fault
    if is_disk_full(fault):
        message = "The disk is full: nothing was written. Reading still works; free some space and try again."
        return InsufficientStorage("InsufficientStorage", message)
    if is_denied(fault):
        return denied(DATABASE)
    return fault
