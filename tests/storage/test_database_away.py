"""A PostgreSQL that takes no connection, or breaks one off: who waits for it goes on by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.kit.clock import SystemClock
from freehold.kit.ids import UuidSource
from freehold.kit.problems import Away
from freehold.settings import Settings
from freehold.storage.database import Database, open_database
from freehold.storage.keys import KeyStore
from tests.postgres import PostgresServer

END = sa.text("SELECT pg_terminate_backend(pg_backend_pid())")


def opened(folder: Path, url: str) -> Database:
    clock = SystemClock()
    settings = Settings(data=str(folder), database=url)
    return open_database(settings, clock, UuidSource(clock), KeyStore(settings.key_folder, clock))


@pytest.fixture
def database(tmp_path: Path, postgres: PostgresServer) -> Iterator[Database]:
    made = opened(tmp_path, postgres.make_database())
    yield made
    made.close()


def test_one_that_takes_no_connection_is_away(tmp_path: Path, postgres: PostgresServer) -> None:
    database = opened(tmp_path, f"{postgres.make_database()}_not")
    for call in (database.read_now, database.write_now):
        with pytest.raises(Away, match="does not answer"):
            call(lambda db: db.execute(sa.text("SELECT 1")).scalar())
    database.close()


def test_one_that_breaks_a_connection_off_is_away_and_is_asked_anew(database: Database) -> None:
    for call in (database.read_now, database.write_now):
        with pytest.raises(Away, match="does not answer"):
            call(lambda db: db.execute(END).scalar())
        assert call(lambda db: db.execute(sa.text("SELECT 1")).scalar()) == 1


def test_one_that_refuses_a_statement_is_not_away(database: Database) -> None:
    for call in (database.read_now, database.write_now):
        with pytest.raises(sa.exc.DataError):
            call(lambda db: db.execute(sa.text("SELECT 1 / 0")).scalar())
        with pytest.raises(sa.exc.OperationalError):  # it was cancelled
            call(lambda db: db.execute(sa.text("SELECT pg_cancel_backend(pg_backend_pid())")).scalar())
