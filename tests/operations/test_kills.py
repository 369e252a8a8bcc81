"""kill -9 everywhere: an operation resumes by itself, and every effect is committed exactly once."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from freehold.operations.model import State
from tests.operations.conftest import ROOT, SERVER, Site, until
from tests.operations.test_running import ALL

STEPS = ("hide", "rows", "file", "seal")
MOMENTS = ("before", "inside", "after")
SAMPLE = {("hide", "after"), ("rows", "inside"), ("file", "before"), ("seal", "after")}
GRID = [
    pytest.param(step, moment, marks=[] if (step, moment) in SAMPLE else pytest.mark.exhaustive)
    for step in STEPS
    for moment in MOMENTS
]


def resume(site: Site, operation_id: str) -> None:
    assert site.run("--until-ended")[0] == 0
    assert site.operation(operation_id).state is State.SUCCEEDED
    assert site.operation(operation_id).fence == len(ALL)
    assert site.marks(operation_id) == ALL


@pytest.mark.parametrize(("step", "moment"), GRID)
def test_killed_at_a_step_boundary_it_finishes_once(site: Site, step: str, moment: str) -> None:
    code, (operation_id, *_) = site.run("--request", "erase", "--until-ended", fault=f"erase:{step}:{moment}")
    assert code == 137
    resume(site, operation_id)


def test_killed_again_and_again_it_finishes_once(site: Site) -> None:
    _, (operation_id, *_) = site.run("--request", "erase", "--until-ended", fault="erase:hide:after")
    for step in STEPS[1:]:
        assert site.run("--until-ended", fault=f"erase:{step}:after")[0] in (137, 0)
    resume(site, operation_id)


def test_killed_inside_a_steps_work_it_repeats_the_work_and_commits_once(site: Site) -> None:
    (site.data / "hold").touch()
    process = site.start("--request", "erase")
    until(lambda: "file" in site.work())
    os.kill(process.pid, signal.SIGKILL)
    assert process.stdout is not None
    operation_id = process.stdout.readline().strip()
    (site.data / "hold").unlink()
    resume(site, operation_id)
    assert site.work() == ["file", "file"]


def test_without_the_engines_file_it_resumes_where_its_row_says(site: Site) -> None:
    _, (operation_id, *_) = site.run("--request", "erase", "--until-ended", fault="erase:rows:after")
    for file in site.data.glob("operations.db*"):
        file.unlink()
    resume(site, operation_id)


def test_a_damaged_engines_file_is_replaced(site: Site) -> None:
    _, (operation_id, *_) = site.run("--request", "erase", "--until-ended", fault="erase:rows:after")
    for file in site.data.glob("operations.db*"):
        file.write_bytes(b"this is no database" * 500)
    resume(site, operation_id)


def test_after_an_upgrade_it_resumes_with_the_new_code(site: Site, tmp_path: Path) -> None:
    _, (operation_id, *_) = site.run("--request", "erase", "--until-ended", fault="erase:rows:after")
    process = site.start("--until-ended", release=next_release(tmp_path))
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert site.marks(operation_id) == [*ALL[:-1], "seal", "seal"]


def next_release(folder: Path) -> Path:
    """Another version of the package, other source in the workflow, and one step more in the kind."""
    shutil.copytree(ROOT / "src" / "freehold", folder / "freehold", ignore=shutil.ignore_patterns("__pycache__"))
    rewrite(folder / "freehold" / "__init__.py", '__version__ = "', '__version__ = "99.')
    rewrite(
        folder / "freehold" / "operations" / "workflows.py",
        "            try:\n",
        "            _ = VERSION\n            try:\n",
    )
    shutil.copy(SERVER, folder / "server.py")
    rewrite(folder / "server.py", 'Step("seal", seal)]\n', 'Step("proof", proof), Step("seal", seal)]\n')
    rewrite(folder / "server.py", "def refuse(", PROOF + "def refuse(")
    return folder


PROOF = "def proof(db: Transaction, context: OperationContext) -> Turn:\n    return seal(db, context)\n\n\n"


def rewrite(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_an_operation_that_kills_every_server_is_given_up(site: Site) -> None:
    _, (operation_id, *_) = site.run("--request", "erase", "--until-ended", fault="erase:rows:inside")
    codes = [site.run("--until-ended", "--most-recoveries", "2", fault="erase:rows:inside")[0] for _ in range(4)]
    assert codes[-1] == 0, codes
    operation = site.operation(operation_id)
    assert (operation.state, operation.error_code) == (State.FAILED, "OperationAbandoned")
    assert site.marks(operation_id) == ["hide"]
    assert site.work() == ["clean up Failed"]


def test_many_operations_killed_together_all_finish_once(site: Site) -> None:
    requests = ["erase"] * 12
    _, ids = site.run("--request", *requests, "--until-ended", fault="erase:file:after")
    assert site.run("--until-ended")[0] == 0
    for operation_id in ids:
        assert sorted(site.marks(operation_id)) == sorted(ALL)
