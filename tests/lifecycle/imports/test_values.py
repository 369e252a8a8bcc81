"""A value that its column cannot have is refused by table, column and row: nothing that came in breaks a listing."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from freehold.kit.clock import EARLIEST, LATEST, from_iso, to_datetime, to_iso
from freehold.kit.nesting import DEEPEST
from freehold.lifecycle.imports.budget import Budget
from freehold.lifecycle.imports.reading import TableReader
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.values import LONGEST_TEXT
from freehold.lifecycle.imports.words import CHECKS
from freehold.lifecycle.selection import Selection, Target
from freehold.lifecycle.tables import ExportTable, export_table
from freehold.records.catalogue import catalogue
from freehold.records.columns import Json, Text
from freehold.records.rules import ANY_INTEGER, Scope
from tests.lifecycle.imports.bags import Files, as_tar, rows_of, sealed, table_of, with_table
from tests.lifecycle.imports.content import ended, import_bag, report_of
from tests.world import World

LARGEST = (1 << 63) - 1
WELL = {
    "workspaces.location": "local",
    "workspaces.kind": "workspace",
    "experiments.name": "digits",
    "runs.status": "Running",
    "labels.kind": "tag",
    "images.state": "Running",
    "services.state": "Healthy",
    "services.compute_type": "ACI",
    "computes.state": "Succeeded",
    "computes.compute_type": "AKS",
    "datastores.store_type": "AzureBlob",
    "datasets.state": "active",
    "pipeline_objects.kind": "pipeline",
    "pipeline_objects.status": "Active",
    "tasks.task_type": "Run",
    "tasks.status": "Completed",
    "notifications.level": "Error",
    "notifications.message": "run failed",
}
"""A word for each column that takes no other text."""
DOCUMENTS = {
    "models.document": '{"url":null}',
    "assets.document": '{"version":1,"artifacts":[],"owns":true,"ofRun":false,"given":{}}',
    "structured_metrics.document": '{"columns":{"a":"string"},"values":[[1,null,{"a":"b"}]],"extras":{}}',
    "pipeline_graphs.document": '{"ModuleNodes":[{"Id":"a"}],"DatasetNodes":[],"Edges":[]}',
    "dataset_definitions.document": '{"state":"active"}',
}
"""Of columns with fields that the domain cannot do without."""
WITHOUT_WORDS = {
    "audit_entries.action",
    "artifacts.origin",
    "telemetry_records.interaction",
    "runs.script_name",
    "assets.name",
    "computes.name_folded",
    "datasets.dataset_type",
    "pipeline_drafts.name",
    "pipeline_objects.name",
    "endpoint_versions.version_name",
    "run_events.name",
    "runs.run_type",
    "structured_metrics.metric_type",
    "structured_metrics.name",
    "workspaces.friendly_name",
    "workspaces.name",
}
"""Texts whose names sound like words of a list, and which clients choose freely or another check holds."""


def exported() -> Iterator[ExportTable]:
    selection = Selection(Target(Scope.WORKSPACE, 0, (0,)))
    return (export_table(record, selection) for record in selection.exported())


def own_columns(table: ExportTable) -> list[sa.Column[Any]]:
    linked = {name for link in table.links.values() for name in link.names}
    return [table.record.table.c[field.name] for field in table.fields if field.name not in linked]


COLUMNS = {str(column): (table, column) for table in exported() for column in own_columns(table)}


def out_of_range(column: sa.Column[Any]) -> list[Any]:
    """Values of the column's type that no row can have; none where the type has no such."""
    if column.info.get("moment"):
        return [LARGEST, -LARGEST, LATEST + 1]
    if "within" in column.info:
        return [] if column.info["within"] == ANY_INTEGER else [LARGEST, -1]
    if isinstance(column.type, Json):
        return ["[]", "null", '"text"', "7", "{no", '{"a": 1e400}', nested(DEEPEST + 1)]
    if isinstance(column.type, sa.LargeBinary):
        return [b"x" * (LONGEST_TEXT + 1)]
    if not isinstance(column.type, Text):
        return []
    return ["x" * (LONGEST_TEXT + 1), "a\0b", *(["line\r\nend"] if column in CHECKS and column.name != "name" else [])]


