"""A database is cleaned in place while others write to it: nothing dead stays, nothing that lives is harmed."""

import random
import shutil
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.lifecycle import cleaning
from freehold.storage import write_ahead
from freehold.storage.database import SqliteDatabase
from freehold.storage.transaction import Transaction
from tests.conftest import House
from tests.storage.sqlite_pages import dead_bytes

ROWS = 4_000


@dataclass
class Context:
    """As much of an operation's as the cleaning asks for."""

    database: SqliteDatabase
    stopping: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None: ...

    def rest(self, seconds: float) -> None: ...


@pytest.fixture
def database(sqlite_house: House) -> SqliteDatabase:
    """With a table whose rows came in no order and went: full of slack."""
    database = sqlite_house.database
    assert isinstance(database, SqliteDatabase)
    database.write_now(run("CREATE TABLE notes (row_id INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT)"))
    names = random.Random(4).sample(range(10 * ROWS), ROWS)
    database.write_now(
        run("INSERT INTO notes (name, body) VALUES (?, ?)", [(f"name-{n:06d}", "x" * (n % 90)) for n in names])
    )
    database.write_now(run("UPDATE notes SET body = body || body || name WHERE row_id % 3 = 0"))
    database.write_now(run("DELETE FROM notes WHERE row_id % 2 = 0"))
    copy_log(database)
    assert dead_bytes(database.path) > 0, "nothing is to be cleaned: the tests prove nothing"
    return database


def run(sql: str, rows: list[tuple[Any, ...]] | None = None) -> Callable[[Transaction], None]:
    def command(db: Transaction) -> None:
        raw: Any = db.connection.connection.driver_connection
        raw.executemany(sql, rows) if rows is not None else raw.execute(sql)

    return command


def copy_log(database: SqliteDatabase) -> None:
    assert database.exclusively(cleaning._empty_log)


def clean(database: SqliteDatabase) -> bool:
    return cleaning._wipe_slack(Context(database), database)  # type: ignore[arg-type]  # as much of it as is asked for


def at(monkeypatch: pytest.MonkeyPatch, point: str, call: Callable[[], object]) -> None:
    monkeypatch.setattr(cleaning, "passing", lambda passed: call() if passed == point else None)


def test_nothing_dead_stays(database: SqliteDatabase) -> None:
    assert clean(database)
    assert dead_bytes(database.path) == 0


