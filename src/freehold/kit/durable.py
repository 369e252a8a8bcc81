"""What was written stays after a power failure: a file, a folder's entries, or many of both at once."""

import ctypes
import os
from collections import deque
from collections.abc import Callable, Collection
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

FEW = 32
"""Up to so many are synced one by one. A file system commits each by itself, which takes a millisecond or more."""
AHEAD = 4
"""So many wait at most for the thread that syncs them."""
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


class WriteBehind:
    """Large files become durable while the next ones are written, and leave the system's cache.

    There they would take the place of what clients read, up to all the memory there is; and the disk would stand idle
    until somebody waits for it.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="freehold-write-behind")
        self._waiting: deque[Future[None]] = deque()

    def put_away(self, file: IO[bytes]) -> None:
        """What is in it by now. Raises OSError, of what was put away before."""
        self._begin(_put_away, file)

    def close_behind(self, file: IO[bytes]) -> None:
        """A file that is written whole. Raises OSError, of what was put away before."""
        self._begin(_close, file)

    def finish(self) -> None:
        """All of them are durable now. Raises OSError."""
        while self._waiting:
            self._waiting.popleft().result()

    def close(self) -> None:
        """No file that was to be closed is open any more, whatever was raised."""
        self._thread.shutdown(wait=True)

    def _begin(self, call: Callable[[IO[bytes]], None], file: IO[bytes]) -> None:
        self._waiting.append(self._thread.submit(call, file))
        if len(self._waiting) > AHEAD:
            self._waiting.popleft().result()


def _close(file: IO[bytes]) -> None:
    with file:
        _put_away(file)


def _put_away(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
