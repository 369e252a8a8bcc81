"""Child processes: what they answer, how they end, and that none outlives its parent."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from freehold.kit.breath import RESTS
from freehold.kit.problems import Unavailable
from freehold.operations import children
from freehold.operations.children import TaskRefused, run_child
from freehold.operations.steps import Overtaken
from tests.conftest import House
from tests.operations.conftest import ROOT, needs_idle_policy, until

WORKER = (sys.executable, "-m", "tests.operations.tasks")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The child finds the same code as the tests do."""
    monkeypatch.setenv("PYTHONPATH", f"{ROOT / 'src'}{os.pathsep}{ROOT}")


def run(house: House, task: str, file: Path, **options: Any) -> Mapping[str, Any]:
    return run_child(task, {"file": str(file)}, house.settings, command=WORKER, **options)


def is_alive(file: Path) -> bool:
    """Whether the process whose id is in `file` runs (a zombie does not)."""
    try:
        status = Path(f"/proc/{file.read_text()}/stat").read_text()
    except FileNotFoundError:
        return False
    return status.rsplit(")", 1)[1].split()[0] != "Z"


def test_a_child_reads_the_database_makes_a_file_and_reports(house: House, tmp_path: Path) -> None:
    seen: list[Mapping[str, Any]] = []
    result = run(house, "count", tmp_path / "out", on_progress=seen.append)
    assert result["operations"] == 0
    assert result["pid"] != os.getpid()
    assert (tmp_path / "out").read_text() == "0"
    assert seen == [{"done": 0}, {"done": 1}, {"done": 2}]


def test_a_refusal_comes_back_as_a_problem(house: House, tmp_path: Path) -> None:
    with pytest.raises(TaskRefused, match="too old") as caught:
        run(house, "refuse", tmp_path / "out")
    assert caught.value.code == "TooOld"
    assert "tests/operations/tasks.py:" in caught.value.place


@needs_idle_policy
def test_a_child_that_stands_aside_for_too_long_is_replaced_by_one_that_only_steps_back(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"

    def passed_once_it_runs() -> float:
        """On a busy machine it may take long until it has got so far."""
        return 2 * children.ASIDE_SECONDS if out.exists() and out.read_text() else 0.0

    monkeypatch.setattr(children, "time", SimpleNamespace(monotonic=passed_once_it_runs))
    result = run(house, "linger_aside", out, aside=True)
    assert result["policy"] == os.SCHED_BATCH
    assert out.read_text().split() == [str(os.SCHED_IDLE), str(os.SCHED_BATCH)]


@needs_idle_policy
def test_a_child_rests_between_pieces_of_its_work_where_it_stands_aside(house: House, tmp_path: Path) -> None:
    beside = run(house, "compute", tmp_path / "out")["rested"]
    aside = run(house, "compute", tmp_path / "out", aside=True)["rested"]
    assert beside < 0.02 * RESTS <= aside


def test_a_child_that_dies_tells_where_and_nothing_else(
    house: House, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Unavailable):
        run(house, "die", tmp_path / "out")
    (line,) = (vars(each) for each in caplog.records)
    assert line["fault"].startswith("RuntimeError at ")
    assert "tests/operations/tasks.py:" in line["fault"]
    assert "secret" not in "".join([*capfd.readouterr(), str(line)])


def test_a_child_cannot_write(house: House, tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        run(house, "write", tmp_path / "out")


def test_a_cancelled_child_is_killed(house: House, tmp_path: Path) -> None:
    file = tmp_path / "pid"

    def check() -> None:
        if file.exists() and file.read_text():
            raise Overtaken

    with pytest.raises(Overtaken):
        run(house, "linger", file, check=check)
    assert not is_alive(file)


def test_a_child_dies_with_its_parent(house: House, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = (
        "import sys; from freehold.settings import Settings; from freehold.operations.children import run_child;"
        f"run_child('linger', {{'file': {str(file)!r}}}, Settings(data={house.settings.data!r}), command={WORKER!r})"
    )
    parent = subprocess.Popen([sys.executable, "-c", code])
    until(lambda: file.exists() and file.read_text() != "")
    assert is_alive(file)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    until(lambda: not is_alive(file))
