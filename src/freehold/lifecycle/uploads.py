"""Bags and indexes on their way in, each in a folder that its receiver holds a lock on for as long as it lives.

The lock tells what a clock cannot: a sender may take days, and one whose server died is gone at once.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

FOLDER = "imports"
SUFFIX = ".sent"


@contextmanager
def claimed(data_folder: Path, upload_id: str) -> Iterator[Path]:
    """A folder for one upload, which nobody removes meanwhile; it is gone at the end."""
    folder = data_folder / FOLDER / f"{upload_id}{SUFFIX}"
    lock = _make(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _make(folder: Path) -> int:
    """Again where it was taken for an abandoned one before it was locked."""
    while True:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with suppress(FileNotFoundError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if folder.exists() and folder.stat().st_ino == os.fstat(lock).st_ino:
                return lock
            os.close(lock)


def remove_abandoned(data_folder: Path) -> int:
    """Uploads whose receiver is dead; how many."""
    return sum(_remove_if_abandoned(folder) for folder in (data_folder / FOLDER).glob(f"*{SUFFIX}"))


def _remove_if_abandoned(folder: Path) -> bool:
    with suppress(FileNotFoundError, NotADirectoryError, BlockingIOError):
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            return True
        finally:
            os.close(lock)
    return False


def is_upload(name: str) -> bool:
    """Whether a name below the folder is that of an upload, and of no operation."""
    return name.endswith(SUFFIX)
