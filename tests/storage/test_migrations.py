"""An empty database is given the catalogue's tables at once; the migrations make the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.storage.migrations import migrate, newest_revision, upgrade
from freehold.storage.portable import all_or_nothing, is_postgres, postgres_engine, sqlite_engine
from tests.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[sa.Engine]]:
    """Two empty databases of one kind."""
    if request.param == "sqlite":
        engines = [sqlite_engine(tmp_path / name) for name in ("a.db", "b.db")]
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        engines = [postgres_engine(server.make_database(), 2) for _ in range(2)]
    yield engines
    for engine in engines:
        engine.dispose()


def migrated(engine: sa.Engine) -> None:
    with engine.connect() as connection, all_or_nothing(connection):
        upgrade(connection)


def shape(engine: sa.Engine) -> list[str]:
    """Every table with its columns, keys, links, uniques and indexes, as the database itself describes them."""
    found = sa.inspect(engine)
    facts: list[str] = []
    for table in sorted(set(found.get_table_names()) - {"alembic_version", "sqlite_sequence"}):
        columns = [{**column, "type": str(column["type"])} for column in found.get_columns(table)]
        parts = (
            columns,
            found.get_pk_constraint(table),
            found.get_foreign_keys(table),
            found.get_unique_constraints(table),
            found.get_indexes(table),
        )
        facts += [f"{table}: {sorted(map(str, part)) if isinstance(part, list) else part}" for part in parts]
    return facts + _autoincrement(engine)


def _autoincrement(engine: sa.Engine) -> list[str]:
    """Tables whose keys are never given again, which only SQLite has to be told."""
    with engine.connect() as connection:
        if is_postgres(connection):
            return []
        query = "SELECT name FROM sqlite_master WHERE sql LIKE '%AUTOINCREMENT%' ORDER BY name"
        return [f"{row[0]} counts on" for row in connection.exec_driver_sql(query)]


def test_a_fresh_database_equals_a_migrated_one(empty: list[sa.Engine]) -> None:
    fresh, other = empty
    migrate(fresh)
    migrated(other)
    assert shape(fresh) == shape(other)
    for engine in empty:
        with engine.connect() as connection:
            version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        assert version == newest_revision()


def test_migrating_twice_changes_nothing(empty: list[sa.Engine]) -> None:
    migrate(empty[0])
    before = shape(empty[0])
    migrate(empty[0])
    assert shape(empty[0]) == before


def test_a_schema_that_fails_half_way_leaves_nothing(empty: list[sa.Engine]) -> None:
    with pytest.raises(RuntimeError, match="planted"):
        fail_half_way(empty[0])
    assert shape(empty[0]) == []
    migrate(empty[0])
    assert len(shape(empty[0])) > 100


def fail_half_way(engine: sa.Engine) -> None:
    with engine.connect() as connection, all_or_nothing(connection):
        connection.exec_driver_sql("CREATE TABLE half (name TEXT)")
        raise RuntimeError("planted")
