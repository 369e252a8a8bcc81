"""A full disk: writes are refused with 507, reads go on, nothing is corrupted, and room brings everything back."""

import contextlib
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.system.load import STORE
from tests.system.surfaces import SURFACES, data_of, make_run
from tests.system.test_kill import check_database
from tests.world import World, make_world

MEBIBYTE = 1 << 20
DISK = 24 * MEBIBYTE
MOST_TRIES = 400
VALUE = "v" * 5_000


@dataclass
class SmallDisk:
    """A server whose disk can be filled and freed."""

    world: World
    fill: Callable[[], None]
    free: Callable[[], None]


@contextlib.contextmanager
def small_tmpfs(folder: Path) -> Iterator[SmallDisk]:
    """A real file system of 24 MiB; mounting one needs root."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(folder)], check=True)
    world = make_world(folder / "data").start()
    filler = folder / "filler"

    def fill() -> None:
        with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
            while True:
                file.write(b"x" * 4_096)

    try:
        yield SmallDisk(world, fill, filler.unlink)
    finally:
        world.kill()
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def limited_files(folder: Path) -> Iterator[SmallDisk]:
    """Every file of the server may grow no further: needs no rights, and the error comes from the write itself."""
    world = make_world(folder / "data").start()
    assert world.process is not None
    pid, hard = world.process.pid, resource.prlimit(world.process.pid, resource.RLIMIT_FSIZE)[1]
    largest = max(path.stat().st_size for path in world.folder.glob("freehold.db*"))
    try:
        yield SmallDisk(
            world,
            lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (largest + 65_536, hard)) and None,
            lambda: resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard)) and None,
        )
    finally:
        world.kill()


DISKS = [limited_files, small_tmpfs] if os.geteuid() == 0 else [limited_files]


@pytest.fixture(params=DISKS, ids=lambda disk: disk.__name__)
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SmallDisk]:
    with request.param(tmp_path / "disk") as made:
        yield made


def test_full_disk_refuses_writes_and_serves_reads(disk: SmallDisk) -> None:
    world, kept = disk.world, dict[str, str]()
    run_id = make_run(world, "before")
    upload(world, run_id, "before", b"before").raise_for_status()
    kept |= write_until_refused(world, run_id, "roomy", tries=5)
    assert len(kept) == 5
    disk.fill()
    kept |= write_until_refused(world, run_id, "full", tries=MOST_TRIES)
    assert len(kept) < MOST_TRIES, "the disk never filled up"
    assert upload(world, run_id, "large", b"x" * DISK).status_code == 507
    reads_go_on(world, run_id, kept)
    disk.free()
    kept |= write_until_refused(world, run_id, "freed", tries=5)
    upload(world, run_id, "after", b"after").raise_for_status()
    reads_go_on(world, run_id, kept)
    world.kill()
    check_database(world.folder)
    world.start()
    reads_go_on(world, run_id, kept)
    assert world.get(f"{STORE}/1/{run_id}/artifacts/large", world.alice).status_code == 404


def write_until_refused(world: World, run_id: str, name: str, *, tries: int) -> dict[str, str]:
    """Parameters that were acknowledged; the first refusal must be a clear 507."""
    kept: dict[str, str] = {}
    with httpx.Client(base_url=world.url, headers=world.alice.headers, timeout=60) as client:
        for number in range(tries):
            params = [{"key": f"{name}-{number}-{n}", "value": VALUE} for n in range(20)]
            answer = client.post("/api/2.0/mlflow/runs/log-batch", json={"run_id": run_id, "params": params})
            if answer.status_code == 507:
                told = SURFACES[0].read(answer)
                assert "disk is full" in told.message
                return kept
            assert answer.status_code == 200, answer.text
            kept[params[0]["key"]] = VALUE
    return kept


def reads_go_on(world: World, run_id: str, kept: dict[str, str]) -> None:
    params = {param["key"]: param["value"] for param in data_of(world, run_id)["params"]}
    assert kept.items() <= params.items()
    assert len(params) == 20 * len(kept)
    assert world.get(f"{STORE}/1/{run_id}/artifacts/before", world.alice).content == b"before"
    assert world.get("/readyz").status_code == 200


def upload(world: World, run_id: str, name: str, content: bytes) -> httpx.Response:
    return world.request("PUT", f"{STORE}/1/{run_id}/artifacts/{name}", world.alice, content=content)
