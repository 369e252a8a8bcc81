"""A local folder as a store. Every step goes through the folder above, opened without following links, so that a link
put there by somebody else leads nowhere, whenever it is put there.
"""

import asyncio
import contextlib
import os
import secrets
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import islice
from pathlib import Path

from freehold.kit.digests import Sha256Meter
from freehold.kit.problems import Conflict, InsufficientStorage, NotFound, Problem, TooLarge
from freehold.storage.blobs import PIECE, StoredBytes
from freehold.storage.outside.places import Found
from freehold.storage.portable import is_disk_full

_UPLOAD = ".freehold-upload-"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class FolderStore:
    """`root`: an absolute path without links, allowed by the owner."""

    def __init__(self, root: Path, *, largest: int) -> None:
        self._root = root
        self._largest = largest

    async def files(self, folder: str, after: str, limit: int) -> list[Found]:
        return await asyncio.to_thread(self._list, folder, after, limit)

    async def find(self, path: str) -> Found:
        return await asyncio.to_thread(self._find, path)

    async def read(self, path: str, start: int, end: int) -> AsyncIterator[bytes]:
        handle = await asyncio.to_thread(self._open_file, path)
        return _pieces(handle, start, end)

    async def write(self, path: str, pieces: AsyncIterator[bytes]) -> StoredBytes:
        *above, name = path.split("/")
        with _told(), self._folder(above, makes=True) as folder:
            upload = f"{_UPLOAD}{secrets.token_hex(8)}"
            handle = os.open(upload, _NEW, 0o640, dir_fd=folder)
            try:
                with os.fdopen(handle, "wb") as file:
                    kept = await self._fill(file.fileno(), pieces)
                os.rename(upload, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(upload, dir_fd=folder)
                raise
            await asyncio.to_thread(os.fsync, folder)
        return kept

    async def remove(self, path: str) -> None:
        await asyncio.to_thread(self._remove, path)

    async def _fill(self, handle: int, pieces: AsyncIterator[bytes]) -> StoredBytes:
        meter = Sha256Meter()
        async for piece in pieces:
            meter.feed(piece)
            if meter.size > self._largest:
                raise TooLarge("ObjectTooLarge", f"A file may have at most {self._largest} bytes on this server.")
            await asyncio.to_thread(_write_all, handle, piece)
        await asyncio.to_thread(os.fsync, handle)
        return StoredBytes(meter.size, meter.hexdigest)

    def _list(self, folder: str, after: str, limit: int) -> list[Found]:
        try:
            with _told(), self._folder(folder.split("/") if folder else []) as opened:
                return list(islice(_walk(opened, f"{folder}/" if folder else "", after), limit))
        except NotFound:
            if not folder:  # the store itself is missing
                raise
            return []

    def _find(self, path: str) -> Found:
        *above, name = path.split("/")
        with _told(), self._folder(above) as folder:
            found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not stat.S_ISREG(found.st_mode):
            raise _missing()
        return _found(path, found)

    def _open_file(self, path: str) -> int:
        *above, name = path.split("/")
        with _told(), self._folder(above) as folder:
            handle = os.open(name, _FILE, dir_fd=folder)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise _missing()
        return handle

    def _remove(self, path: str) -> None:
        *above, name = path.split("/")
        with _told(), self._folder(above) as folder:
            if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise _missing()
            os.unlink(name, dir_fd=folder)
            os.fsync(folder)

    @contextlib.contextmanager
    def _folder(self, parts: Sequence[str], *, makes: bool = False) -> Iterator[int]:
        """The folder below the root, open. Raises OSError where a part is a link or no folder."""
        handle = os.open(self._root, _FOLDER)
        try:
            for part in parts:
                if makes:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o750, dir_fd=handle)
                below = os.open(part, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = below
            yield handle
        finally:
            os.close(handle)


def _walk(folder: int, prefix: str, after: str) -> Iterator[Found]:
    """Plain files in order of their paths. Links, devices and names that are no text are passed over."""
    with os.scandir(folder) as entries:
        here = [(f"{each.name}/" if each.is_dir(follow_symlinks=False) else each.name, each) for each in entries]
    for name, entry in sorted(here, key=lambda pair: pair[0]):
        path = prefix + name
        if not entry.name.isprintable() or entry.name.startswith(_UPLOAD):
            continue
        if name.endswith("/"):
            if path >= after or after.startswith(path):
                yield from _walk_below(folder, entry.name, path, after)
        elif path > after and entry.is_file(follow_symlinks=False):
            yield _found(path, entry.stat(follow_symlinks=False))


def _walk_below(folder: int, name: str, prefix: str, after: str) -> Iterator[Found]:
    try:
        below = os.open(name, _FOLDER, dir_fd=folder)
    except OSError:  # it went, or became a link, after it was listed; or it may not be read
        return
    try:
        yield from _walk(below, prefix, after)
    finally:
        os.close(below)


async def _pieces(handle: int, start: int, end: int) -> AsyncIterator[bytes]:
    try:
        while start < end:
            piece = await asyncio.to_thread(os.pread, handle, min(PIECE, end - start), start)
            if not piece:
                return
            start += len(piece)
            yield piece
    finally:
        os.close(handle)


def _write_all(handle: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(handle, rest) :]


def _found(path: str, stated: os.stat_result) -> Found:
    etag = f"{stated.st_ino:x}-{stated.st_mtime_ns:x}-{stated.st_size:x}"
    return Found(path, stated.st_size, stated.st_mtime_ns // 1_000, etag)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """What the system refuses, as a Problem that names no path."""
    try:
        yield
    except OSError as fault:
        raise _as_problem(fault) from None


def _as_problem(fault: OSError) -> Problem:
    if is_disk_full(fault):
        return InsufficientStorage("InsufficientStorage", "The datastore's disk is full: nothing was kept.")
    if isinstance(fault, PermissionError):
        return Conflict("StoreRefused", "The server's own user may not do this in the datastore's folder.")
    if isinstance(fault, IsADirectoryError):
        return Conflict("PathTaken", "There is a folder of this name.")
    return _missing()


def _missing() -> NotFound:
    return NotFound("ContentNotFound", "There is no file at this path. Links are not followed.")