def nested(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


def fitting(field: pa.Field, name: str) -> Any:
    if pa.types.is_timestamp(field.type) or pa.types.is_integer(field.type):
        return 1
    column = COLUMNS.get(name, (None, None))[1]
    if column is not None and isinstance(column.type, Json):
        return DOCUMENTS.get(name, "{}")
    kinds = {pa.bool_(): True, pa.float64(): 0.5, pa.binary(): b"x", pa.string(): WELL.get(name, "x")}
    return kinds[field.type]


def read(folder: Path, table: ExportTable, rows: list[dict[str, Any]]) -> list[list[Any]]:
    schema = table.schema()
    arrays = [
        pa.array([row[f.name] for row in rows], pa.int64()).view(f.type)
        if pa.types.is_timestamp(f.type)
        else pa.array([row[f.name] for row in rows], f.type)
        for f in schema
    ]
    pq.write_table(pa.Table.from_arrays(arrays, schema=schema), folder / "part")
    return list(TableReader(table, [folder / "part"], Budget(LONGEST_TEXT * 9), has_objects=False).rows())


@pytest.mark.parametrize("name", COLUMNS)
def test_no_column_takes_what_it_cannot_have(tmp_path: Path, name: str) -> None:
    table, column = COLUMNS[name]
    well = {field.name: fitting(field, f"{table.name}.{field.name}") for field in table.schema()}
    assert len(read(tmp_path, table, [well, well])) == 2
    for value in out_of_range(column):
        with pytest.raises(Refused) as told:
            read(tmp_path, table, [well, well | {column.name: value}])
        assert told.value.where == f"{name}, row 2"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_has_every_field_that_the_domain_cannot_do_without(tmp_path: Path, name: str) -> None:
    table, column = COLUMNS[name]
    well = {field.name: fitting(field, f"{table.name}.{field.name}") for field in table.schema()}
    document = json.loads(well[column.name])
    spoilt = [{key: value for key, value in document.items() if key != left_out} for left_out in document]
    spoilt += [document | {key: 7.5} for key in document]
    for each in spoilt:
        with pytest.raises(Refused) as told:
            read(tmp_path, table, [well | {column.name: json.dumps(each)}])
        assert told.value.where == f"{name}, row 1"


def test_every_text_that_is_a_word_has_its_list() -> None:
    """A new status, state or kind is held to its words, or stands above and says that it has none."""
    endings = ("status", "state", "kind", "type", "level", "message", "action", "origin", "etag", "name", "name_folded")
    worded = {
        name for name, (_, column) in COLUMNS.items() if column.name.endswith(endings) and isinstance(column.type, Text)
    }
    assert worded - {str(column) for column in CHECKS} == WITHOUT_WORDS


def test_the_clock_prints_and_reads_its_first_and_last_moment() -> None:
    for at in (EARLIEST, -1, LATEST):
        assert from_iso(to_iso(at)) == at
        assert to_datetime(at).microsecond == at % 1_000_000
    with pytest.raises(ValueError, match="outside"):
        from_iso("0001-01-01T00:00:00+05:00")


def with_all(files: Files, table: str, values: dict[str, Any]) -> bytes:
    found = table_of(files, table)
    for name, value in values.items():
        place, field = found.schema.get_field_index(name), found.schema.field(name)
        column = pa.array([value] * found.num_rows, pa.int64() if pa.types.is_timestamp(field.type) else field.type)
        found = found.set_column(place, field, column.view(field.type))
    return as_tar(sealed(with_table(files, table, found)))


PATH = "providers/Microsoft.MachineLearningServices/workspaces"
NAMED: dict[str, tuple[str, dict[str, Any]]] = {
    "made in no year": ("workspaces", {"created_at": LARGEST}),
    "in the place of another": (
        "workspaces",
        {"arm_path": f"{PATH}/default", "arm_path_folded": f"{PATH}/other".lower()},
    ),
    "in no place": ("workspaces", {"arm_path": "evil", "arm_path_folded": "evil"}),
    "of another kind": ("workspaces", {"kind": "project"}),
    "of no kind": ("workspaces", {"kind": "planet"}),
    "a name that climbs": ("workspaces", {"name": "evil/../x"}),
    "tags that are a list": ("workspaces", {"tags": "[]"}),
    "tags that are no texts": ("workspaces", {"tags": '{"a": 1}'}),
    "a run of no year": ("runs", {"created_at": LARGEST}),
    "no status": ("runs", {"status": "BOGUS"}),
    "model that is a list": ("models", {"document": "[]"}),
    "a model of numbers": ("models", {"document": '{"url":null,"datasets":7}'}),
    "an image of one asset": ("images", {"document": '{"assets":{"id":"a"}}'}),
    "a compute of a list": ("computes", {"document": '{"properties":[]}'}),
    "a pipeline object of no kind's": ("pipeline_objects", {"document": '{"StructuredInterface":7}'}),
    "a graph of ports in a list": ("pipeline_graphs", {"interface": '{"Ports":[]}'}),
    "an asset of nothing": ("assets", {"document": "{}"}),
    "a graph of no nodes": ("pipeline_graphs", {"document": '{"ModuleNodes":7}'}),
    "the last run number": ("experiments", {"next_run_number": LARGEST}),
    "the last version": ("models", {"version": LARGEST}),
    "a header in a type": ("artifacts", {"content_type": "text/html\r\nX-Evil: 1"}),
    "a type beyond headers": ("artifacts", {"content_type": "text/中"}),
    "a header in a tag": ("artifacts", {"etag": "x\r\nX-Evil: 1"}),
    "a compute in other letters": ("computes", {"name_folded": "another"}),
    "a point of no year": ("metric_points", {"at": LARGEST}),
}


@pytest.mark.parametrize("what", NAMED)
def test_it_is_refused_and_every_listing_answers(target: World, files: Files, what: str) -> None:
    table, values = NAMED[what]
    assert rows_of(files, table), "there is something to spoil"
    operation = import_bag(target, with_all(files, table, values))
    assert operation["state"] == "Failed", operation
    refused = report_of(target, operation)["refused"]
    assert refused["code"] == "BagWrongValue", refused
    assert refused["where"].startswith(table)
    assert statuses(target) == {200}


def statuses(world: World) -> set[int]:
    """Of everything that lists what was spoilt."""
    at, versioned = world.workspace, "?api-version=2019-11-01"
    models = f"/modelmanagement/v1.0{at}"
    get = [f"{at}{versioned}", f"{at.rsplit('/', 1)[0]}{versioned}", f"{models}/models", f"{models}/images"]
    get += [f"{at}/computes{versioned}", f"/pipelines/v1.0{at}/Modules"]
    post = (f"/history/v1.0{at}/runs:query", f"/history/v1.0{at}/experiments:query")
    found = {world.get(path, world.alice).status_code for path in get}
    found |= {world.post(path, {}, world.alice).status_code for path in post}
    return found | runs_found(world)


@pytest.mark.parametrize("version", [LARGEST, 1 << 70, -LARGEST])
def test_what_clients_write_into_a_document_is_no_version_to_go_on_from(
    world: World, files: Files, version: int
) -> None:
    bag = with_all(files, "computes", {"document": json.dumps({"version": version})})
    operation = import_bag(world, bag)
    assert operation["state"] == "Succeeded", (operation, report_of(world, operation))
    assert statuses(world) == {200}
    begun = world.post("/freehold/v1/exports", {"scope": "workspace", "id": None}, world.alice)
    assert ended(world, begun.json()["id"])["state"] == "Succeeded"


def runs_found(world: World) -> set[int]:
    """MLflow's search through all experiments."""
    found = world.mlflow("POST", "experiments/search", {"max_results": 100}).get("experiments", [])
    ids = [each["experiment_id"] for each in found]
    return {world.post("/api/2.0/mlflow/runs/search", {"experiment_ids": ids}, world.alice).status_code}


def test_every_exported_record_was_looked_at() -> None:
    assert {name.split(".")[0] for name in COLUMNS} <= set(catalogue())
    assert len(COLUMNS) > 150
