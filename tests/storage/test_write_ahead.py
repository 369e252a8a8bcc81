"""The write-ahead log is copied beside the writer: it stays short, and no commit waits for it or fails by it."""

import errno
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.kit.problems import InsufficientStorage
from freehold.records.containers import Subscription
from freehold.storage import write_ahead
from freehold.storage.database import SqliteDatabase
from freehold.storage.transaction import Transaction
from freehold.storage.write_ahead import MOST, PAGES, _next_number
from tests.conftest import House
from tests.patience import patient

PAGE = 4_096
SOON = patient(20)
ENDED = 0.2
"""Seconds, in which a thread that dies behind a commit has died."""


@pytest.fixture
def database(sqlite_house: House) -> SqliteDatabase:
    assert isinstance(sqlite_house.database, SqliteDatabase)
    return sqlite_house.database


def add(number: int) -> Callable[[Transaction], None]:
    def command(db: Transaction) -> None:
        row = {"subscription_id": f"s-{number:06d}", "display_name": "x" * 200, "created_at": number}
        db.execute(Subscription.table.insert().values(row))

    return command


def write(database: SqliteDatabase, numbers: range) -> None:
    for number in numbers:
        database.write_now(add(number))


def log_size(database: SqliteDatabase) -> int:
    return Path(f"{database.path}-wal").stat().st_size


def pages_in_log(database: SqliteDatabase) -> int:
    return database.beside(write_ahead.copy_log).pages


def test_the_log_stays_short_without_a_copy_in_any_commit(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write_ahead, "PAGES", 100)
    threads: set[str] = set()
    copy = write_ahead.copy_log

    def seen(raw: object) -> write_ahead.Copied:
        threads.add(threading.current_thread().name)
        return copy(raw)

    monkeypatch.setattr(write_ahead, "copy_log", seen)
    for turn in range(20):
        write(database, range(turn * 300, (turn + 1) * 300))
        time.sleep(0.01)  # for the thread beside, which else has a machine of one processor to itself too seldom
    assert any(name.startswith("freehold-log") for name in threads)
    assert "freehold-writer" in threads, "what came meanwhile is left to the writer, behind a commit"
    assert log_size(database) < 6_000 * PAGE, "each of 6,000 commits wrote a page at least"


def test_a_reader_that_stays_holds_up_no_commit_and_the_log_begins_anew_behind_it(database: SqliteDatabase) -> None:
    with sqlite3.connect(database.path, isolation_level=None) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM subscriptions").fetchone() is not None
        write(database, range(3_000))
        assert pages_in_log(database) >= 3_000
        reader.execute("ROLLBACK")
    ends = time.monotonic() + SOON
    number = 3_000
    while pages_in_log(database) >= 3_000:
        assert time.monotonic() < ends, "the log never began anew"
        write(database, range(number, number + 200))
        number += 200
    assert database.read_now(lambda db: db.execute(sa.select(sa.func.count()).select_from(Subscription.table)).scalar())


def test_a_copy_that_fails_is_told_and_tried_again_and_every_commit_stands(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[str] = []

    def fail(raw: object) -> write_ahead.Copied:
        asked.append(threading.current_thread().name)
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(write_ahead, "copy_log", fail)
    ends, number = time.monotonic() + SOON, 0
    with caplog.at_level(logging.WARNING):
        while len(asked) < 2:
            assert time.monotonic() < ends, "it was not tried again"
            write(database, range(number, number + 100))
            number += 100
    assert "the log was not copied" in caplog.text
    count = sa.select(sa.func.count()).where(Subscription.c.subscription_id.startswith("s-"))
    assert database.read_now(lambda db: db.execute(count).scalar()) == number


def test_a_database_is_closed_while_its_log_is_copied(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, copy = threading.Event(), write_ahead.copy_log

    def slowly(raw: object) -> write_ahead.Copied:
        begun.set()
        time.sleep(0.3)
        return copy(raw)

    monkeypatch.setattr(write_ahead, "copy_log", slowly)
    number = 0
    while not begun.is_set():
        write(database, range(number, number + 100))
        number += 100
    database.close()
    with sqlite3.connect(database.path) as after:
        found = after.execute("SELECT count(*) FROM subscriptions WHERE subscription_id LIKE 's-%'").fetchone()
    assert found == (number,)


@pytest.mark.parametrize(
    ("before", "changes", "pages", "expected"),
    [
        (1_000, 1_000, PAGES, 1_000),
        (1_000, 1_000, PAGES * 3 // 2, 666),
        (1_000, 10, PAGES // 2, 20),
        (1_000, 1, 100 * PAGES, 1),
        (1_000, 1_000, 1, 2_000),
        (1_000, 1_000, 0, 2_000),
        (MOST, MOST, 1, MOST),
    ],
)
def test_how_often_is_learnt_from_what_the_log_held(before: int, changes: int, pages: int, expected: int) -> None:
    assert _next_number(before, changes, pages) == expected


def test_a_commit_without_room_is_followed_by_a_copy(database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the next one finds the log at its beginning."""
    threads, copy = list[str](), write_ahead.copy_log

    def seen(raw: object) -> write_ahead.Copied:
        threads.append(threading.current_thread().name)
        return copy(raw)

    def fill_up(raw: sqlite3.Connection) -> None:
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
        raw.execute(f"PRAGMA max_page_count = {pages}").fetchone()

    write(database, range(10))
    database.exclusively(fill_up)
    monkeypatch.setattr(write_ahead, "copy_log", seen)
    with pytest.raises(InsufficientStorage):
        write(database, range(10, 2_000))
    assert threads == ["freehold-writer"]
    database.exclusively(lambda raw: raw.execute("PRAGMA max_page_count = 1000000").fetchone())
    write(database, range(5_000, 5_010))


def test_a_log_that_nobody_may_look_at_ends_no_writer(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = Path.stat

    def denied(path: Path, **options: bool) -> os.stat_result:
        if path.name.endswith("-wal"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return stat(path, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Path, "stat", denied)
        write(database, range(1))
        database._writer._thread.join(ENDED)
        assert database._writer._thread.is_alive(), "all that is written from now on would wait for ever"
        write(database, range(1, 2))


def test_few_rows_that_fill_many_pages_are_copied_too(database: SqliteDatabase) -> None:
    def add_large(db: Transaction) -> None:
        row = {"subscription_id": f"l-{len(sizes)}", "display_name": "x" * 500_000, "created_at": 1}
        db.execute(Subscription.table.insert().values(row))

    sizes: list[int] = []
    for _ in range(60):
        database.write_now(add_large)
        sizes.append(log_size(database))
        time.sleep(0.01)
    assert max(sizes) < 60 * 500_000 // 2
