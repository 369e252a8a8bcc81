"""A disk without room: an export or an import ends with a reason and leaves nothing, an erasure waits and goes on."""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from freehold.storage.write_ahead import copy_log
from tests.lifecycle.erase.site import traces
from tests.lifecycle.imports.content import export_bag, other_workspace
from tests.patience import patient
from tests.system.ending import until_ended, until_waiting
from tests.system.load import STORE
from tests.system.surfaces import make_run
from tests.system.test_disk_full import SmallDisk, small_tmpfs
from tests.system.test_kill import check_database, ledger, sweep, unowned
from tests.world import World

pytestmark = [
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),  # joserfc, by RFC 9864; verifiers know this name
    pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root"),
]
MEBIBYTE = 1 << 20
PATIENCE = patient(60)
LARGE = 3 * MEBIBYTE
WAITED = 4.0
"""Seconds: so long the engine's slices meet a disk without any room."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_tmpfs(tmp_path / "disk") as made:
        yield made


def fill(world: World, size: int = LARGE, parts: int = 1) -> tuple[str, str]:
    """A run with files that another copy of does not fit beside once the disk is filled; its mark."""
    run_id, mark = make_run(world, "large"), "Kakapo-4cf0a9f5e1b24f7d"
    for number in range(parts):
        path = f"{STORE}/1/{run_id}/artifacts/large-{number}"
        content = mark.encode() + os.urandom(size // parts)
        assert world.request("PUT", path, world.alice, content=content).status_code == 200
    world.mlflow("POST", "runs/set-tag", {"run_id": run_id, "key": "note", "value": mark})
    return run_id, mark


def ask(world: World, what: str, body: dict[str, Any]) -> str:
    answer = world.post(f"/freehold/v1/{what}", body, world.alice)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def leave(disk: SmallDisk, room: int) -> None:
    """Fill the disk but for `room` bytes, once the log is copied: what is in it (4 MB at most) and has no place in the
    file yet would take of them."""
    wait_for_copy(disk.world)
    disk.fill()
    filler = disk.world.folder.parent / "filler"
    os.truncate(filler, max(0, filler.stat().st_size - room))


def files(world: World) -> set[str]:
    kept = ("exports", "spools", "imports", "tmp")
    return {str(path) for name in kept for path in (world.folder / name).rglob("*") if path.is_file()}


def test_export_needs_no_room_for_files_of_its_own_disk(disk: SmallDisk) -> None:
    """They are linked into the bag."""
    world = disk.world
    fill(world)
    leave(disk, LARGE // 2)
    assert until_ended(world, ask(world, "exports", {"scope": "workspace"}), PATIENCE)["state"] == "Succeeded"


def test_export_without_room_fails_leaves_nothing_and_succeeds_later(disk: SmallDisk) -> None:
    world = disk.world
    log_much(world, fill(world)[0])
    leave(disk, MEBIBYTE)
    ended = until_ended(world, ask(world, "exports", {"scope": "workspace"}), PATIENCE)
    assert (ended["state"], ended["error"]["code"]) == ("Failed", "InsufficientStorage")
    assert "free some space" in ended["error"]["message"].lower()
    assert files(world) == set()
    disk.free()
    assert until_ended(world, ask(world, "exports", {"scope": "workspace"}), PATIENCE)["state"] == "Succeeded"
    world.kill()
    check_database(world.folder)


def test_erasure_needs_hardly_any_room(disk: SmallDisk) -> None:
    """Nothing is written anew: what is left of rows is zeroed where it lies."""
    world = disk.world
    run_id, mark = fill(world, size=1_000)
    log_much(world, run_id)
    log_much(world, make_run(world, "kept"))
    leave(disk, MEBIBYTE)
    ended = until_ended(world, ask(world, "erasures", {"scope": "run", "id": run_id}), PATIENCE)
    check_verified(ended)
    assert traces(world.folder, [mark, run_id]) == {}
    world.kill()
    check_database(world.folder)


def test_erasure_without_room_waits_and_says_so_and_goes_on(disk: SmallDisk) -> None:
    """While somebody reads, the log takes what room there is; none is left for the workflow engine either."""
    world = disk.world
    run_id, mark = fill(world, size=1_000)
    log_much(world, run_id)
    with connected(world) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM runs").fetchone()
        leave(disk, MEBIBYTE)
        operation_id = ask(world, "erasures", {"scope": "run", "id": run_id})
        waiting = until_waiting(world, operation_id, PATIENCE)
        assert "free some space" in waiting["error"]["message"].lower()
        disk.fill()
        time.sleep(WAITED)
        assert world.get(f"/freehold/v1/operations/{operation_id}", world.alice).json()["state"] == "Running"
    disk.free()
    ended = until_ended(world, operation_id, PATIENCE)
    check_verified(ended)
    assert traces(world.folder, [mark, run_id]) == {}
    world.kill()
    check_database(world.folder)


def connected(world: World) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(world.folder / "freehold.db", isolation_level=None))


def wait_for_copy(world: World) -> None:
    deadline = time.monotonic() + PATIENCE
    with connected(world) as connection:
        while time.monotonic() < deadline:
            copied = copy_log(connection)
            if not copied.is_hindered and copied.pages == copied.in_file:
                return
            time.sleep(0.05)
    raise AssertionError("the log was not copied")


def check_verified(ended: dict[str, Any]) -> None:
    assert ended["state"] == "Succeeded", ended
    assert ended["result"]["level"] == "verified"


def log_much(world: World, run_id: str) -> None:
    """Two megabytes that nothing makes smaller."""
    for batch in range(4):
        params = [{"key": f"{batch}-{number}", "value": os.urandom(2_600).hex()} for number in range(100)]
        world.mlflow("POST", "runs/log-batch", {"run_id": run_id, "params": params})


BAG = 4 * MEBIBYTE


def bag_of(world: World, folder: Path, parts: int = 1) -> bytes:
    """A bag of a workspace with files that take a good part of the disk."""
    fill(world, size=BAG, parts=parts)
    return export_bag(world, folder / "bag.tar").read_bytes()


def test_bag_that_there_is_no_room_for_is_refused_while_it_is_sent(disk: SmallDisk, tmp_path: Path) -> None:
    world = disk.world
    content, into = bag_of(world, tmp_path), other_workspace(world, "other")
    files_before = files(world)
    leave(disk, BAG // 2)
    answer = send(world, into, content)
    assert (answer.status_code, answer.json()["code"]) == (507, "InsufficientStorage")
    assert files(world) == files_before
    disk.free()
    came_in(world, into, content)


@pytest.mark.parametrize("times", [1.1, pytest.param(1.6, marks=pytest.mark.exhaustive)])
def test_import_without_room_fails_leaves_nothing_and_succeeds_later(
    disk: SmallDisk, tmp_path: Path, times: float
) -> None:
    """The bag fits, but not so what is taken out of it: files that are too small to be laid apart."""
    world = disk.world
    content, into = bag_of(world, tmp_path, parts=8), other_workspace(world, "other")
    files_before, objects_before = files(world), objects(world)
    leave(disk, round(BAG * times))
    answer = send(world, into, content)
    assert answer.status_code == 202, answer.text
    failed = until_ended(world, answer.json()["id"], PATIENCE)
    assert (failed["state"], failed["error"]["code"]) == ("Failed", "InsufficientStorage")
    assert "free some space" in failed["error"]["message"].lower()
    assert {path for path in files(world) if not path.endswith("report.json")} == files_before
    disk.free()
    assert runs_in(world, into) == []
    came_in(world, into, content)
    world.stop()
    check_database(world.folder)
    sweep(world)
    assert (ledger(world.folder), unowned(world.folder)) == (set(), set())
    assert len(objects(world)) == 2 * len(objects_before)


def test_import_of_large_files_needs_no_more_room_than_its_bag(disk: SmallDisk, tmp_path: Path) -> None:
    world = disk.world
    content, into = bag_of(world, tmp_path), other_workspace(world, "other")
    leave(disk, round(BAG * 1.2))
    came_in(world, into, content)


def send(world: World, into: str, content: bytes) -> Any:
    return world.request("POST", f"/freehold/v1{into}/imports?new_ids=true", world.alice, content=content)


def came_in(world: World, into: str, content: bytes) -> None:
    answer = send(world, into, content)
    assert answer.status_code == 202, answer.text
    assert until_ended(world, answer.json()["id"], PATIENCE)["state"] == "Succeeded"
    assert len(runs_in(world, into)) == 1


def runs_in(world: World, workspace: str) -> list[Any]:
    answer = world.get(f"/history/v1.0{workspace}/runs", world.alice)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["value"]
    return found


def objects(world: World) -> set[str]:
    return {path.name for path in (world.folder / "store").rglob("*") if path.is_file()}
