"""Programs of other people that open a bag, each asked for all that it can tell."""

import json
import subprocess
from pathlib import Path
from typing import Any

import bagit
import duckdb
import pandas as pd
from rocrate.rocrate import ROCrate

from tests.unit.bag.crate_oracle import PROFILES, faults_of


def accepted_everywhere(bag: Path, scratch: Path) -> None:
    """`bag` is an unpacked one. Raises AssertionError, or the tool's own fault."""
    is_a_bag(bag)
    for profile in PROFILES:
        assert faults_of(bag / "data", scratch, profile=profile) == [], profile
    has_its_runs_as_actions(bag)
    has_its_rows_in_duckdb(bag)
    has_its_rows_in_pandas(bag)


def is_a_bag(bag: Path) -> None:
    bagit.Bag(str(bag)).validate()
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        subprocess.run(["sha256sum", "--check", "--quiet", "--strict", manifest], cwd=bag, check=True)


def has_its_runs_as_actions(bag: Path) -> None:
    """Read by the crate library of Python: every exported run is an action whose results are folders of the bag."""
    crate = ROCrate(str(bag / "data"))
    actions = crate.get_by_type("CreateAction")
    assert len(actions) == _rows(bag).get("runs", 0)
    for action in actions:
        for folder in action.get("result") or []:
            assert (bag / "data" / str(folder.id)).is_dir(), folder.id


def has_its_rows_in_duckdb(bag: Path) -> None:
    """By the bag's own script, which stands in `data/`."""
    connection = duckdb.connect()
    connection.execute(f"SET file_search_path = '{bag / 'data'}'")
    connection.execute((bag / "data/open.sql").read_text())
    for table, number in _rows(bag).items():
        assert connection.execute(f'SELECT count(*) FROM "{table}"').fetchone() == (number,), table
    connection.close()


def has_its_rows_in_pandas(bag: Path) -> None:
    for table, number in _rows(bag).items():
        assert len(pd.read_parquet(bag / "data/tables" / table)) == number, table


def _rows(bag: Path) -> dict[str, int]:
    """Table → rows, as the bag itself says."""
    coverage: dict[str, Any] = json.loads((bag / "data/coverage.json").read_text())
    rows = {name: int(counts["rows_exported"]) for name, counts in coverage["tables"].items()}
    for counts in coverage["decoded"].values():  # several packed tables unpack into one, and each states its points
        rows[counts["into"]] = int(counts["points_exported"])
    return rows
