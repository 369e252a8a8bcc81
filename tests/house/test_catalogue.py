"""The catalogue equals the schema, and each planted violation is caught."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import freehold.records  # noqa: F401  # fills the catalogue
from freehold.records.catalogue import Record, catalogue, metadata
from freehold.records.columns import key, link, plain, secret, text, workspace
from freehold.records.places import Place
from freehold.records.rules import (
    EVERYWHERE,
    KEPT_UNTIL_ERASED,
    CatalogueError,
    Container,
    Link,
    LinkKind,
    Personal,
    Removed,
    Repeats,
    Retained,
    Rows,
    Rules,
    Withheld,
    Writes,
)
from freehold.storage.migrations import upgrade
from freehold.storage.portable import all_or_nothing, is_postgres, postgres_engine, server_tables, sqlite_engine
from tests.conftest import House

PERSONAL = {
    ("persons", "object_id"),
    ("persons", "profile"),
    ("client_credentials", "client_id"),
    ("member_aliases", "alias"),
}
"""May only grow."""
CONTENT = Rules(Container.WORKSPACE, Rows(EVERYWHERE), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)


def test_every_table_is_a_record() -> None:
    assert set(metadata.tables) == set(catalogue())


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """By every migration, one after the other: an empty database of a server is made of the catalogue itself."""
    if request.param == "sqlite":
        engine = sqlite_engine(tmp_path / "migrated.db")
    else:
        engine = postgres_engine(request.getfixturevalue("postgres").make_database(), 2)
    with engine.connect() as connection, all_or_nothing(connection):
        upgrade(connection)
    yield engine
    engine.dispose()


def test_the_migrated_database_equals_the_catalogue(migrated: sa.Engine) -> None:
    with migrated.connect() as connection:
        tables = set(sa.inspect(connection).get_table_names()) - {"alembic_version", "sqlite_sequence"}
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
        assert tables == set(catalogue())
        assert [each for each in differences if not _is_composite_link(each, connection)] == []


def test_on_postgresql_rows_of_a_workspace_are_keyed_by_it_first(house: House) -> None:
    with house.database.engine.connect() as connection:
        if not is_postgres(connection):
            assert sa.inspect(connection).get_pk_constraint("runs")["constrained_columns"] == ["row_id"]
            return
        for name, record in catalogue().items():
            columns = sa.inspect(connection).get_pk_constraint(name)["constrained_columns"]
            is_within = record.rules.container is Container.WORKSPACE and "row_id" in record.c
            assert columns == (["workspace_id", "row_id"] if is_within else columns[-1:]), name


def test_every_link_to_a_person_says_what_erasing_does() -> None:
    links = [
        (name, column, each)
        for name, record in catalogue().items()
        for column, each in record.links().items()
        if each.to == "persons"
    ]
    assert links
    assert all(each.kind in {LinkKind.DEEP, LinkKind.SHALLOW, LinkKind.DECORRELATE} for _, _, each in links)
    members = catalogue()["members"].links()["person_row"]
    assert members.kind is LinkKind.SHALLOW, "forgetting a person leaves the member as a pseudonym"


def test_every_free_form_column_is_classified() -> None:
    for name, record in catalogue().items():
        for column in record.table.columns:
            is_free_form = isinstance(column.type, sa.types.TypeDecorator | sa.LargeBinary)
            if is_free_form and column.type.__class__.__name__ != "Double":
                assert column.name in record.column_rules(), f"{name}.{column.name}"


def test_personal_columns_name_the_column_that_links_to_the_person() -> None:
    found = [
        (name, column, rule)
        for name, record in catalogue().items()
        for column, rule in record.column_rules().items()
        if isinstance(rule, Personal)
    ]
    assert {(name, column) for name, column, _ in found} >= PERSONAL
    for name, column, rule in found:
        target = catalogue()[name].links().get(rule.of)
        assert rule.of == "row" or (target and target.to in {"persons", "members"}), (name, column)


def test_deep_links_stay_within_a_workspace() -> None:
    outside = server_tables() | {"workspaces"}
    for name, record in catalogue().items():
        if record.rules.container is Container.WORKSPACE:
            for column, each in record.links().items():
                if each.kind is LinkKind.DEEP and name != "workspaces":
                    assert each.to not in outside or each.to == "workspaces", (name, column)


def test_append_only_tables_have_no_text_index() -> None:
    for name, record in catalogue().items():
        if record.rules.writes is Writes.APPEND_ONLY:
            indexed = {column.name for index in record.table.indexes for column in index.columns}
            indexed |= {
                column.name
                for constraint in record.table.constraints
                if isinstance(constraint, sa.UniqueConstraint)
                for column in constraint.columns
            }
            assert all(isinstance(record.c[each].type, sa.BigInteger) for each in indexed), name
            assert record.table.dialect_options["sqlite"]["autoincrement"], name


def test_what_is_retained_or_withheld_says_why() -> None:
    for record in catalogue().values():
        for rule in (record.rules.export, record.rules.erasure):
            if isinstance(rule, Withheld | Retained):
                assert len(rule.because) > 20


def _no_rules() -> None:
    class Planted(Record, table="planted"):  # type: ignore[call-arg]  # the violation
        row_id = key()


def _no_table() -> None:
    class Planted(Record, rules=CONTENT):  # type: ignore[call-arg]  # the violation
        row_id = key()


def _no_workspace() -> None:
    class Planted(Record, table="planted", rules=CONTENT):
        row_id = key()


def _workspace_on_the_server() -> None:
    withheld = Withheld(because="it belongs to the server")
    rules = Rules(Container.SERVER, withheld, Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)

    class Planted(Record, table="planted", rules=rules):
        row_id = key()
        workspace_id = workspace()


def _unclassified_text() -> None:
    class Planted(Record, table="planted", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()
        note: Any = sa.Column(sa.String())


def _unclassified_json() -> None:
    class Planted(Record, table="planted", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()
        note: Any = sa.Column(sa.JSON())


def _unclassified_bytes() -> None:
    class Planted(Record, table="planted", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()
        note: Any = sa.Column(sa.LargeBinary())


def _bare_foreign_key() -> None:
    class Planted(Record, table="planted", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()
        run_row: Any = sa.Column(sa.BigInteger(), sa.ForeignKey("runs.row_id"))


def _shallow_link_that_cannot_be_null() -> None:
    class Planted(Record, table="planted", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()
        run_row = link("runs", LinkKind.SHALLOW)


def _personal_of_nobody() -> None:
    class Planted(Record, table="planted", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()
        author: Any = sa.Column(sa.String(), info={"rule": Personal(of="nobody")})


def _table_twice() -> None:
    class Planted(Record, table="runs", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()


def _withheld_without_reason() -> None:
    Withheld(because=" ")


def _retained_without_basis() -> None:
    Retained(because="so", basis="")


def _retained_below_a_workspace() -> None:
    kept = Retained(because="somebody wanted to keep it", basis="none")

    class Planted(Record, table="planted", rules=replace(CONTENT, erasure=kept)):
        row_id = key()
        workspace_id = workspace()


def _secret_that_leaves() -> None:
    class Planted(Record, table="planted", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()
        value = text(secret(because="it opens a machine"))


def _server_record_that_leaves() -> None:
    class Planted(Record, table="planted", rules=replace(CONTENT, container=Container.SERVER)):
        row_id = key()


def _retained_link_without_reason() -> None:
    Link("runs", LinkKind.RETAIN)


def _secret_without_reason() -> None:
    text(secret(because=""))


def _place_not_searched_without_reason() -> None:
    Place("hidden", ("hidden/*",), "anything", False, "never")


def _text_without_rule() -> None:
    text()  # type: ignore[call-arg]  # the violation


def _repeats_what_it_does_not_hang_on() -> None:
    class Planted(Record, table="planted", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()
        name = text(plain())
        value = text(plain(), repeats=Repeats("run_row", "parent_row", "name", frozenset({"parent"})))


def _repeats_a_link_that_nobody_has() -> None:
    class Planted(Record, table="planted", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()
        run_row = link("runs", LinkKind.DEEP)
        name = text(plain())
        value = text(plain(), repeats=Repeats("run_row", "experiment_row", "name", frozenset({"parent"})))


def _repeats_under_no_name() -> None:
    Repeats("run_row", "parent_row", "name", frozenset())


VIOLATIONS = [
    _repeats_what_it_does_not_hang_on,
    _repeats_a_link_that_nobody_has,
    _repeats_under_no_name,
    _no_rules,
    _no_table,
    _no_workspace,
    _workspace_on_the_server,
    _unclassified_text,
    _unclassified_json,
    _unclassified_bytes,
    _bare_foreign_key,
    _shallow_link_that_cannot_be_null,
    _personal_of_nobody,
    _table_twice,
    _withheld_without_reason,
    _retained_without_basis,
    _retained_below_a_workspace,
    _secret_that_leaves,
    _server_record_that_leaves,
    _retained_link_without_reason,
    _secret_without_reason,
    _place_not_searched_without_reason,
    _text_without_rule,
]


@pytest.mark.parametrize("plant", VIOLATIONS, ids=lambda plant: plant.__name__.strip("_"))
def test_a_planted_violation_does_not_import(plant: Callable[[], None]) -> None:
    before = set(metadata.tables)
    with pytest.raises((CatalogueError, TypeError)):
        plant()
    assert set(metadata.tables) == before
    assert "planted" not in catalogue()


def test_a_table_made_by_hand_is_noticed(sqlite_house: House) -> None:
    engine = sqlite_house.database.engine
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE forgotten_copy (name TEXT)")
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert [each[0] for each in differences] == ["remove_table"]


def test_a_column_made_by_hand_is_noticed(sqlite_house: House) -> None:
    engine = sqlite_house.database.engine
    with engine.connect() as connection:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN nickname TEXT")
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    assert [each[0] for each in differences] == ["remove_column"]


def test_a_well_declared_record_is_taken() -> None:
    class Sample(Record, table="sample_of_the_tests", rules=CONTENT):
        row_id = key()
        workspace_id = workspace()
        name = text(plain())

    try:
        assert catalogue()["sample_of_the_tests"] is Sample
    finally:
        metadata.remove(Sample.table)
        from freehold.records import catalogue as module

        del module.catalogue.__globals__["_catalogue"]["sample_of_the_tests"]


def _is_composite_link(difference: Any, connection: sa.Connection) -> bool:
    """PostgreSQL keeps links and keys with the workspace in front (storage/portable.py); the names must agree."""
    if not is_postgres(connection) or difference[0] not in {"add_fk", "remove_fk"}:
        return False
    return str(difference[1].name).startswith("fk_")
