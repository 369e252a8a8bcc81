"""The database: SQLite with one writer and several readers, or PostgreSQL with a pool. Same face for both."""

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import sqlalchemy as sa

from freehold.kit.clock import Clock
from freehold.kit.ids import IdSource
from freehold.kit.problems import Away, InsufficientStorage, Unavailable
from freehold.settings import Settings
from freehold.storage.portable import (
    is_away,
    is_database_fault,
    is_disk_full,
    is_worth_a_retry,
    postgres_engine,
    sqlite_engine,
)
from freehold.storage.transaction import Transaction
from freehold.storage.write_ahead import WriteAheadLog
from freehold.storage.writer import Command, Exclusive, GroupWriter, Stream, follow, take_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from freehold.storage.keys import KeyStore

DATABASE_FILE = "freehold.db"
BUSY = 50
"""Commands of clients a second, from which on they count as writing. Those of threads (`write_now`) are our own."""
QUIET, FEW = 0.1, 3
"""Where so few have asked in so many seconds, and none waits, they have gone. Who asks for the operation is one."""
ATTEMPTS = 5
T = TypeVar("T")


class Database(Protocol):
    """A command or query is a plain function of a Transaction. An answer leaves after its commit."""

    is_embedded: bool
    engine: sa.Engine

    @property
    def clients_write(self) -> bool:
        """Whether clients write so much now that what holds the writer holds them up. Else, and where each has a
        connection of its own, False."""
        ...

    async def write(self, command: Callable[[Transaction], T]) -> T: ...
    async def read(self, query: Callable[[Transaction], T]) -> T: ...
    async def append(self, stream: Stream[Any, Any], key: Hashable, payload: Any) -> None: ...
    def write_now(self, command: Callable[[Transaction], T]) -> T: ...
    def read_now(self, query: Callable[[Transaction], T]) -> T: ...
    def close(self) -> None: ...


def open_database(
    settings: Settings, clock: Clock, ids: IdSource, keys: "KeyStore", *, scratch: Path | None = None
) -> Database:
    """`scratch`: a folder for what SQLite sorts, where that may be more than memory should hold."""
    if settings.is_embedded:
        path = settings.data_folder / DATABASE_FILE
        return SqliteDatabase(
            path,
            clock,
            ids,
            keys,
            driver=settings.sqlite_driver,
            readers=settings.readers,
            scratch=scratch,
        )
    return PostgresDatabase(settings.database, clock, ids, keys, threads=max(settings.readers, 8))


