"""Work that rests keeps SQLite's log from nothing meanwhile: in a rest no state of the database is held."""

import base64
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from freehold.domain.runs.service import set_tags
from freehold.kit import breath
from freehold.lifecycle import export_task
from freehold.lifecycle.search import search
from tests.conftest import House
from tests.lifecycle.export.content import LocalBench, add_experiment, add_run, export, fill


@pytest.fixture
def in_each_rest(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], object]], None]]:
    """This process rests after the least piece of work; what is given is done then."""
    monkeypatch.setattr(breath, "SHORTEST_WORK", 0.0)
    monkeypatch.setattr(breath, "_mine", threading.local())

    def begin(look: Callable[[], object]) -> None:
        monkeypatch.setattr(time, "sleep", lambda seconds: look())
        breath.give_way()

    yield begin
    breath.give_way(0.0)


def test_the_log_can_begin_anew_whenever_a_search_rests(
    house: House, in_each_rest: Callable[[Callable[[], object]], None]
) -> None:
    many_rows(house)
    file, hindered = house.settings.data_folder / "freehold.db", list[bool]()

    def look() -> None:
        with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as other:
            (version,) = other.execute("PRAGMA user_version").fetchone()
            other.execute(f"PRAGMA user_version = {version}")  # a commit, so that there is a newer state
            hindered.append(bool(other.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()[0]))

    in_each_rest(look)
    needle = base64.b64encode(b"what nobody has ever written").decode()
    search(LocalBench(house), {"erasures": [{"ids": [], "values": [needle]}], "born_at": 0})
    assert len(hindered) > 5
    assert not any(hindered)


def many_rows(house: House) -> None:
    """So many of one table that they are searched in several pieces."""
    run_id = add_run(house, add_experiment(house, "large"), "large")
    for number in range(10):
        tags = {f"{number}-{key}": "much to be read " * 500 for key in "abcdefgh"}
        house.database.write_now(lambda db, tags=tags: set_tags(db, house.alice, house.workspace, run_id, tags))  # type: ignore[misc]  # binds the loop's value


def test_an_export_rests_but_shortly_while_its_snapshot_is_taken(
    house: House, in_each_rest: Callable[[Callable[[], object]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(house)
    rests, before = list[float](), list[int]()
    monkeypatch.setattr(
        export_task, "passing", lambda point: before.append(len(rests)) if point == "export:snapshot:taken" else None
    )
    monkeypatch.setattr(export_task, "RESTS_IN_SNAPSHOT", 1e-9)
    in_each_rest(lambda: rests.append(time.perf_counter()))
    export(house, "01890000-0000-7000-8000-000000000001")
    assert before == [1]
    assert len(rests) > 5
