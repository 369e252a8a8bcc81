"""Operations of a deployment: PostgreSQL, several workers, one of them killed for good."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from freehold.operations.model import State
from freehold.operations.workflows import AT_ONCE
from tests.operations.conftest import Site, end, until
from tests.operations.test_running import ALL
from tests.postgres import PostgresServer

AWAY_SECONDS = 12
RARELY = "600"
"""Seconds between sweeps: whoever waits for the fourth of them does not end in time."""


@pytest.fixture
def site(tmp_path: Path, postgres: PostgresServer) -> Iterator[Site]:
    made = Site(tmp_path / "data", postgres.make_database())
    made.data.mkdir()
    yield made
    end(made)


@pytest.mark.parametrize("moment", ["inside", "after"])
def test_killed_it_resumes_and_finishes_once(site: Site, moment: str) -> None:
    code, (operation_id, *_) = site.run("--request", "erase", "--until-ended", fault=f"erase:rows:{moment}")
    assert code == 137
    assert site.run("--until-ended")[0] == 0
    assert site.marks(operation_id) == ALL
    assert site.operation(operation_id).fence == len(ALL)


def test_another_worker_takes_over_from_one_that_never_returns(site: Site) -> None:
    (site.data / "hold").touch()
    first = site.start("--executor", "first", "--request", "erase")
    until(lambda: "file" in site.work())
    os.kill(first.pid, signal.SIGKILL)
    assert first.stdout is not None
    operation_id = first.stdout.readline().strip()
    (site.data / "hold").unlink()
    assert site.run("--executor", "second", "--until-ended")[0] == 0
    assert site.operation(operation_id).state is State.SUCCEEDED
    assert site.marks(operation_id) == ALL


def test_a_worker_that_lives_is_not_robbed(site: Site) -> None:
    """It holds its step for longer than a dead worker would be given; a second worker only looks on."""
    (site.data / "hold").touch()
    first = site.start("--executor", "first", "--request", "erase")
    until(lambda: "file" in site.work())
    second = site.start("--executor", "second")
    with pytest.raises(AssertionError, match="in time"):
        until(lambda: site.work() != ["file"], patience=8)
    (site.data / "hold").unlink()
    assert first.stdout is not None
    operation_id = first.stdout.readline().strip()
    until(lambda: site.operation(operation_id).is_ended)
    assert site.marks(operation_id) == ALL
    assert [site.stop(process) for process in (first, second)] == [0, 0]


def test_a_worker_that_was_taken_for_dead_goes_on_and_ends_in_good_order(site: Site) -> None:
    """It slept for too long, and what it works on was given back to all: so another worker does it."""
    (site.data / "hold").touch()
    first = site.start("--executor", "first", "--request", "erase", "--until-ended")
    until(lambda: "file" in site.work())
    with psycopg.connect(site.url) as connection:
        connection.execute("UPDATE dbos.workflow_status SET status = 'ENQUEUED', owner_xid = NULL")
    (site.data / "hold").unlink()
    assert first.stdout is not None
    operation_id = first.stdout.readline().strip()
    assert site.stop(first) == 0
    assert site.operation(operation_id).state is State.SUCCEEDED
    assert site.marks(operation_id) == ALL


def test_nothing_of_an_ended_operation_stays_in_the_engines_tables(site: Site) -> None:
    _, ids = site.run("--request", "erase", "broken", "--until-ended")
    with psycopg.connect(site.url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'dbos'").fetchall()
        text = "\n".join(str(connection.execute(f'TABLE dbos."{name}"').fetchall()) for (name,) in tables)
    assert tables
    assert not any(operation_id in text for operation_id in ids)


def test_those_that_wait_leave_room_for_what_they_wait_for(site: Site) -> None:
    """More of them than one worker takes out of the queue."""
    asked = ["--request", *["waiting"] * (AT_ONCE + 1), "speaking"]
    code, operations = site.run(*asked, "--until-ended")
    assert code == 0
    assert {site.operation(each).state for each in operations} == {State.SUCCEEDED}


def test_what_waits_where_it_was_asked_for_goes_on_there_after_a_restart(site: Site) -> None:
    first = site.start("--executor", "first", "--sweep", RARELY, "--request", "waiting_here")
    until(lambda: len(site.work()) >= 2)
    os.kill(first.pid, signal.SIGKILL)
    assert first.stdout is not None
    operation_id = first.stdout.readline().strip()
    (site.data / "word").touch()
    assert site.run("--executor", "first", "--sweep", RARELY, "--until-ended")[0] == 0
    assert site.operation(operation_id).state is State.SUCCEEDED
    assert site.marks(operation_id) == ["seal"]


def test_what_waits_where_it_was_asked_for_is_not_taken_from_there(site: Site, tmp_path: Path) -> None:
    """For longer than a dead worker would be given; another one, with a data folder of its own, only looks on."""
    other = Site(tmp_path / "other", site.url)
    other.data.mkdir()
    first = site.start("--executor", "first", "--request", "waiting_here")
    until(lambda: len(site.work()) >= 1)
    second = other.start("--executor", "second")
    try:
        until(lambda: len(site.work()) >= 5)
        assert other.work() == []
        (site.data / "word").touch()
        assert first.stdout is not None
        operation_id = first.stdout.readline().strip()
        until(lambda: site.operation(operation_id).is_ended)
        assert [other.stop(second), site.stop(first)] == [0, 0]
    finally:
        end(other)
    assert other.work() == []
    assert site.marks(operation_id) == ["seal"]


def test_an_operation_waits_for_a_database_that_is_away(site: Site) -> None:
    """For longer than five attempts take."""
    (site.data / "hold").touch()
    process = site.start("--request", "filing")
    until(lambda: "file" in site.work())
    assert process.stdout is not None
    operation_id = process.stdout.readline().strip()
    server, _, name = site.url.rpartition("/")
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        (site.data / "hold").unlink()
        time.sleep(AWAY_SECONDS)
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    until(lambda: site.operation(operation_id).is_ended)
    assert site.stop(process) == 0
    ended = site.operation(operation_id)
    assert (ended.state, ended.error_code) == (State.SUCCEEDED, None)
    assert site.marks(operation_id) == ["file 7", "seal"]
