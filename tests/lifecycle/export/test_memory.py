"""An export takes no more memory for more rows, nor for larger ones."""

import json
import os
import subprocess
import sys

import msgspec
import pytest
import sqlalchemy as sa

from freehold.records.runs import Run, RunTag
from freehold.storage.transaction import Transaction
from tests.conftest import House
from tests.lifecycle.export.content import add_experiment, add_run, job_of

MEBIBYTE = 1 << 20
MOST = 130
"""MiB that 60 MiB of tags may take beyond what a small workspace does."""


def peak_of_export(house: House, operation_id: str) -> int:
    """MiB of a child's process that exports the workspace."""
    order = {"settings": msgspec.to_builtins(house.settings), "job": job_of(house, operation_id)}
    command = [sys.executable, "-m", "freehold.worker", "export"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(json.dumps(order) + "\n")
        child.stdin.flush()
        said = [json.loads(line) for line in child.stdout]
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, said
    return used.ru_maxrss // 1_024 if sys.platform == "linux" else used.ru_maxrss // MEBIBYTE


@pytest.mark.parametrize(("tags", "size"), [(120, MEBIBYTE // 2), (12_000, 5_000)])
def test_memory_does_not_grow_with_what_is_exported(sqlite_house: House, tags: int, size: int) -> None:
    experiment = add_experiment(sqlite_house, "large")
    runs = [add_run(sqlite_house, experiment, str(number), points=1) for number in range(20)]
    before = peak_of_export(sqlite_house, "01890000-0000-7000-8000-000000000001")
    sqlite_house.database.write_now(lambda db: add_tags(db, len(runs), tags, size))
    assert peak_of_export(sqlite_house, "01890000-0000-7000-8000-000000000002") - before < MOST


def add_tags(db: Transaction, runs: int, tags: int, size: int) -> None:
    workspace_id = db.execute(sa.select(sa.func.max(Run.c.workspace_id))).scalar_one()
    rows = db.execute(sa.select(Run.c.row_id)).scalars().all()
    assert len(rows) == runs
    for number in range(tags):
        values = {"workspace_id": workspace_id, "run_row": rows[number % runs], "key": f"tag {number}"}
        db.execute(RunTag.table.insert().values(**values, value=os.urandom(size // 2).hex()))
