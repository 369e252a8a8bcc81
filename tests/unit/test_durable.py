"""Many files are made durable with one call to the system, a few one by one; a refusal of the disk is told."""

import ctypes
import errno
import os
from pathlib import Path

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
