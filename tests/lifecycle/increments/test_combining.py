"""Base and increment make the bag that a full export at the same moment is: byte for byte."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import bagit
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from freehold.domain.metrics.compaction import compact_run
from freehold.domain.metrics.service import log_metrics
from freehold.domain.runs import service as runs
from freehold.kit.problems import Conflict, Invalid
from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.increments.combining import combine
from freehold.lifecycle.increments.index import write_index
from freehold.lifecycle.spool import Spool
from freehold.records.runs import Run
from freehold.storage.metrics import Point
from tests.conftest import House
from tests.lifecycle.export.content import add_experiment, add_file, add_run, fill
from tests.lifecycle.increments.edits import Edits, full, increment
from tests.unit.bag.crate_oracle import faults_of

MANIFEST = "manifest-sha256.txt"


def same_payload(one: Path, other: Path) -> bool:
    return (one / MANIFEST).read_bytes() == (other / MANIFEST).read_bytes()


def coverage_of(bag: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((bag / "data/coverage.json").read_text())
    return document


def test_base_and_increment_make_the_full_bag(house: House, tmp_path: Path) -> None:
    made = fill(house)
    base = full(house, "base")
    add_run(house, add_experiment(house, "later"), "four")
    add_file(house, made["one"], "late.txt", b"late")
    house.database.write_now(lambda db: runs.set_tags(db, house.alice, house.workspace, made["two"], {"note": "new"}))
    more = [Point("loss", step, step, 0.5) for step in range(100, 120)]
    house.database.write_now(lambda db: log_metrics(db, house.workspace, made["one"], more))
    whole, step = full(house, "whole"), increment(house, "step", "base")
    combined = combine(base, [step], tmp_path / "combined")
    assert same_payload(tmp_path / "combined", whole)
    assert verify_bag(tmp_path / "combined").faults == []
    assert combined.files == len((whole / MANIFEST).read_text().splitlines())


def test_an_increment_brings_what_changed_and_no_more(house: House) -> None:
    made = fill(house)
    full(house, "base")
    add_file(house, made["one"], "late.txt", b"late")
    house.database.write_now(lambda db: runs.set_tags(db, house.alice, house.workspace, made["two"], {"note": "new"}))
    more = [Point("loss", step, step, 0.5) for step in range(100, 107)]
    house.database.write_now(lambda db: log_metrics(db, house.workspace, made["one"], more))
    step = increment(house, "step", "base")
    assert [p.name for p in (step / "data/artifacts").rglob("*") if p.is_file()] == ["late.txt"]
    assert pq.read_table(step / "data/tables/run_tags").column("value").to_pylist() == ["new"]
    assert pq.read_table(step / "data/tables/metric_points").num_rows == 7
    assert pq.read_table(step / "data/tables/experiments").num_rows == 0
    told = coverage_of(step)
    assert told["tables"]["run_tags"]["rows_exported"] == told["tables"]["run_tags"]["rows_changed_or_moved"] == 1
    assert told["decoded"]["metric_segments"]["points_added"] == 7
    assert told["increment"]["files"] == {
        "added": 1, "changed": 0, "exported": 1, "exported_bytes": 4, "gone": 0, "unchanged_in_base": 12,
    }  # fmt: skip
    told_of = {name: counts for name, counts in told["tables"].items() if "rows_withheld_because" not in counts}
    assert {"runs", "run_tags", "experiments", "artifacts"} <= told_of.keys()
    for counts in told_of.values():
        assert counts["rows_exported"] + counts["rows_unchanged_in_base"] == counts["rows_in_snapshot"]


def test_other_tools_accept_an_increment(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fill(house)
    full(house, "base")
    add_file(house, made["one"], "late.txt", b"late")
    step = increment(house, "step", "base")
    bagit.Bag(str(step)).validate()
    subprocess.run(["sha256sum", "--check", "--quiet", MANIFEST], cwd=step, check=True)
    assert verify_bag(step).faults == []
    assert faults_of(step / "data", tmp_path, profile="ro-crate-1.2") == []
    monkeypatch.chdir(step / "data")
    connection = duckdb.connect()
    connection.execute((step / "data/open.sql").read_text())
    assert connection.execute("SELECT path FROM artifacts").fetchall() == [("late.txt",)]
    assert connection.execute("SELECT count(*) FROM increment_tombstones").fetchone() == (0,)


def test_tombstones_lead_to_what_only_the_base_has(house: House, tmp_path: Path) -> None:
    made = fill(house)
    base = full(house, "base")
    edits = Edits(house, random.Random(1))
    edits.erase_run(made["two"])
    step = increment(house, "step", "base")
    tombstones = [row for row in pq.read_table(step / "data/increment/tombstones.parquet").to_pylist()]
    (gone,) = [row for row in tombstones if row["sequence"] == "tables/runs"]
    assert pq.read_table(base / "data/tables/runs").column("run_id")[gone["first"]].as_py() == made["two"]
    assert coverage_of(step)["decoded"]["metric_segments"]["points_gone"] == 60
    assert coverage_of(step)["increment"]["files"]["gone"] == 4
    everything = b"".join(path.read_bytes() for path in step.rglob("*") if path.is_file())
    assert made["two"].encode() not in everything
    combine(base, [step], tmp_path / "combined")
    assert same_payload(tmp_path / "combined", full(house, "whole"))


def test_duckdb_joins_tombstones_to_the_base(house: House) -> None:
    """With both bags at hand SQL alone tells what is gone, by name."""
    made = fill(house)
    base = full(house, "base")
    Edits(house, random.Random(1)).erase_run(made["two"])
    step = increment(house, "step", "base")
    query = """
        SELECT run_id FROM (SELECT run_id, file_row_number AS place FROM read_parquet(?, file_row_number = true))
        JOIN (SELECT first, count FROM read_parquet(?) WHERE sequence = 'tables/runs') AS gone
        ON place >= gone.first AND place < gone.first + gone.count"""
    tables = [str(base / "data/tables/runs/*.parquet"), str(step / "data/increment/tombstones.parquet")]
    assert duckdb.connect().execute(query, tables).fetchall() == [(made["two"],)]


def test_increments_follow_one_another(house: House, tmp_path: Path) -> None:
    fill(house)
    base = full(house, "base")
    steps, before = [], base
    edits = Edits(house, random.Random(3))
    for number in range(3):
        edits.some(4)
        steps.append(increment(house, f"step-{number}", before.name))
        before = full(house, f"full-{number}")
    combine(base, steps, tmp_path / "combined")
    assert same_payload(tmp_path / "combined", before)


def test_nothing_changed_leaves_an_increment_of_nothing(house: House, tmp_path: Path) -> None:
    fill(house)
    base = full(house, "base")
    step = increment(house, "step", "base")
    assert not (step / "data/artifacts").exists()
    assert sum(pq.read_table(table).num_rows for table in (step / "data/tables").iterdir()) == 0
    combine(base, [step], tmp_path / "combined")
    assert same_payload(tmp_path / "combined", base)


def test_compaction_is_no_change(house: House) -> None:
    run_id = add_run(house, add_experiment(house, "crowded"), "many", points=20 * 70)
    full(house, "base")
    compact_run(house.database, house.workspace.workspace_id, 1)
    house.database.write_now(
        lambda db: log_metrics(db, house.workspace, run_id, [Point("acc", 9_999, 1, float("nan"))])
    )
    step = increment(house, "step", "base")
    (point,) = pq.read_table(step / "data/tables/metric_points").to_pylist()
    assert point["step"] == 9_999


def test_another_base_is_refused(house: House, tmp_path: Path) -> None:
    made = fill(house)
    full(house, "base")
    add_file(house, made["one"], "late.txt", b"late")
    step = increment(house, "step", "base")
    with pytest.raises(Conflict) as told:
        combine(full(house, "other"), [step], tmp_path / "combined")
    assert told.value.code == "WrongBase"
    assert not [left for left in tmp_path.iterdir() if "combined" in left.name]


def test_a_damaged_base_is_refused(house: House, tmp_path: Path) -> None:
    made = fill(house)
    base = full(house, "base")
    add_file(house, made["one"], "late.txt", b"late")
    step = increment(house, "step", "base")
    (victim,) = base.glob(f"data/artifacts/ExperimentRun/dcid.{made['two']}/model/MLmodel")
    victim.write_bytes(b"other")
    with pytest.raises(Invalid) as told:
        combine(base, [step], tmp_path / "combined")
    assert told.value.code == "BagDoesNotHold"
    assert not [left for left in tmp_path.iterdir() if "combined" in left.name]


def test_an_increment_is_no_base(house: House) -> None:
    fill(house)
    full(house, "base")
    increment(house, "step", "base")
    with pytest.raises(Invalid) as told:
        increment(house, "next", "step")
    assert told.value.code == "BaseIsIncrement"


@pytest.mark.parametrize(
    ("table", "spoilt"),
    {
        "runs": b"no table",
        "metric_points": b"no table",
        "run_tags": b"",
        "experiments": None,
    }.items(),
)
def test_a_base_with_a_table_that_cannot_be_read_is_refused_by_name(
    house: House, tmp_path: Path, table: str, spoilt: bytes | None
) -> None:
    fill(house)
    base = full(house, "base")
    (part,) = (base / "data/tables" / table).iterdir()
    part.write_bytes(part.read_bytes()[:100] if spoilt is None else spoilt)
    with pytest.raises(Invalid, match=f"tables/{table} of the base") as told:
        write_index(base, tmp_path / "index", "0123456789abcdef")
    assert told.value.code == "NotABag"
    assert list(tmp_path.glob("index*")) == []


@pytest.mark.parametrize("column", ["value", "step"])
def test_a_base_with_points_that_say_less_is_refused_by_name(house: House, tmp_path: Path, column: str) -> None:
    fill(house)
    base = full(house, "base")
    (part,) = (base / "data/tables/metric_points").iterdir()
    points = pq.read_table(part)
    unsaid = pa.nulls(points.num_rows, points.schema.field(column).type)
    for less in (points.drop_columns([column]), points.set_column(points.column_names.index(column), column, unsaid)):
        part.unlink()
        pq.write_table(less, part)
        with pytest.raises(Invalid, match="tables/metric_points of the base") as told:
            write_index(base, tmp_path / "index", "0123456789abcdef")
        assert told.value.code == "NotABag"


def test_a_base_with_points_of_another_form_is_refused_by_name(house: House, tmp_path: Path) -> None:
    """Their rows would be kept, and the combined table could not have both forms."""
    fill(house)
    base = full(house, "base")
    (part,) = (base / "data/tables/metric_points").iterdir()
    points = pq.read_table(part)
    renamed = points.rename_columns([{"step": "epoch"}.get(name, name) for name in points.column_names])
    narrow = points.set_column(points.column_names.index("step"), "step", points["step"].cast(pa.int32()))
    for other in (renamed, narrow):
        part.unlink()
        pq.write_table(other, part)
        with pytest.raises(Invalid, match="tables/metric_points of the base"):
            write_index(base, tmp_path / "index", "0123456789abcdef")


def test_a_bag_of_something_else_is_no_base(house: House) -> None:
    fill(house)
    first, second = house.database.read_now(lambda db: list(db.execute(sa.select(Run.c.row_id)).scalars()))[:2]
    full(house, "base", "run", first)
    with pytest.raises(Conflict) as told:
        increment(house, "step", "base", "run", second)
    assert told.value.code == "WrongBase"
    with pytest.raises(Conflict):
        increment(house, "other", "base")


def test_a_base_that_is_gone_is_refused_with_the_reason(house: House) -> None:
    fill(house)
    full(house, "base")
    Spool(house.settings.data_folder, "base").drop()
    with pytest.raises(Conflict) as told:
        increment(house, "step", "base")
    assert told.value.code == "BaseWithdrawn"


@pytest.mark.parametrize("seed", [pytest.param(n, marks=pytest.mark.exhaustive) if n > 3 else n for n in range(20)])
def test_any_edits_lead_to_the_full_bag(house: House, tmp_path: Path, seed: int) -> None:
    """Edits of every kind, things that come again among them."""
    chance = random.Random(seed)
    fill(house)
    edits = Edits(house, chance)
    edits.some(chance.randrange(10))
    base = full(house, "base")
    edits.some(chance.randrange(1, 25))
    step = increment(house, "step", "base")
    combine(base, [step], tmp_path / "combined")
    assert same_payload(tmp_path / "combined", full(house, "whole"))
    assert verify_bag(tmp_path / "combined").faults == []
