"""What an export holds, read with other people's tools."""

import json
import subprocess
from pathlib import Path
from typing import Any

import bagit
import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from freehold.domain.metrics.compaction import compact_run
from freehold.kit.problems import Away
from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.selection import Selection, Target
from freehold.records.catalogue import catalogue
from freehold.records.experiments import Experiment
from freehold.records.rules import Container, Decoded, Rows, Scope
from freehold.records.runs import Run
from freehold.storage.transaction import Transaction
from tests.conftest import House
from tests.lifecycle.export.content import FILES, add_experiment, add_run, export, fill
from tests.unit.bag.crate_oracle import faults_of


def rows_of(bag: Path, table: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(bag / "data/tables" / table).to_pylist()
    return rows


def test_other_tools_accept_the_bag(house: House, tmp_path: Path) -> None:
    fill(house)
    bag = export(house, "op1")
    bagit.Bag(str(bag)).validate()
    subprocess.run(["sha256sum", "--check", "--quiet", "manifest-sha256.txt"], cwd=bag, check=True)
    assert verify_bag(bag).faults == []
    for profile in ("ro-crate-1.2", "process-run-crate-0.5"):
        assert faults_of(bag / "data", tmp_path, profile=profile) == []


def test_duckdb_and_pandas_read_it(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(house)
    bag = export(house, "op1")
    monkeypatch.chdir(bag / "data")
    connection = duckdb.connect()
    connection.execute((bag / "data/open.sql").read_text())
    joined = "SELECT r.name, count(*) FROM runs r JOIN metric_points p USING (run_id) GROUP BY 1 ORDER BY 1"
    assert connection.execute(joined).fetchall() == [("one", 60), ("three", 60), ("two", 60)]
    points = pd.read_parquet(bag / "data/tables/metric_points")
    assert points["value"].sum() == pytest.approx(
        3 * 2 * sum(step / 7 for s in (0, 20, 40) for step in range(s, s + 10))
    )
    assert set(pd.read_parquet(bag / "data/tables/runs")["created_by"]) == {
        row["member_id"] for row in rows_of(bag, "members")
    }


def test_no_internal_integer_leaves(house: House) -> None:
    run_ids = fill(house)
    bag = export(house, "op1")
    for table in (bag / "data/tables").iterdir():
        names = pq.read_schema(next(iter(sorted(table.iterdir())))).names
        assert not [name for name in names if name in ("row_id", "workspace_id") or name.endswith("_row")], table.name
    runs = {row["name"]: row for row in rows_of(bag, "runs")}
    assert runs["three"]["parent_id"] == run_ids["one"]
    assert runs["one"]["author_alias_alias"] == "alice@example.org"


def test_every_row_is_accounted_for(house: House) -> None:
    fill(house)
    bag = export(house, "op1")
    coverage = json.loads((bag / "data/coverage.json").read_text())
    told = set(coverage["tables"]) | set(coverage["decoded"]) | set(coverage["withheld"])
    assert told == set(catalogue())
    assert all(coverage["withheld"].values())
    for name, counts in coverage["tables"].items():
        stored = house.database.read_now(lambda db, name=name: count(db, name, house.workspace.workspace_id))  # type: ignore[misc]  # binds the loop's value
        assert counts["rows_exported"] == stored == len(rows_of(bag, name)), name
        if "rows_withheld_because" not in counts:
            assert counts["rows_in_snapshot"] == stored, name
    assert coverage["decoded"]["metric_segments"]["points_exported"] == 180 == len(rows_of(bag, "metric_points"))


def count(db: Transaction, name: str, workspace_id: int) -> int:
    table = catalogue()[name].table
    query = sa.select(sa.func.count()).select_from(table).where(table.c["workspace_id"] == workspace_id)
    return int(db.execute(query).scalar_one())


def test_files_keep_their_names_and_bytes(house: House) -> None:
    run_ids = fill(house)
    bag = export(house, "op1")
    found = {(row["run_id"], row["path"]): row["bag_path"] for row in rows_of(bag, "artifacts")}
    assert len(found) == len(FILES) * len(run_ids)
    for (run_id, path), bag_path in found.items():
        assert (bag / "data" / str(bag_path)).read_bytes() == FILES[str(path)] + str(run_id).encode()
    assert found[run_ids["one"], "model/MLmodel"] == f"artifacts/ExperimentRun/dcid.{run_ids['one']}/model/MLmodel"
    assert str(found[run_ids["one"], "a"]).lower() != str(found[run_ids["one"], "A"]).lower()


def test_a_run_leaves_with_what_it_refers_to_and_no_more(house: House) -> None:
    run_ids = fill(house)
    row = house.database.read_now(
        lambda db: db.execute(sa.select(Run.c.row_id).where(Run.c.run_id == run_ids["three"])).scalar_one()
    )
    bag = export(house, "op1", Scope.RUN, row)
    assert verify_bag(bag).faults == []
    assert [r["run_id"] for r in rows_of(bag, "runs")] == [run_ids["three"]]
    assert [r["name"] for r in rows_of(bag, "experiments")] == ["second"]
    assert len(rows_of(bag, "members")) == len(rows_of(bag, "member_aliases")) == 1
    assert len(rows_of(bag, "stored_objects")) == len(FILES)
    assert {r["run_id"] for r in rows_of(bag, "metric_points")} == {run_ids["three"]}
    assert not (bag / "data/tables/telemetry_records").exists()


def test_an_experiment_leaves_with_all_its_runs(house: House) -> None:
    run_ids = fill(house)
    row = house.database.read_now(
        lambda db: db.execute(sa.select(Experiment.c.row_id).where(Experiment.c.name == "first/ø")).scalar_one()
    )
    bag = export(house, "op1", Scope.EXPERIMENT, row)
    assert {r["run_id"] for r in rows_of(bag, "runs")} == {run_ids["one"], run_ids["two"]}
    assert len(rows_of(bag, "metric_points")) == 120
    assert len(list((bag / "data/artifacts").rglob("MLmodel"))) == 2


def test_what_is_being_erased_does_not_leave(house: House) -> None:
    run_ids = fill(house)
    hide = sa.update(Experiment.table).where(Experiment.c.name == "first/ø").values(hidden_at=1)
    let_go = sa.update(Run.table).where(Run.c.run_id == run_ids["three"]).values(parent_row=None)
    house.database.write_now(lambda db: db.execute(hide).rowcount)
    with pytest.raises(Away):
        export(house, "waits")
    house.database.write_now(lambda db: db.execute(let_go).rowcount)
    bag = export(house, "op1")
    assert [r["run_id"] for r in rows_of(bag, "runs")] == [run_ids["three"]]
    assert rows_of(bag, "runs")[0]["parent_id"] is None
    everything = b"".join(path.read_bytes() for path in bag.rglob("*") if path.is_file())
    assert run_ids["one"].encode() not in everything
    assert len(rows_of(bag, "stored_objects")) == len(FILES)


def test_points_keep_their_order_however_they_are_packed(house: House) -> None:
    experiment = add_experiment(house, "crowded")
    run_id = add_run(house, experiment, "many", points=20 * 70)
    before = export(house, "before")
    compacted = compact_run(house.database, house.workspace.workspace_id, 1)
    assert compacted >= 64
    after = export(house, "after")
    part = "data/tables/metric_points/part-00000.parquet"
    assert (before / part).read_bytes() == (after / part).read_bytes()
    losses = [row["step"] for row in rows_of(after, "metric_points") if row["key"] == "loss"]
    assert losses == sorted(losses)
    assert {row["run_id"] for row in rows_of(after, "metric_points")} == {run_id}


def test_an_empty_workspace_leaves_as_a_whole_bag(house: House) -> None:
    bag = export(house, "op1")
    assert verify_bag(bag).faults == []
    connection = duckdb.connect()
    files = f"{bag}/data/tables/metric_points/*.parquet"
    assert connection.execute(f"SELECT count(*) FROM read_parquet('{files}')").fetchone() == (0,)


@pytest.mark.parametrize("scope", list(Scope))
def test_every_record_is_exported_decoded_or_withheld(scope: Scope) -> None:
    selection = Selection(Target(scope, 1, (1,)))
    exported, decoded = selection.exported(), selection.decoded()
    withheld = dict(selection.withheld())
    assert len(exported) + len(decoded) + len(withheld) == len(catalogue())
    for record in exported + decoded:
        assert record.rules.container is Container.WORKSPACE
        assert isinstance(record.rules.export, Rows | Decoded)
