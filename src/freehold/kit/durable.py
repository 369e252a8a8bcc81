"""What was written stays after a power failure: a file, a folder's entries, or many of both at once."""

import ctypes
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

FEW = 32
"""Up to so many are synced one by one. A file system commits each by itself, which takes a millisecond or more."""
_syncfs: Any = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)  # Linux; Python has no name for it


def sync(path: Path) -> None:
    """The bytes of a file, or the entries of a folder. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(paths: Collection[Path]) -> None:
    """Files and folders of one file system; many of them with whatever else waits there. Raises OSError."""
    if len(paths) > FEW and _syncfs is not None:
        _sync_file_system(next(iter(paths)))
    else:
        for path in paths:
            sync(path)


def _sync_file_system(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if _syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
    finally:
        os.close(descriptor)
