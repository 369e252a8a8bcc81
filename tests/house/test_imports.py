"""The import contracts hold for the package, and each of them turns red when it is broken on purpose."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ["cli", "api", "studio", "lifecycle", "domain", "operations", "storage", "records", "kit", "client"]
FILES = ["app.py", "worker.py", "settings.py", "api/mlflow/__init__.py", "api/blobs/__init__.py", "api/errors.py"]

VIOLATIONS = [
    ("kit/clock.py", "import freehold.domain", "Imports point down only"),
    ("records/runs.py", "import freehold.storage", "Imports point down only"),
    ("domain/runs.py", "import freehold.lifecycle", "Imports point down only"),
    ("app.py", "import freehold.worker", "Imports point down only"),
    ("studio/pages.py", "import freehold.api", "Imports point down only"),
    ("attic/__init__.py", "", "Imports point down only"),
    ("client/runs.py", "import freehold.kit", "The client imports nothing else"),
    ("app.py", "import freehold.client", "Nothing but the command line uses the client"),
    ("api/mlflow/runs.py", "import freehold.api.blobs", "Facades never meet"),
    ("api/errors.py", "import freehold.api.mlflow", "Facades never meet"),
    ("api/mlflow/runs.py", "import sqlalchemy", "The api touches no SQL"),
]


@pytest.fixture
def empty_house(tmp_path: Path) -> Path:
    """A package with every room and nothing in it, under the real contracts."""
    for name in ["__init__.py", *(f"{room}/__init__.py" for room in ROOMS), *FILES]:
        file = tmp_path / "freehold" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint_imports(where: Path, source: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    environment = os.environ | {"PYTHONPATH": str(source), "COLUMNS": "200"}
    answer = subprocess.run(
        [*command, "--no-cache"], cwd=where, env=environment, capture_output=True, text=True, check=False
    )
    answer.stdout = re.sub(r"\x1b\[\d+m", "", answer.stdout)  # it paints even where nobody looks
    return answer


def test_package_keeps_every_contract() -> None:
    answer = lint_imports(ROOT, ROOT / "src")
    assert answer.returncode == 0, answer.stdout + answer.stderr


def test_empty_house_keeps_every_contract(empty_house: Path) -> None:
    answer = lint_imports(empty_house, empty_house)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(("where", "text", "contract"), VIOLATIONS)
def test_broken_contract_turns_red(empty_house: Path, where: str, text: str, contract: str) -> None:
    file = empty_house / "freehold" / where
    file.parent.mkdir(exist_ok=True)
    file.write_text(text + "\n")
    answer = lint_imports(empty_house, empty_house)
    assert answer.returncode != 0
    assert any(line.startswith(contract) and "BROKEN" in line for line in answer.stdout.splitlines()), (
        answer.stdout + answer.stderr
    )
