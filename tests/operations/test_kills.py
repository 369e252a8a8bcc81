"""kill -9 everywhere: an operation resumes by itself, and every effect is committed exactly once."""

import os
import shutil
import signal
from pathlib import Path

import pytest

from freehold.operations.model import State
from tests.operations.conftest import ROOT, SERVER, World, until
from tests.operations.test_running import ALL

STEPS = ("hide", "rows", "file", "seal")
MOMENTS = ("before", "inside", "after")


def resume(world: World, operation_id: str) -> None:
    assert world.run("--until-ended")[0] == 0
    assert world.operation(operation_id).state is State.SUCCEEDED
    assert world.operation(operation_id).fence == len(ALL)
    assert world.marks(operation_id) == ALL


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_boundary_it_finishes_once(world: World, step: str, moment: str) -> None:
    code, (operation_id, *_) = world.run("--request", "erase", "--until-ended", fault=f"erase:{step}:{moment}")
    assert code == 137
    resume(world, operation_id)


def test_killed_again_and_again_it_finishes_once(world: World) -> None:
    _, (operation_id, *_) = world.run("--request", "erase", "--until-ended", fault="erase:hide:after")
    for step in STEPS[1:]:
        assert world.run("--until-ended", fault=f"erase:{step}:after")[0] in (137, 0)
    resume(world, operation_id)


def test_killed_inside_a_steps_work_it_repeats_the_work_and_commits_once(world: World) -> None:
    (world.data / "hold").touch()
    process = world.start("--request", "erase")
    until(lambda: "file" in world.work())
    os.kill(process.pid, signal.SIGKILL)
    assert process.stdout is not None
    operation_id = process.stdout.readline().strip()
    (world.data / "hold").unlink()
    resume(world, operation_id)
    assert world.work() == ["file", "file"]


def test_killed_before_the_engine_was_told_it_is_found_and_run(world: World) -> None:
    """The row is the queue: without the engine's file it resumes where its own row says."""
    _, (operation_id, *_) = world.run("--request", "erase", "--until-ended", fault="erase:rows:after")
    for file in world.data.glob("operations.db*"):
        file.unlink()
    resume(world, operation_id)


def test_after_an_upgrade_it_resumes_with_the_new_code(world: World, tmp_path: Path) -> None:
    _, (operation_id, *_) = world.run("--request", "erase", "--until-ended", fault="erase:rows:after")
    process = world.start("--until-ended", release=next_release(tmp_path))
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert world.marks(operation_id) == [*ALL[:-1], "seal", "seal"]


def next_release(folder: Path) -> Path:
    """Another version of the package, other source in the workflow, and one step more in the kind."""
    shutil.copytree(ROOT / "src" / "freehold", folder / "freehold", ignore=shutil.ignore_patterns("__pycache__"))
    rewrite(folder / "freehold" / "__init__.py", '__version__ = "', '__version__ = "99.')
    rewrite(
        folder / "freehold" / "operations" / "workflows.py", "        try:\n", "        _ = VERSION\n        try:\n"
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


def test_an_operation_that_kills_every_server_is_given_up(world: World) -> None:
    _, (operation_id, *_) = world.run("--request", "erase", "--until-ended", fault="erase:rows:inside")
    codes = [world.run("--until-ended", "--most-recoveries", "2", fault="erase:rows:inside")[0] for _ in range(4)]
    assert codes[-1] == 0, codes
    operation = world.operation(operation_id)
    assert (operation.state, operation.error_code) == (State.FAILED, "OperationAbandoned")
    assert world.marks(operation_id) == ["hide"]
    assert world.work() == ["clean up Failed"]


def test_many_operations_killed_together_all_finish_once(world: World) -> None:
    requests = ["erase"] * 12
    _, ids = world.run("--request", *requests, "--until-ended", fault="erase:file:after")
    assert world.run("--until-ended")[0] == 0
    for operation_id in ids:
        assert sorted(world.marks(operation_id)) == sorted(ALL)
