"""Many files are made durable with one call to the system, a few one by one; a refusal of the disk is told."""

import ctypes
import errno
import os
from pathlib import Path
from typing import IO

import pytest

from freehold.kit import durable

SYNCED = pytest.mark.skipif(durable._syncfs is None, reason="this system has no syncfs: each file is synced alone")


def made(folder: Path, number: int) -> list[Path]:
    paths = [folder / str(each) for each in range(number)]
    for path in paths:
        path.write_bytes(b"x")
    return paths


def test_a_few_are_synced_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(os, "fsync", seen.append)
    monkeypatch.setattr(durable, "_syncfs", lambda _: pytest.fail("a few need no more than themselves"))
    durable.sync_all(made(tmp_path, durable.FEW))
    assert len(seen) == durable.FEW


@SYNCED
def test_many_are_synced_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = durable._syncfs, list[int]()

    def counted(descriptor: int) -> int:
        calls.append(descriptor)
        status: int = real(descriptor)
        return status

    monkeypatch.setattr(durable, "_syncfs", counted)
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("they are synced together"))
    durable.sync_all(made(tmp_path, durable.FEW + 1))
    assert len(calls) == 1


def test_without_that_call_many_are_synced_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    monkeypatch.setattr(os, "fsync", seen.append)
    monkeypatch.setattr(durable, "_syncfs", None)
    durable.sync_all(made(tmp_path, durable.FEW + 1))
    assert len(seen) == durable.FEW + 1


def test_a_refusal_of_the_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> int:
        ctypes.set_errno(errno.ENOSPC)
        return -1

    monkeypatch.setattr(durable, "_syncfs", refuse)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        durable.sync_all(made(tmp_path, durable.FEW + 1))


def written(behind: durable.WriteBehind, folder: Path, number: int) -> list[IO[bytes]]:
    """Files that it was given, each with its own bytes."""
    files: list[IO[bytes]] = []
    for each in range(number):
        files.append((folder / str(each)).open("wb"))
        files[-1].write(bytes([each]) * 5_000)
        behind.close_behind(files[-1])
    return files


def test_files_are_put_away_while_the_next_are_written(tmp_path: Path) -> None:
    behind = durable.WriteBehind()
    files = written(behind, tmp_path, 3 * durable.AHEAD)
    assert all(file.closed for file in files[: -durable.AHEAD])
    behind.finish()
    assert all(file.closed for file in files)
    assert all((tmp_path / str(each)).read_bytes() == bytes([each]) * 5_000 for each in range(len(files)))
    behind.close()


def test_a_file_that_is_put_away_takes_more(tmp_path: Path) -> None:
    behind = durable.WriteBehind()
    with (tmp_path / "long").open("wb") as file:
        for each in range(3 * durable.AHEAD):
            file.write(bytes([each]) * 5_000)
            behind.put_away(file)
        behind.finish()
        assert (tmp_path / "long").stat().st_size == 3 * durable.AHEAD * 5_000
    behind.close()


def test_a_refusal_of_the_disk_is_told_to_who_goes_on(tmp_path: Path, refusing: None) -> None:
    behind = durable.WriteBehind()
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        written(behind, tmp_path, durable.AHEAD + 1)
    behind.close()


def test_a_refusal_of_the_disk_is_told_to_who_waits_for_the_end(tmp_path: Path, refusing: None) -> None:
    behind = durable.WriteBehind()
    files = written(behind, tmp_path, durable.AHEAD)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        behind.finish()
    behind.close()
    assert all(file.closed for file in files)


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
