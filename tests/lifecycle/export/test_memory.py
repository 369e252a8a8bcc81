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
STARTER = """
import os, sys
child = os.posix_spawn(sys.executable, sys.argv[1:], os.environ)
_, status, used = os.wait4(child, 0)
print(used.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
MOST = 115
"""MiB that 60 MiB of tags may take beyond what a small workspace does."""


def peak_of_export(house: House, operation_id: str) -> int:
    """MiB of a child's process that exports the workspace. A small process starts it and says what it took: of a child
    the system counts also what the parent held when it was begun."""
    order = {"settings": msgspec.to_builtins(house.settings), "job": job_of(house, operation_id)}
    command = [sys.executable, "-m", "freehold.worker", "export"]
    with subprocess.Popen(
        [sys.executable, "-c", STARTER, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        starter.stdin.write(json.dumps(order) + "\n")
        starter.stdin.flush()  # and left open: a child whose parent is gone ends
        *said, used = starter.stdout.read().splitlines()
    assert starter.returncode == 0, said
    return int(used) // 1_024 if sys.platform == "linux" else int(used) // MEBIBYTE


@pytest.mark.parametrize(("runs", "tags", "size"), [(20, 120, MEBIBYTE // 2), (20, 12_000, 5_000), (4, 12_000, 5_000)])
def test_memory_does_not_grow_with_what_is_exported(sqlite_house: House, runs: int, tags: int, size: int) -> None:
    """Runs without tags come first: what is read of them says nothing about those behind them."""
    experiment = add_experiment(sqlite_house, "large")
    for number in range(100 + runs):
        add_run(sqlite_house, experiment, str(number), points=1)
    before = peak_of_export(sqlite_house, "01890000-0000-7000-8000-000000000001")
    sqlite_house.database.write_now(lambda db: add_tags(db, runs, tags, size))
    assert peak_of_export(sqlite_house, "01890000-0000-7000-8000-000000000002") - before < MOST


def add_tags(db: Transaction, runs: int, tags: int, size: int) -> None:
    """Tags of this size, in turns to the last of the runs."""
    workspace_id = db.execute(sa.select(sa.func.max(Run.c.workspace_id))).scalar_one()
    rows = db.execute(sa.select(Run.c.row_id).order_by(Run.c.row_id.desc()).limit(runs)).scalars().all()
    assert len(rows) == runs
    for number in range(tags):
        values = {"workspace_id": workspace_id, "run_row": rows[number % runs], "key": f"tag {number}"}
        db.execute(RunTag.table.insert().values(**values, value=os.urandom(size // 2).hex()))