def test_pages_written_meanwhile_are_cleaned_too(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their writer remembers them as they were before."""
    at(monkeypatch, "erase:slack:wiped", lambda: database.write_now(run("UPDATE notes SET name = upper(name)")))
    assert clean(database)
    assert dead_bytes(database.path) == 0


def test_pages_that_a_connection_remembers_do_not_come_back(database: SqliteDatabase) -> None:
    """Changes of the same length move no cell, so that all that is dead afterwards was dead before."""
    in_place = run("UPDATE notes SET body = replace(body, 'x', 'y')")
    database.write_now(in_place)
    copy_log(database)
    database.write_now(lambda db: db.execute(sa.text("SELECT sum(length(body)) FROM notes")).scalar())
    assert clean(database)
    database.write_now(run("UPDATE notes SET body = replace(body, 'y', 'z')"))
    copy_log(database)
    assert dead_bytes(database.path) == 0


def test_the_log_waits_while_the_file_is_cleaned(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a writer with a long log nor a checkpoint copies anything into the file then."""
    held: list[bytes] = []

    def write_much() -> None:
        held.append(database.path.read_bytes())
        for _ in range(5):
            database.write_now(run("UPDATE notes SET body = body || hex(randomblob(200))"))
        database.beside(write_ahead.copy_log)
        held.append(database.path.read_bytes())

    at(monkeypatch, "erase:log:kept", write_much)
    assert clean(database)
    assert held[0] == held[1]
    assert dead_bytes(database.path) == 0


def test_the_file_of_the_log_is_empty_afterwards(database: SqliteDatabase) -> None:
    database.write_now(run("UPDATE notes SET body = body || hex(randomblob(200))"))
    assert log_size(database) > 0
    assert clean(database)
    assert log_size(database) == 0


def test_while_clients_write_the_file_of_the_log_is_cut_off_bit_by_bit(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A server that dies in between loses nothing: what is left of the log by then is no older state."""
    monkeypatch.setattr(SqliteDatabase, "clients_write", property(lambda _: True))
    monkeypatch.setattr(cleaning, "CUT", 1 << 17)
    write = run("UPDATE notes SET body = hex(randomblob(200))")
    for _ in range(3):
        database.write_now(write)
    before, sizes = log_size(database), []
    cut = cleaning._cut

    def seen(log: Path, size: int, raw: Any) -> bool:
        for _ in range(3):
            raw.execute("BEGIN")
            raw.execute("UPDATE notes SET body = hex(randomblob(200))")
            raw.execute("COMMIT")
        standing = raw.execute("SELECT * FROM notes ORDER BY row_id").fetchall()
        assert cut(log, size, raw)
        sizes.append(log_size(database))
        assert rows_after_death(database, tmp_path / str(size)) == standing
        return True

    monkeypatch.setattr(cleaning, "_cut", seen)
    assert clean(database)
    assert len(sizes) >= before // (1 << 17) - 1 > 3
    assert log_size(database) == 0
    assert dead_bytes(database.path) == 0


@pytest.mark.parametrize("clients_write", [False, True])
def test_rows_stand_and_writers_go_on(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, clients_write: bool
) -> None:
    monkeypatch.setattr(SqliteDatabase, "clients_write", property(lambda _: clients_write))
    monkeypatch.setattr(cleaning, "CUT", 1 << 15)
    before = rows(database)
    ended = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not ended.is_set():
            number = len(written)
            database.write_now(
                run("INSERT INTO notes VALUES (?, ?, ?)", [(10**6 + number, f"new-{number}", "n" * 300)])
            )
            database.write_now(run("DELETE FROM notes WHERE row_id = ?", [(10**6 + number - 5,)]))
            written.append(number)

    writer = threading.Thread(target=write)
    writer.start()
    done = [clean(database) for _ in range(15)]
    ended.set()
    writer.join()
    assert all(done)
    assert len(written) > 15
    after = rows(database)
    assert [row for row in after if row[0] < 10**6] == before
    assert [row[0] - 10**6 for row in after if row[0] >= 10**6] == written[-5:]
    checked = database.read_now(lambda db: db.execute(sa.text("PRAGMA integrity_check")).scalars().all())
    assert checked == ["ok"]


def test_a_reader_of_an_older_state_is_waited_for(database: SqliteDatabase) -> None:
    with database.another() as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM notes").fetchone()
        database.write_now(run("DELETE FROM notes WHERE row_id % 7 = 0"))
        assert not clean(database)
        reader.execute("ROLLBACK")
    assert clean(database)


def test_a_file_that_cannot_be_cleaned_in_place_is_written_anew(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.storage.slack.MOST_PAGES", 2)
    before = rows(database)
    assert clean(database)
    assert rows(database) == before
    assert log_size(database) == 0


def rows_after_death(database: SqliteDatabase, folder: Path) -> list[tuple[Any, ...]]:
    """What whoever opens the files finds if all processes end now."""
    folder.mkdir()
    for name in (database.path.name, f"{database.path.name}-wal"):
        shutil.copy(database.path.with_name(name), folder / name)
    with closing(sqlite3.connect(folder / database.path.name)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return connection.execute("SELECT * FROM notes ORDER BY row_id").fetchall()


def log_size(database: SqliteDatabase) -> int:
    return Path(f"{database.path}-wal").stat().st_size


def rows(database: SqliteDatabase) -> list[tuple[Any, ...]]:
    return database.read_now(
        lambda db: [tuple(row) for row in db.execute(sa.text("SELECT * FROM notes ORDER BY row_id"))]
    )
