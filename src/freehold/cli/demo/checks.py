"""Checks with other people's tools, and one with none at all: reading every byte below the data folder."""

import importlib
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from freehold.cli.failure import Failure


def check_with_bagit(bag: Path) -> None:
    """The Library of Congress' bagit-python. Raises Failure."""
    _run([sys.executable, "-m", "bagit", "--quiet", "--validate", str(bag)], "bagit-python")


def check_with_sha256sum(bag: Path) -> None:
    """coreutils' sha256sum; `shasum` where that is what the system has. Raises Failure."""
    try:
        _run(["sha256sum", "--check", "--quiet", "manifest-sha256.txt"], "sha256sum", bag)
    except FileNotFoundError:
        _run(["shasum", "-a", "256", "--check", "--quiet", "manifest-sha256.txt"], "shasum", bag)


def runs_by_duckdb(bag: Path) -> list[tuple[Any, ...]]:
    """Name, points and best accuracy of each run, asked of the bag's tables alone."""
    duckdb = importlib.import_module("duckdb")
    tables = bag / "data" / "tables"
    # allow-sql: because DuckDB is asked here, in a bag that lies outside the house
    query = """
        SELECT r.name, count(*) AS points, max(p.value) FILTER (p.key = 'accuracy') AS accuracy
        FROM read_parquet($runs) r JOIN read_parquet($points) p USING (run_id)
        GROUP BY ALL ORDER BY accuracy DESC
    """
    files = {"runs": f"{tables}/runs/*.parquet", "points": f"{tables}/metric_points/*.parquet"}
    found: list[tuple[Any, ...]] = duckdb.execute(query, files).fetchall()
    return found


def files_with(folder: Path, values: Iterable[str]) -> tuple[dict[str, int], int]:
    """How many files below `folder` hold each value as plain bytes, and the bytes read."""
    needles = {value: value.encode() for value in values}
    hits, read = dict.fromkeys(needles, 0), 0
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or "keys" in path.relative_to(folder).parts:
            continue
        content = path.read_bytes()
        read += len(content)
        for value, needle in needles.items():
            hits[value] += needle in content
    return hits, read


def _run(command: list[str], name: str, folder: Path | None = None) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure("BagDoesNotHold", f"{name} says: {(done.stderr or done.stdout).strip()[-500:]}")
