"""A backup put back into a cloud's store, killed anywhere: what was erased since is never served, and goes again."""

import json
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from freehold.kit.faults import EXIT_CODE, VARIABLE
from tests.commands import freehold
from tests.lifecycle.erase.site import traces
from tests.lifecycle.faults.places import InS3, in_s3
from tests.patience import patient
from tests.world import World, make_world

# moto's server leaves the socket of a client that was killed to the garbage collector, which says so as a warning
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
POINTS = (
    "restore:folder:marked",
    "restore:object:put",
    "restore:database:copied",
    "restore:database:placed",
    "restore:returned:hidden",
    "restore:folder:unmarked",
)
LARGE = 9 << 20
GONE, KEPT = b"Quagga-5b0f6ad0c1e94c2b", b"Numbat-97e2f0d0416b4d6b"
"""In the contents of a run that is erased behind the backup, and of one that stays."""


class Backup(NamedTuple):
    world: World
    place: InS3
    folder: Path
    gone: str
    kept: str


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backup]:
    root = tmp_path_factory.mktemp("restore")
    with in_s3() as place:
        environment = place.environment(root / "data")
        world = make_world(root / "data", FREEHOLD_OBJECTS=environment["FREEHOLD_OBJECTS"])
        world.environment |= environment
        world.start()
        try:
            experiment = world.mlflow("POST", "experiments/create", {"name": "e"})["experiment_id"]
            gone, kept = (_make_run(world, experiment, mark) for mark in (GONE, KEPT))
            freehold(world, "backup", str(root / "backup"))
            freehold(world, "erase", "run", gone, "--yes", "--json")
        finally:
            world.kill()
        yield Backup(world, place, root / "backup", gone, kept)


def _make_run(world: World, experiment: str, mark: bytes) -> str:
    run_id: str = world.mlflow("POST", "runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    for name, size in (("small.txt", 100), ("large.bin", LARGE)):
        path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run_id}/artifacts/{name}"
        content = (mark * (size // len(mark) + 1))[:size] + mark
        assert world.request("PUT", path, world.alice, content=content).status_code == 200
    return run_id


def _emptied(backup: Backup, folder: Path) -> World:
    """A new data folder with the old keys, and nothing in the store."""
    backup.place.remove(backup.world.folder)
    keys = {"FREEHOLD_KEYS": str(backup.world.folder / "keys")}
    people = (backup.world.subscription_id, backup.world.alice, backup.world.bob, backup.world.charlie)
    return World(folder, *people, backup.world.environment | keys)


@pytest.mark.parametrize(
    "point", [pytest.param(each, marks=() if "placed" in each else pytest.mark.exhaustive) for each in POINTS]
)
def test_killed_anywhere_nothing_erased_is_served_and_it_goes_on(backup: Backup, tmp_path: Path, point: str) -> None:
    world = _emptied(backup, tmp_path / "data")
    world.environment[VARIABLE] = point
    freehold(world, "restore", str(backup.folder), "--json", expect=EXIT_CODE)
    del world.environment[VARIABLE]
    if point == POINTS[-1]:
        assert "holds data already" in freehold(world, "restore", str(backup.folder), expect=1)
    else:
        assert "was cut off" in freehold(world, "serve", expect=1)
        again = json.loads(freehold(world, "restore", str(backup.folder), "--json"))
        again.pop("log_closed")  # it is, where a sweep has signed what came after the backup
        assert again == {"erased_again": 1, "failed": []}
    world.start()
    try:
        found = [_status(world, run_id) for run_id in (backup.kept, backup.gone)]
        assert found == [200, 404]
        _wait_for_erasures(world)
    finally:
        world.stop()
    _check_store(backup, tmp_path)


def test_another_backup_does_not_go_on_with_it(backup: Backup, tmp_path: Path) -> None:
    world = _emptied(backup, tmp_path / "data")
    shutil.copytree(backup.folder, tmp_path / "other")
    world.folder.mkdir()
    shutil.copy(backup.folder / "freehold.db", world.folder)
    (world.folder / "restore.pending").write_text("0" * 64)
    assert "Another backup" in freehold(world, "restore", str(tmp_path / "other"), expect=1)


def _wait_for_erasures(world: World) -> None:
    deadline = time.monotonic() + patient(60)
    while time.monotonic() < deadline:
        with closing(sqlite3.connect(f"file:{world.folder}/freehold.db?mode=ro", uri=True, timeout=30)) as rows:
            states = {state for (state,) in rows.execute("SELECT state FROM operations WHERE kind = 'erase'")}
        if states == {"Succeeded"}:
            return
        time.sleep(0.2)
    raise AssertionError(states)


def _status(world: World, run_id: str) -> int:
    return world.get("/api/2.0/mlflow/runs/get", world.alice, params={"run_id": run_id}).status_code


def _check_store(backup: Backup, scratch: Path) -> None:
    """The kept run's two objects, whole, and no trace of the other's."""
    folder, fetched = backup.world.folder, scratch / "fetched"
    fetched.mkdir()
    backup.place.fetch(folder, fetched)
    contents = [path.read_bytes() for path in fetched.iterdir()]
    assert sorted(map(len, contents)) == [100 + len(KEPT), LARGE + len(KEPT)]
    assert all(content.endswith(KEPT) for content in contents)
    assert backup.place.rest(folder) == []
    assert traces(scratch / "data", [backup.gone]) == {}
