"""Each fault of the table, made in a copy of the source, turns its guards red; unchanged, they are green."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.mutations.table import MUTATIONS, SAMPLE, Mutation

ROOT = Path(__file__).parents[2]
LINKED = ("tests", "scripts", "docs", "requirements", "pyproject.toml", "CHANGELOG.md", ".tools")
SEEN = {1, 2, 4}
"""Exit codes of pytest: tests failed, or could not be collected (a module that does not import)."""
CASES = [
    pytest.param(each, id=each.name, marks=[] if each.name in SAMPLE else [pytest.mark.exhaustive])
    for each in MUTATIONS
]


@pytest.mark.parametrize("mutation", CASES)
def test_a_fault_is_seen(mutation: Mutation, tmp_path: Path) -> None:
    changed = _copy(tmp_path) / mutation.file
    source = changed.read_text()
    assert mutation.old in source, "the table is older than the source: say where the fault would be now"
    changed.write_text(source.replace(mutation.old, mutation.new, 1))
    code, said = _run(tmp_path, mutation.guards)
    assert code in SEEN, f"{mutation.guards} are green all the same: a guard is missing.\n{said}"


def test_guards_are_green_without_a_fault(tmp_path: Path) -> None:
    _copy(tmp_path)
    code, said = _run(tmp_path, tuple(sorted({guard for each in MUTATIONS for guard in each.guards})))
    assert code == 0, said


def test_faults_have_names_of_their_own() -> None:
    names = [each.name for each in MUTATIONS]
    assert sorted(names) == sorted(set(names))
    assert set(names) >= SAMPLE


def _copy(folder: Path) -> Path:
    """The package, to be changed, in a house whose other rooms are the real ones."""
    for name in LINKED:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    return folder / "src" / "freehold"


def _run(folder: Path, guards: tuple[str, ...]) -> tuple[int, str]:
    """pytest in that house, in a process of its own, to the first failure."""
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), *guards]
    environment = os.environ | {"PYTHONPATH": f"{folder / 'src'}:{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    return done.returncode, (done.stdout + done.stderr)[-3_000:]
