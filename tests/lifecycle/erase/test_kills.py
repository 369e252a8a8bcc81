"""kill -9 at every boundary: it finishes by itself, once, and is verified."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.lifecycle.erase import ERASE
from freehold.operations.faults import EXIT_CODE, MOMENTS
from freehold.operations.model import State
from freehold.records.lifecycle import Certificate
from freehold.records.rules import Scope
from tests.lifecycle.erase.site import open_site, traces
from tests.patience import patient

ROOT = Path(__file__).parents[3]
WORKER = Path(__file__).with_name("site.py")
POINTS = [f"erase:{step.name}:{moment}" for step in ERASE.steps for moment in MOMENTS]
SEEDED = [
    "erase:collect:after",
    "erase:rows:inside",
    "erase:objects:before",
    "erase:verify:inside",
    "erase:close:before",
]


def _run(folder: Path, fault: str = "") -> int:
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "FREEHOLD_FAULT": fault}
    return subprocess.run([sys.executable, str(WORKER), str(folder)], env=environment, timeout=patient(120)).returncode


@pytest.mark.parametrize("fault", SEEDED)
def test_killed_erasure_finishes_once(fault: str, tmp_path: Path) -> None:
    _kill_and_finish(fault, tmp_path / "data")


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", [point for point in POINTS if point not in SEEDED])
def test_killed_anywhere_erasure_finishes_once(fault: str, tmp_path: Path) -> None:
    _kill_and_finish(fault, tmp_path / "data")


def _kill_and_finish(fault: str, folder: Path) -> None:
    site = open_site(folder)
    experiment = site.experiment()
    site.run(experiment, points=500)
    kept = site.canaries.copy()
    site.canaries.clear()
    run_id = site.run(experiment, points=500)
    operation = site.request(Scope.RUN, run_id)
    site.close()

    assert _run(folder, fault) == EXIT_CODE
    assert _run(folder) == 0

    site = open_site(folder)
    try:
        done = site.operation(operation.operation_id)
        assert done.state is State.SUCCEEDED
        number = sa.select(sa.func.count()).select_from(Certificate.table)
        assert site.database.read_now(lambda db: db.execute(number).scalar_one()) == 1
        assert traces(folder, [run_id, *site.canaries]) == {}
        assert set(traces(folder, kept)) == set(kept)
        assert site.keys.operations.ids() == []
    finally:
        site.close()
