"""An empty database is given the catalogue's tables at once; the migrations make the same."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from freehold.storage.migrations import _config, migrate, newest_revision, upgrade
from freehold.storage.portable import all_or_nothing, is_postgres, postgres_engine, sqlite_engine
from tests.postgres import PostgresServer

FIRST_CONTENT = (
    "INSERT INTO subscriptions (row_id, subscription_id, display_name, created_at) VALUES (1, 's', 'S', 1)",
    "INSERT INTO resource_groups (row_id, subscription_row, name, name_folded, location, created_at) "
    "VALUES (1, 1, 'G', 'g', 'local', 1)",
    "INSERT INTO workspaces (workspace_id, resource_group_row, public_id, name, name_folded, location, friendly_name, "
    "description, sku, tags, properties, created_at, updated_at) "
    "VALUES (1, 1, 'p', 'Home', 'home', 'local', '', '', 'Basic', '{}', '{}', 1, 1)",
    "INSERT INTO experiments (row_id, workspace_id, experiment_id, name, next_run_number, created_at, updated_at) "
    "VALUES (1, 1, 'e', 'E', 1, 1, 1)",
    "INSERT INTO operation_targets (row_id, workspace_id, target_id) VALUES (1, 1, 't')",
    "INSERT INTO operation_targets (row_id, workspace_id, target_id, experiment_row) VALUES (2, 1, 'u', 1)",
)

_DRAFT = (
    "INSERT INTO pipeline_drafts (workspace_id, pipeline_draft_id, name, document, graph_row, created_at, updated_at) "
)
CONTENT_OF_0004 = (
    "INSERT INTO workspaces (workspace_id, resource_group_row, public_id, name, kind, arm_path, arm_path_folded, "
    "location, friendly_name, description, sku, tags, properties, created_at, updated_at) "
    "VALUES (1, 1, 'p', 'Home', 'workspace', 'Home', 'home', 'local', '', '', 'Basic', '{}', '{}', 1, 1)",
    *(
        "INSERT INTO pipeline_graphs (row_id, workspace_id, graph_id, document, created_at, updated_at) "
        f"VALUES ({n}, 1, 'g{n}', '{{}}', 1, 1)"
        for n in (1, 2)
    ),
    "INSERT INTO pipeline_objects (workspace_id, pipeline_object_id, kind, status, document, graph_row, created_at, "
    "updated_at) VALUES (1, 'g1', 'graph_draft', 'Active', '{}', 1, 1, 1)",
    *(f"{_DRAFT} VALUES (1, 'd{n}', '', '{{}}', {n if n < 3 else 'NULL'}, 1, 1)" for n in (1, 2, 3)),
    *(
        "INSERT INTO datasets (row_id, workspace_id, dataset_id, name, state, is_visible, etag, document, created_at, "
        f"updated_at) VALUES ({n}, 1, '{n}', '{n}', '{state}', {is_visible}, '', '{{}}', 1, 1)"
        for n, state, is_visible in ((1, "active", "true"), (2, "saved", "false"))
    ),
    *(
        "INSERT INTO dataset_definitions (row_id, workspace_id, dataset_row, version, etag, document, created_at, "
        f"updated_at) VALUES ({n}, 1, 1, {n}, '', '{document}', 1, 1)"
        for n, document in ((1, '{"savedDatasetId": "2"}'), (2, "{}"))
    ),
)
_OBJECT = (
    "INSERT INTO pipeline_objects (row_id, workspace_id, pipeline_object_id, kind, status, document, created_at, "
    "updated_at) VALUES "
)
_DOCUMENTS = {
    (1, "p", "pipeline"): "{}",
    (2, "p", "schedule"): "{}",
    (3, "r", "pipeline_run"): '{"ScheduleId": "p", "kept": "ScheduleId"}',
    (4, "e", "pipeline_endpoint"): '{"DefaultVersion": "0", "PipelineVersionList": '
    '[{"Version": "0", "PipelineId": "gone"}, {"Version": "1", "PipelineId": "p"}]}',
}
CONTENT_OF_0009 = (
    "INSERT INTO experiments (row_id, workspace_id, experiment_id, name, next_run_number, created_at, updated_at) "
    "VALUES (1, 1, 'e', 'E', 1, 1, 1)",
    "INSERT INTO runs (row_id, workspace_id, experiment_row, run_id, run_number, name, status, data_container_id, "
    "hidden_in_lists, created_at) VALUES (5, 1, 1, 'r', 1, '', 'Running', 'dcid.r', false, 1)",
    *(
        f"{_OBJECT} ({row}, 1, '{its_id}', '{kind}', 'Active', '{document}', 1, 1)"
        for (row, its_id, kind), document in _DOCUMENTS.items()
    ),
    *(
        "INSERT INTO pipeline_drafts (row_id, workspace_id, pipeline_draft_id, name, document, created_at, updated_at) "
        f"VALUES ({row}, 1, 'd{row}', '', '{document}', 1, 1)"
        for row, document in (
            (6, '{"ParentPipelineId": "p", "ParentPipelineRunId": "r", "Description": "ParentPipelineId"}'),
            (7, '{"ParentPipelineDraftId": "d6", "LastSubmittedPipelineRunId": "r"}'),
            (8, '{"ParentPipelineDraftId": "gone", "ParentPipelineId": null}'),
        )
    ),
)
ASSETS_OF_0011 = {
    "of one": '{"artifacts": [{"id": "ExperimentRun/dcid.r/a/b"}, {"prefix": "ExperimentRun/r"}], "owns": true}',
    "of two": '{"artifacts": [{"id": "ExperimentRun/r/a"}, {"id": "ExperimentRun/s/a"}], "owns": true}',
    "uploaded": '{"artifacts": [{"prefix": "LocalUpload/up/a"}], "owns": true, "given": "ExperimentRun/"}',
}
MADE_OF = [
    {"artifacts": [{"by": "id", "tail": "/a/b"}, {"by": "prefix", "tail": ""}], "owns": True},
    {"artifacts": [], "owns": False},
    {"artifacts": [{"prefix": "LocalUpload/up/a"}], "owns": True, "given": "ExperimentRun/"},
]
NAMED_BY_DRAFTS = (
    "SELECT parent_pipeline_row, parent_run_row, parent_draft_row, last_run_row, document FROM pipeline_drafts "
    "ORDER BY row_id"
)
NAMED_BY_OBJECTS = "SELECT schedule_row, document FROM pipeline_objects ORDER BY row_id"
BAGS_OF_0001 = (("1", "ready"), ("1", "writing"), ("NULL", "ready"), ("NULL", "importing"))
DRAWN_ON = (
    "SELECT o.pipeline_object_id, o.graph_row, d.graph_row FROM pipeline_drafts d "
    "LEFT JOIN pipeline_objects o ON o.row_id = d.graph_draft_row ORDER BY d.row_id"
)
SAVED_AS = "SELECT saved_row FROM dataset_definitions ORDER BY row_id"


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
            [_spelt(index) for index in found.get_indexes(table)],
        )
        facts += [f"{table}: {sorted(map(str, part)) if isinstance(part, list) else part}" for part in parts]
    return facts + _autoincrement(engine)


def _spelt(index: Any) -> dict[str, Any]:
    """What an index is restricted to is told as an object that is equal to nothing else."""
    options = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


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


def test_content_of_an_older_schema_is_kept(empty: list[sa.Engine]) -> None:
    engine = empty[0]
    with engine.connect() as connection, all_or_nothing(connection):
        command.upgrade(_config(connection), "0001")
        for statement in FIRST_CONTENT:
            connection.exec_driver_sql(statement)
    migrate(engine)
    with engine.connect() as connection:
        home = connection.exec_driver_sql("SELECT kind, arm_path, arm_path_folded FROM workspaces").one()
        targets = connection.exec_driver_sql("SELECT scope FROM operation_targets ORDER BY row_id").scalars().all()
    provider = "providers/Microsoft.MachineLearningServices/workspaces"
    assert tuple(home) == ("workspace", f"{provider}/Home", f"{provider.lower()}/home")
    assert targets == ["workspace", "experiment"]


def test_drafts_and_versions_find_what_they_live_by(empty: list[sa.Engine]) -> None:
    """Also a draft whose graph draft had been erased apart from it."""
    engine = empty[0]
    with engine.connect() as connection, all_or_nothing(connection):
        command.upgrade(_config(connection), "0004")
        for statement in (*FIRST_CONTENT[:2], *CONTENT_OF_0004):
            connection.exec_driver_sql(statement)
    migrate(engine)
    with engine.connect() as connection:
        held = [tuple(row) for row in connection.exec_driver_sql(DRAWN_ON)]
        versions = connection.exec_driver_sql(SAVED_AS).scalars().all()
        documents = connection.exec_driver_sql("SELECT document FROM dataset_definitions").scalars().all()
    assert documents == ["{}", "{}"]
    assert held == [("g1", 1, 1), ("g2", 2, 2), (None, None, None)]
    assert versions == [2, None]


def test_of_kept_bags_those_go_that_may_name_what_nobody_noted(empty: list[sa.Engine]) -> None:
    engine = empty[0]
    with engine.connect() as connection, all_or_nothing(connection):
        command.upgrade(_config(connection), "0001")
        for statement in FIRST_CONTENT[:4]:
            connection.exec_driver_sql(statement)
        for number, (experiment, state) in enumerate(BAGS_OF_0001):
            connection.exec_driver_sql(
                "INSERT INTO kept_bags (workspace_id, experiment_row, operation_id, state, parts, size, snapshot_at, "
                f"expires_at) VALUES (1, {experiment}, '{number}', '{state}', '[]', 1, 1, 1)"
            )
    migrate(engine)
    with engine.connect() as connection:
        left = connection.exec_driver_sql("SELECT state FROM kept_bags ORDER BY operation_id").scalars().all()
    assert left == ["withdrawn", "withdrawn", "ready", "importing"]


def test_what_pipelines_name_in_their_documents_becomes_links(empty: list[sa.Engine]) -> None:
    """A schedule and a pipeline of one id are told apart; what names nothing goes."""
    engine = empty[0]
    with engine.connect() as connection, all_or_nothing(connection):
        command.upgrade(_config(connection), "0009")
        for statement in (*FIRST_CONTENT[:2], CONTENT_OF_0004[0], *CONTENT_OF_0009):
            connection.exec_driver_sql(statement)
    migrate(engine)
    with engine.connect() as connection:
        drafts = [tuple(row) for row in connection.exec_driver_sql(NAMED_BY_DRAFTS)]
        objects = [tuple(row) for row in connection.exec_driver_sql(NAMED_BY_OBJECTS)]
        versions = connection.exec_driver_sql("SELECT version_name, pipeline_row FROM endpoint_versions").all()
    assert [draft[:4] for draft in drafts] == [(1, 5, None, None), (None, None, 6, 5), (None,) * 4]
    assert [json.loads(draft[4]) for draft in drafts] == [{"Description": "ParentPipelineId"}, {}, {}]
    assert [each[0] for each in objects] == [None, None, 2, None]
    kept = [{}, {}, {"kept": "ScheduleId"}, {"DefaultVersion": "0"}]
    assert [json.loads(each[1]) for each in objects] == kept
    assert sorted(map(tuple, versions)) == [("0", None), ("1", 1)]


def test_what_assets_are_made_of_names_no_run(empty: list[sa.Engine]) -> None:
    engine = empty[0]
    with engine.connect() as connection, all_or_nothing(connection):
        command.upgrade(_config(connection), "0011")
        for statement in (*FIRST_CONTENT[:2], CONTENT_OF_0004[0], *CONTENT_OF_0009[:2]):
            connection.exec_driver_sql(statement)
        for row, (name, document) in enumerate(ASSETS_OF_0011.items()):
            connection.exec_driver_sql(
                "INSERT INTO assets (row_id, workspace_id, asset_id, name, run_row, document, created_at, updated_at) "
                f"VALUES ({row}, 1, '{row}', '{name}', 5, '{document}', 1, 1)"
            )
    migrate(engine)
    with engine.connect() as connection:
        left = connection.exec_driver_sql("SELECT document FROM assets ORDER BY row_id").scalars().all()
    assert [json.loads(document) for document in left] == MADE_OF


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


def test_servers_that_start_together_on_an_empty_database_all_find_it_whole(postgres: PostgresServer) -> None:
    url = postgres.make_database()
    engines = [postgres_engine(url, 2) for _ in range(4)]
    with ThreadPoolExecutor(len(engines)) as pool:
        list(pool.map(migrate, engines))
    with engines[0].connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [
            newest_revision()
        ]
    for engine in engines:
        engine.dispose()
