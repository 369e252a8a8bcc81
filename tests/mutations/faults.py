"""What a fault made on purpose is, and a house with that fault in it."""

import multiprocessing
import os
import re
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from tests.patience import patient

ROOT = Path(__file__).parents[2]
LINKED = ("tests", "scripts", "docs", "requirements", "pyproject.toml", "CHANGELOG.md", ".tools")
_SEEN = re.compile(r"\b[1-9]\d* (failed|error)|while loading conftest")
"""What pytest says where a test failed or a module did not import; not where pytest itself broke down."""
PATIENCE = patient(600)
"""Seconds."""

# Imported once; every house is forked off behind them. Nothing of Freehold's: that is what changes.
_NURSERY = multiprocessing.get_context("forkserver")
_PARTS = """alembic.autogenerate argon2 cryptography.x509 httpx hypothesis joserfc.jwt msgspec obstore psycopg
pyarrow.parquet sqlalchemy.dialects.sqlite starlette.applications zstandard"""
_NURSERY.set_forkserver_preload(_PARTS.split())


class Mutation(NamedTuple):
    """`old` stands at least once in `file`, below `src/freehold`; its first place becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    guards: tuple[str, ...]


def make_copy(folder: Path) -> Path:
    """The package, to be changed, in a house whose other rooms are the real ones. Gives the package's folder."""
    for name in LINKED:
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)
    # What is compiled already comes along: a changed file is newer than its compiled form.
    shutil.copytree(ROOT / "src", folder / "src", ignore=shutil.ignore_patterns("*.egg-info"))
    return folder / "src" / "freehold"


def make_fault(mutation: Mutation, folder: Path) -> None:
    changed = make_copy(folder) / mutation.file
    source = changed.read_text()
    assert mutation.old in source, "the table is older than the source: say where the fault would be now"
    changed.write_text(source.replace(mutation.old, mutation.new, 1))


def is_seen(code: int, said: str) -> bool:
    return code > 0 and _SEEN.search(said) is not None


def ask_guards(folder: Path, guards: tuple[str, ...]) -> tuple[int, str]:
    """pytest in that house, in a process of its own, to the first failure: exit code and the end of what it said."""
    process = _NURSERY.Process(target=_within, args=(str(folder), guards))
    process.start()
    process.join(PATIENCE)
    if process.exitcode is None:
        process.kill()
        process.join()
        return -1, f"not done in {PATIENCE:.0f} s"
    return process.exitcode, (folder / "said.txt").read_text()[-3_000:]


def _within(folder: str, guards: tuple[str, ...]) -> None:
    """Runs in the new process, which knows nothing of the house it was asked from but this module."""
    with open(f"{folder}/said.txt", "w") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    os.chdir(folder)
    os.environ |= {"PYTHONPATH": f"{folder}/src:{folder}", "PYTHONDONTWRITEBYTECODE": "1"}
    for name in [each for each in os.environ if each.startswith("PYTEST_")]:
        del os.environ[name]  # of the run that asks: this one is no part of it
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # to import them takes longer than most guards
    sys.dont_write_bytecode = True
    outside = {str(ROOT), str(ROOT / "src"), ""}
    sys.path[:] = [f"{folder}/src", folder, *(each for each in sys.path if each not in outside)]
    for name in [each for each in sys.modules if each.partition(".")[0] in {"freehold", "tests", "scripts"}]:
        del sys.modules[name]
    import pytest

    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "pytest_timeout", "--rootdir", folder]
    sys.exit(int(pytest.main([*options, *guards])))
