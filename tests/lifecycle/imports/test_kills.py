"""kill -9 at every border of every step: the import ends by itself, whole and once; cancelled, it leaves nothing."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from freehold.operations.faults import EXIT_CODE, MOMENTS, VARIABLE
from tests.lifecycle.imports.bags import Files, files_of, frozen
from tests.lifecycle.imports.content import IMPORTS, OPERATIONS, begin_import, ended, export_bag
from tests.world import World, make_world

STEPS = ("check", "conflicts", "objects", "rows", "close")


def wait_for_death(world: World) -> None:
    assert world.process is not None
    assert world.process.wait(60) == EXIT_CODE
    world.process = None


def rows_of(world: World, table: str) -> int:
    """Read while no server runs."""
    with closing(sqlite3.connect(world.folder / "freehold.db")) as database:
        return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def objects_of(world: World) -> list[str]:
    return sorted(path.name for path in (world.folder / "store").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    """The bag after an import that nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    made = make_world(folder / "data").start()
    assert ended(made, begin_import(made, frozen()))["state"] == "Succeeded"
    yield files_of(export_bag(made, folder / "bag.tar"))
    made.stop()


def borders() -> list[Any]:
    """All of them; in everyday runs the middle of each step, and the moment before and after the one commit."""
    everyday = {("rows", "before"), ("rows", "after"), *((step, "inside") for step in STEPS)}
    marks = {True: (), False: (pytest.mark.exhaustive,)}
    return [pytest.param(step, moment, marks=marks[(step, moment) in everyday]) for step in STEPS for moment in MOMENTS]


@pytest.mark.parametrize(("step", "moment"), borders())
def test_killed_anywhere_it_ends_whole(world: World, expected: Files, tmp_path: Path, step: str, moment: str) -> None:
    world.stop()
    world.start(**{VARIABLE: f"import:{step}:{moment}"})
    operation_id = begin_import(world, frozen())
    wait_for_death(world)
    is_written = step == "close" or (step, moment) == ("rows", "after")
    assert (rows_of(world, "runs") > 0) == (rows_of(world, "members") > 1) == is_written
    world.start()
    operation = ended(world, operation_id)
    assert operation["state"] == "Succeeded", operation
    again = files_of(export_bag(world, tmp_path / "again.tar"))
    assert again["manifest-sha256.txt"] == expected["manifest-sha256.txt"]
    folder = world.folder / "imports" / operation_id
    assert [path.name for path in folder.rglob("*")] == ["report.json"]


@pytest.mark.parametrize("step", ["conflicts", "objects"])
def test_cancelled_it_leaves_nothing_and_may_come_again(world: World, step: str) -> None:
    world.stop()
    world.start(**{VARIABLE: f"import:{step}:after"})
    operation_id = begin_import(world, frozen())
    wait_for_death(world)
    world.start(**{VARIABLE: "import:rows:before"})
    deadline = time.monotonic() + 30
    while world.process is not None and world.process.poll() is None and time.monotonic() < deadline:
        answer = world.post(f"{OPERATIONS}/{operation_id}/cancel", None, world.alice)
        if answer.status_code in (200, 409):
            break
    if answer.json().get("state") == "Canceled":
        while (world.folder / "imports" / operation_id).exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not (world.folder / "imports" / operation_id).exists()
        assert objects_of(world) == []
        assert world.get(f"{IMPORTS}/{operation_id}/report", world.alice).status_code == 404
    world.kill()
    world.start()
    assert ended(world, begin_import(world, frozen()))["state"] == "Succeeded"
