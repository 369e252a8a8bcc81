"""What page splits leave behind is zeroed in place: nothing that lives is touched, nothing that died stays."""

import os
import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold.storage.slack import UnknownLayout, layout_of, pages_in_log, wipe
from tests.storage.sqlite_pages import dead_bytes

SCHEMA = """
CREATE TABLE notes (row_id INTEGER PRIMARY KEY, name TEXT UNIQUE, body TEXT);
CREATE INDEX by_body ON notes (body, name);
CREATE TABLE tags (owner TEXT, key TEXT, value TEXT, PRIMARY KEY (owner, key)) WITHOUT ROWID;
"""


@pytest.fixture(params=[512, 4096, 65536])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "slack.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size={request.param}")
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript(SCHEMA)
    return path


def connected(path: Path) -> "closing[sqlite3.Connection]":
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA secure_delete=ON")
    return closing(connection)


def live_and_die(connection: sqlite3.Connection, seed: int, steps: int = 500) -> None:
    """Rows of all sizes come, grow, shrink and go, in no order: pages split, merge and overflow."""
    chance = random.Random(seed)
    connection.execute("BEGIN")
    for step in range(steps):
        name = f"{chance.getrandbits(64):016x}"
        body = name * chance.choice((1, 2, 8, 60, 700))
        connection.execute("INSERT INTO notes (name, body) VALUES (?, ?)", (name, body))
        connection.execute("INSERT INTO tags VALUES (?, ?, ?)", (name[:3], name, body[: chance.randrange(400)]))
        if step % 3 == 0:
            connection.execute("UPDATE notes SET body = body || ? WHERE row_id % 97 = ?", (name * 3, step % 97))
        if step % 2 == 0:
            connection.execute("DELETE FROM notes WHERE row_id = ?", (chance.randrange(step + 1),))
            connection.execute("DELETE FROM tags WHERE key < ? AND owner > ?", (name[:2], f"{255 - step % 250:02x}"))
    connection.execute("DELETE FROM notes WHERE row_id % 5 < 3")
    connection.execute("COMMIT")


def content(path: Path) -> list[tuple[str, ...]]:
    with connected(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return [*connection.execute("SELECT * FROM notes"), *connection.execute("SELECT * FROM tags")]


@pytest.fixture
def file(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("seed", range(3))
def test_no_byte_is_left_that_belongs_to_nothing(path: Path, seed: int) -> None:
    with connected(path) as connection:
        live_and_die(connection, seed)
    before = content(path)
    assert dead_bytes(path) > 0, "nothing was to be cleaned: the test proves nothing"
    descriptor = os.open(path, os.O_RDWR)
    layout = layout_of(descriptor)
    assert wipe(descriptor, layout, range(1, layout.pages + 1)) > 0
    assert wipe(descriptor, layout, range(1, layout.pages + 1)) == 0
    os.close(descriptor)
    assert dead_bytes(path) == 0
    assert content(path) == before


def test_only_the_pages_that_are_named_are_changed(path: Path) -> None:
    with connected(path) as connection:
        live_and_die(connection, seed=7)
    held = path.read_bytes()
    descriptor = os.open(path, os.O_RDWR)
    layout = layout_of(descriptor)
    chosen = [*range(2, layout.pages // 2, 3), layout.pages, layout.pages + 9]
    assert wipe(descriptor, layout, chosen) > 0
    os.close(descriptor)
    after = path.read_bytes()
    size = layout.page_size
    changed = {
        number
        for number in range(1, layout.pages + 1)
        if held[(number - 1) * size : number * size] != after[(number - 1) * size : number * size]
    }
    assert changed
    assert changed <= set(chosen)


def test_the_log_tells_every_page_that_was_written(path: Path, file: int) -> None:
    with connected(path) as connection:
        live_and_die(connection, seed=1)
        assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        before, size = path.read_bytes(), layout_of(file).page_size
        live_and_die(connection, seed=2, steps=60)
        touched = pages_in_log(path.with_name("slack.db-wal"), size).numbers
    after = path.read_bytes()  # the last connection has copied the log
    changed = {at // size + 1 for at in range(0, len(after), size) if before[at : at + size] != after[at : at + size]}
    assert changed
    assert changed <= touched


def test_what_the_log_held_before_it_began_anew_does_not_count(path: Path, file: int) -> None:
    with connected(path) as connection:
        live_and_die(connection, seed=1)
        log, size = path.with_name("slack.db-wal"), layout_of(file).page_size
        before = pages_in_log(log, size)
        assert connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0] == 0
        connection.execute("PRAGMA user_version = 7")
        after = pages_in_log(log, size)
        assert (set(after.numbers), after.frames) == ({1}, 1)
        assert before.frames > 1
        connection.execute("PRAGMA user_version = 8")
        assert pages_in_log(log, size, after.frames).frames == 2


def test_a_file_of_another_layout_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA auto_vacuum=FULL")
        connection.executescript(SCHEMA)
    for held in (path.read_bytes(), b"", b"no database" * 500):
        path.write_bytes(held)
        descriptor = os.open(path, os.O_RDWR)
        with pytest.raises(UnknownLayout):
            layout_of(descriptor)
        os.close(descriptor)
        assert path.read_bytes() == held


@pytest.mark.parametrize("path", [4096], indirect=True)
@pytest.mark.parametrize("damage", [b"\x0d\x00\x00\xff\xff\x00\x00", b"\x0d\x0f\xff\x00\x01\x0f\x00"])
def test_a_page_that_only_looks_like_a_trees_stops_it(path: Path, file: int, damage: bytes) -> None:
    with connected(path) as connection:
        live_and_die(connection, seed=3)
    layout = layout_of(file)
    os.pwrite(file, damage, layout.page_size)
    held = path.read_bytes()
    with pytest.raises(UnknownLayout):
        wipe(file, layout, [2])
    assert path.read_bytes() == held
