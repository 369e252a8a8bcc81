"""A disk that is full in the middle of a piece: the system keeps a part and says how much, and no fault comes."""

import asyncio
import hashlib
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from freehold.kit.problems import InsufficientStorage
from freehold.lifecycle.bag.split import LARGE
from freehold.lifecycle.bag.tar import iter_tar
from freehold.lifecycle.bag.unpacking import unpack
from freehold.lifecycle.imports.extract import Wanted, take_objects
from freehold.lifecycle.imports.receiving import received
from freehold.settings import Settings

ROOM = 100_000
CONTENT = b"x" * (ROOM + 50)


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process may be longer: writes beyond are cut, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def large_tar(folder: Path) -> bytes:
    """With a file that is laid apart."""
    (folder / "bag").mkdir()
    (folder / "bag" / "file").write_bytes(b"x" * LARGE)
    (folder / "bag" / "manifest-sha256.txt").write_text(f"{'0' * 64}  file\n")
    return b"".join(iter_tar(folder / "bag", "bag-1", 1_780_000_001))


@pytest.mark.parametrize("is_tar", [False, True])
def test_bag_on_its_way_in_is_refused(tmp_path: Path, is_tar: bool) -> None:
    content = large_tar(tmp_path) if is_tar else CONTENT

    async def pieces() -> AsyncIterator[bytes]:
        yield content

    async def receive() -> None:
        async with received(Settings(data=str(tmp_path)), "upload", {}, pieces()):
            raise AssertionError("a part of it was taken for all")

    with room_for(ROOM), pytest.raises(InsufficientStorage):
        asyncio.run(receive())
    assert list((tmp_path / "imports").iterdir()) == []


def test_file_of_a_bag_is_not_taken_in_part(tmp_path: Path) -> None:
    bag, to = tmp_path / "bag", tmp_path / "to"
    (bag / "data").mkdir(parents=True)
    to.mkdir()
    (bag / "data" / "file").write_bytes(CONTENT)
    with room_for(ROOM), pytest.raises(OSError, match="File too large"):
        take_objects(bag, {"data/file": Wanted(0, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())}, {""}, to)


def test_bag_is_not_unpacked_in_part(tmp_path: Path) -> None:
    (tmp_path / "bag" / "data").mkdir(parents=True)
    (tmp_path / "bag" / "data" / "file").write_bytes(CONTENT)
    said = f"{hashlib.sha256(CONTENT).hexdigest()}  data/file\n"
    (tmp_path / "bag" / "manifest-sha256.txt").write_text(said)
    tar = b"".join(iter_tar(tmp_path / "bag", "bag-1", 1_780_000_001))
    with room_for(ROOM), pytest.raises(OSError, match="File too large"):
        unpack([tar], tmp_path / "to")
