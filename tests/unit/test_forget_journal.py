"""The forget list's copy beside the keys."""

import errno
import os
from pathlib import Path

import pytest

from freehold.storage.forget_journal import append, read

FIRST, SECOND = (b"1" * 32, 1), (b"2" * 32, 2)


def refuse(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("later", [[], [SECOND]])
def test_what_the_disk_did_not_take_is_written_by_the_next_call(
    tmp_path: Path, later: list[tuple[bytes, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr("freehold.storage.forget_journal.os.open", lambda *_: refuse(0))
        with pytest.raises(OSError, match="space"):
            append(tmp_path, [FIRST])
        with pytest.raises(OSError, match="space"):
            append(tmp_path, [])
    assert read(tmp_path) == []
    append(tmp_path, later)
    assert read(tmp_path) == [FIRST, *later]


def test_what_was_written_but_not_synced_is_written_again_and_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as full:
        full.setattr("freehold.storage.forget_journal.os.fsync", refuse)
        with pytest.raises(OSError, match="space"):
            append(tmp_path, [FIRST])
    append(tmp_path, [SECOND])
    assert read(tmp_path) == [FIRST, SECOND]
