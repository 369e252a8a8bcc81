"""Objects: immutable bytes under random keys, in a local folder or an object store. They stream, never buffered."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from freehold.kit.digests import Sha256Meter
from freehold.kit.faults import passing
from freehold.kit.problems import InsufficientStorage, NotFound, Problem, TooLarge, Unavailable
from freehold.settings import Settings
from freehold.storage.portable import is_disk_full

PIECE = 1 << 20
WHOLE = 1 << 20
"""Objects up to this size are put in one call; larger ones through a writer."""
OBJECT_FOLDER = "store"


class StoredBytes(NamedTuple):
    size: int
    sha256: str


class ObjectStore:
    """One store for all objects. `folder` is set when it is a local folder, which can then be read byte by byte."""

    def __init__(self, store: obstore.store.ObjectStore, folder: Path | None, *, largest: int) -> None:
        self._store = store
        self._largest = largest
        self.folder = folder

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> StoredBytes:
        """Store a stream. When it returns, the bytes are durable. Raises TooLarge, InsufficientStorage."""
        meter = Sha256Meter()
        try:
            head, rest = await self._head(pieces, meter)
            if rest is None:
                await obstore.put_async(self._store, key, head, use_multipart=False)
            else:
                await self._put_long(key, head, rest, meter)
        except (BaseError, OSError) as fault:
            raise _as_problem(fault) from fault
        await asyncio.to_thread(self._make_durable, key)
        return StoredBytes(meter.size, meter.hexdigest)

    async def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`. Raises NotFound."""
        try:
            options = {"range": (start, end)} if end is not None else {"range": {"offset": start}} if start else None
            found = await obstore.get_async(self._store, key, options=options)  # type: ignore[arg-type]  # a plain dict fits
        except (BaseError, FileNotFoundError) as fault:
            raise _as_problem(fault) from fault
        return _pieces(found)

    def read(self, key: str) -> Iterator[bytes]:
        """As `get` of the whole object, for a thread."""
        try:
            found = obstore.get(self._store, key)
            for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece)
        except (BaseError, FileNotFoundError) as fault:
            raise _as_problem(fault) from fault

    def adopt(self, files: Mapping[str, Path]) -> None:
        """Take over files of this machine as objects: moved where that can be, else put. All are durable at the end.

        A file that is gone was taken over before.
        """
        waiting = {key: path for key, path in files.items() if path.exists()}
        try:
            for key, path in waiting.items():
                self._adopt_one(key, path)
                passing("store:object:adopted")
        except (BaseError, OSError) as fault:
            raise _as_problem(fault) from fault
        for folder in {(self.folder / key).parent for key in waiting} if self.folder is not None else ():
            _sync(folder)

    def _adopt_one(self, key: str, path: Path) -> None:
        if self.folder is None:
            obstore.put(self._store, key, path)
            path.unlink()
            return
        target = self.folder / key
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.stat().st_dev != target.parent.stat().st_dev:
            nearby = target.with_name(f"{target.name}#1")  # what `delete` knows as the rest of a killed upload
            shutil.copyfile(path, nearby)
            _sync(nearby)
            os.replace(nearby, target)
            path.unlink()
            return
        _sync(path)
        os.replace(path, target)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is gone already is no fault."""
        wanted = list(keys)
        try:
            if self.folder is not None:
                self._unlink(wanted)
            elif wanted:
                obstore.delete(self._store, wanted)
        except FileNotFoundError:
            for key in wanted:
                self._delete_one(key)
        except BaseError as fault:
            raise _as_problem(fault) from fault

    def exists(self, key: str) -> bool:
        try:
            obstore.head(self._store, key)
        except (FileNotFoundError, BaseError) as fault:
            if isinstance(_as_problem(fault), NotFound):
                return False
            raise _as_problem(fault) from fault
        return True

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys in the store below a prefix."""
        for batch in obstore.list(self._store, prefix or None):
            for meta in batch:
                yield meta["path"]

    async def _head(
        self, pieces: AsyncIterator[bytes], meter: Sha256Meter
    ) -> tuple[bytes, AsyncIterator[bytes] | None]:
        held: list[bytes] = []
        async for piece in pieces:
            self._measure(piece, meter)
            held.append(piece)
            if meter.size > WHOLE:
                return b"".join(held), pieces
        return b"".join(held), None

    async def _put_long(self, key: str, head: bytes, rest: AsyncIterator[bytes], meter: Sha256Meter) -> None:
        async with obstore.open_writer_async(self._store, key, buffer_size=8 * PIECE) as writer:
            await writer.write(head)
            async for piece in rest:
                self._measure(piece, meter)
                await writer.write(piece)

    def _measure(self, piece: bytes, meter: Sha256Meter) -> None:
        meter.feed(piece)
        if meter.size > self._largest:
            raise TooLarge("ObjectTooLarge", f"An object may have at most {self._largest} bytes on this server.")

    def _make_durable(self, key: str) -> None:
        """A local store renames into place but does not fsync: an answer must not come before the bytes are safe."""
        if self.folder is None:
            return
        for path in (self.folder / key, (self.folder / key).parent):
            _sync(path)

    def _unlink(self, keys: Iterable[str]) -> None:
        """With what a killed upload left beside it: object_store writes `<key>#1` and renames it at the end."""
        assert self.folder is not None
        for key in keys:
            (self.folder / key).unlink(missing_ok=True)
            (self.folder / f"{key}#1").unlink(missing_ok=True)
            passing("store:object:unlinked")

    def _delete_one(self, key: str) -> None:
        try:
            obstore.delete(self._store, key)
        except FileNotFoundError:
            return


def open_objects(settings: Settings) -> ObjectStore:
    """The store that the settings name. Local folders for now."""
    if settings.objects and not settings.objects.startswith("file://"):
        raise ValueError(f"Object store {settings.objects!r}: use a file:// URL of a folder, or leave it empty.")
    folder = Path(settings.objects.removeprefix("file://") or settings.data_folder / OBJECT_FOLDER)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return ObjectStore(LocalStore(folder), folder, largest=settings.max_object)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _pieces(found: Any) -> AsyncIterator[bytes]:
    async for piece in found.stream(min_chunk_size=PIECE):
        yield bytes(piece)


def _as_problem(fault: BaseException) -> Problem:
    if isinstance(fault, FileNotFoundError) or "not found" in str(fault).lower():
        return NotFound("ObjectNotFound", "The object's bytes are not in the store.")
    if is_disk_full(fault):
        return InsufficientStorage("InsufficientStorage", "The object store is full: the upload was not kept.")
    return Unavailable("ObjectStoreUnavailable", "The object store did not answer. Try again in a moment.")