class SqliteDatabase:
    is_embedded = True

    def __init__(
        self,
        path: Path,
        clock: Clock,
        ids: IdSource,
        keys: "KeyStore",
        *,
        driver: str = "sqlite3",
        readers: int = 4,
        scratch: Path | None = None,
    ) -> None:
        self.path = path
        self.engine = sqlite_engine(path, driver, scratch=scratch)
        self._sources = (clock, ids, keys)
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="freehold-reader")
        self._local = threading.local()
        self._connections: list[sa.Connection] = []
        self._gate = ReaderGate()
        self._opening = threading.Lock()
        self._file: int | None = None
        self._gathered: dict[asyncio.AbstractEventLoop, list[Command]] = {}
        self._asked: deque[float] = deque(maxlen=BUSY)
        self._waiting: set[_AwaitedBy] = set()
        self.engine.connect().close()  # what cannot be opened is told here, and not by the end of the writer's thread
        self._writer = GroupWriter(self.engine, self._transaction, _settle, WriteAheadLog(path, self.beside))

    @property
    def clients_write(self) -> bool:
        asked, now = self._asked, time.monotonic()
        if len(asked) < BUSY or now - asked[0] >= 1.0:
            return False
        return bool(self._waiting) or now - asked[-FEW] < QUIET

    async def write(self, command: Callable[[Transaction], T]) -> T:
        waits = _AwaitedBy()
        result: T = await self._gather(waits, Command(command, waits))
        return result

    async def append(self, stream: Stream[Any, Any], key: Hashable, payload: Any) -> None:
        """Write `payload` to `stream`; payloads that wait together are written together."""
        waits = _AwaitedBy()
        await self._gather(waits, Command(None, waits, stream, key, payload))

    async def read(self, query: Callable[[Transaction], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, self.read_now, query)

    def write_now(self, command: Callable[[Transaction], T]) -> T:
        """As `write`, from a thread that may wait. Never from the event loop or from inside a command."""
        future: Future[T] = Future()
        self._writer.submit([Command(command, _WaitedBy(future))])
        return future.result()

    def read_now(self, query: Callable[[Transaction], T]) -> T:
        """One snapshot for the whole query, on this thread's own connection."""
        with self._gate.reading():
            connection = self._connection()
            raw: Any = connection.connection.driver_connection
            raw.execute("BEGIN")
            try:
                return query(self._transaction(connection))
            finally:
                raw.execute("ROLLBACK")

    def exclusively(self, call: Callable[[Any], T]) -> T:
        """Run `call(raw sqlite3 connection)` on the writer's thread, outside a transaction, no reader inside."""
        with self._gate.closed():
            future: Future[T] = Future()
            self._writer.submit([Exclusive(call, future)])
            return future.result()

    def beside(self, call: Callable[[Any], T]) -> T:
        """Run `call(raw sqlite3 connection)` on this thread's own connection, outside a transaction: nobody waits."""
        with self._gate.reading():
            return call(self._connection().connection.driver_connection)

    @contextmanager
    def another(self) -> "Iterator[Any]":
        """A raw sqlite3 connection of its own, outside a transaction, for any thread."""
        with self.engine.connect() as connection:
            yield connection.connection.driver_connection

    @property
    def file(self) -> int:
        """The database's file, open for whoever looks at its bytes.

        Opened once and closed last: closing any descriptor of a file drops the locks that this process has on it,
        also those of SQLite's connections.
        """
        with self._opening:
            if self._file is None:
                self._file = os.open(self.path, os.O_RDWR)
            return self._file

    def close(self) -> None:
        self._writer.close()
        self._readers.shutdown(wait=True)
        for connection in self._connections:
            connection.close()
        self.engine.dispose()
        if self._file is not None:
            os.close(self._file)

    async def _gather(self, waits: "_AwaitedBy", command: Command) -> Any:
        """What comes in one turn of the event loop is handed over at once, so that the writer is woken once."""
        gathered = self._gathered.get(waits.loop)
        if gathered is None:
            gathered = self._gathered[waits.loop] = []
            waits.loop.call_soon(self._hand_over, waits.loop)
        gathered.append(command)
        self._asked.append(time.monotonic())
        self._waiting.add(waits)
        try:
            return await waits.future
        finally:
            self._waiting.discard(waits)

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        commands = self._gathered.pop(loop)
        try:
            self._writer.submit(commands)
        except Unavailable as fault:
            for command in commands:
                command.fault = fault
            _settle_all(commands)

    def _transaction(self, connection: sa.Connection) -> Transaction:
        return Transaction(connection, *self._sources)

    def _connection(self) -> sa.Connection:
        connection: sa.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self.engine.connect()
            raw: Any = connection.connection.driver_connection
            raw.execute("PRAGMA query_only=ON")
            self._connections.append(connection)
        return connection


class PostgresDatabase:
    is_embedded = False
    clients_write = False

    def __init__(self, url: str, clock: Clock, ids: IdSource, keys: "KeyStore", *, threads: int) -> None:
        self.engine = postgres_engine(url, threads)
        self._sources = (clock, ids, keys)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="freehold-database")

    async def write(self, command: Callable[[Transaction], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.write_now, command)

    async def read(self, query: Callable[[Transaction], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_now, query)

    async def append(self, stream: Stream[Any, Any], key: Hashable, payload: Any) -> None:
        await self.write(lambda db: stream.apply(db, {key: [payload]}))

    def write_now(self, command: Callable[[Transaction], T]) -> T:
        """A transaction, run again when PostgreSQL asks for it (deadlock, serialisation). Raises Away."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._write_once(command)
            except Exception as fault:
                if is_away(fault):
                    raise _away() from fault
                if is_database_fault(fault) and is_disk_full(fault):
                    message = "The database's disk is full: nothing was written. Free some space and try again."
                    raise InsufficientStorage("InsufficientStorage", message) from fault
                if attempt == ATTEMPTS or not is_worth_a_retry(fault):
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def read_now(self, query: Callable[[Transaction], T]) -> T:
        """One snapshot for the whole query. Raises Away."""
        try:
            return self._read_once(query)
        except Exception as fault:
            if is_away(fault):
                raise _away() from fault
            raise

    def _read_once(self, query: Callable[[Transaction], T]) -> T:
        with self.engine.connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                return query(self._transaction(connection))

    def close(self) -> None:
        self._threads.shutdown(wait=True)
        self.engine.dispose()

    def _transaction(self, connection: sa.Connection) -> Transaction:
        return Transaction(connection, *self._sources)

    def _write_once(self, command: Callable[[Transaction], T]) -> T:
        undoing: list[Callable[[], object]] = []
        try:
            with self.engine.begin() as connection:
                db = self._transaction(connection)
                try:
                    result = command(db)
                finally:
                    undoing = db.take_if_undone()
        except BaseException:
            take_back(undoing)
            raise
        follow(db.take_after_commit())
        return result


def _away() -> Away:
    """A commit whose answer was lost may stand."""
    message = "The database does not answer, or broke off: what was asked may be done or not. Try again in a moment."
    return Away("DatabaseUnavailable", message)


class ReaderGate:
    """Lets readers through, or closes and waits until none is inside: a checkpoint needs that to truncate."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._inside = 0
        self._is_closed = False

    @contextmanager
    def reading(self) -> "Iterator[None]":
        with self._condition:
            self._condition.wait_for(lambda: not self._is_closed)
            self._inside += 1
        try:
            yield
        finally:
            with self._condition:
                self._inside -= 1
                self._condition.notify_all()

    @contextmanager
    def closed(self) -> "Iterator[None]":
        with self._condition:
            self._condition.wait_for(lambda: not self._is_closed)
            self._is_closed = True
            self._condition.wait_for(lambda: self._inside == 0)
        try:
            yield
        finally:
            with self._condition:
                self._is_closed = False
                self._condition.notify_all()


class _AwaitedBy:
    """Delivers to a coroutine; a whole group with one wake-up of its loop (see _settle)."""

    __slots__ = ("future", "loop")

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()

    def __call__(self, command: Command) -> None:
        if self.future.done():  # its client went away
            return
        if command.fault is None:
            self.future.set_result(command.result)
        else:
            self.future.set_exception(command.fault)


class _WaitedBy:
    """Delivers to a waiting thread."""

    __slots__ = ("future",)

    def __init__(self, future: "Future[Any]") -> None:
        self.future = future

    def __call__(self, command: Command) -> None:
        if command.fault is None:
            self.future.set_result(command.result)
        else:
            self.future.set_exception(command.fault)


def _settle(commands: list[Command]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[Command]] = {}
    for command in commands:
        if isinstance(command.settle, _AwaitedBy):
            by_loop.setdefault(command.settle.loop, []).append(command)
        else:
            command.settle(command)
    for loop, members in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle_all, members)


def _settle_all(commands: list[Command]) -> None:
    for command in commands:
        command.settle(command)
