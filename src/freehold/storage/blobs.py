"""Objects: immutable bytes under random keys, in a local folder or an object store. They stream, never buffered."""

import asyncio
import ctypes
import os
import shutil
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from freehold.kit.digests import Sha256Meter
from freehold.kit.durable import sync, sync_all
from freehold.kit.faults import passing
from freehold.kit.problems import NotFound, Problem, TooLarge
from freehold.settings import Settings
from freehold.storage.cloud import parts
from freehold.storage.cloud.faults import NO_BUCKET, as_problem, bucket_gone
from freehold.storage.cloud.keeping import Keeper, keeper_of
from freehold.storage.cloud.opening import open_cloud
from freehold.storage.cloud.places import CloudPlace, place_of_objects

PIECE = 1 << 20
PART = 8 << 20
"""Larger ones are put in parts of this size, all but the last; of a file, whose size is known, in larger if need be."""
PARTS_AT_ONCE = 4
BATCH = 1_000
"""Objects removed from a cloud's store in one request; each batch is done whole before the next."""
WHOLE = 1 << 20
"""Objects up to this size are put in one call; larger ones through a writer."""

MANY = 16
"""From so many files on they are unlinked together."""
HELD = 0.005
"""Seconds for which the looks of one removal may keep the interpreter, without which the server answers nobody."""
_access: Any = ctypes.PyDLL(None).access


class StoredBytes(NamedTuple):
    size: int
    sha256: str


class ObjectStore:
    """One store for all objects. `folder` is set when it is a local folder, which can then be read byte by byte;
    `keeper` when it is a cloud's. Its methods raise Away where a cloud's store does not answer, or refuses."""

    def __init__(
        self, store: obstore.store.ObjectStore, folder: Path | None, *, largest: int, keeper: Keeper | None = None
    ) -> None:
        self._store = store
        self._largest = largest if folder is not None else min(largest, PART * parts.MOST_PARTS)
        self.folder = folder
        self.keeper = keeper

    async def put(self, key: str, pieces: AsyncIterator[bytes]) -> StoredBytes:
        """Store a stream. When it returns, the bytes are durable. Raises TooLarge, InsufficientStorage, Away.

        Of a stream that breaks nothing is kept: its parts are given up (S3), or expire by themselves (Azure).
        """
        meter = Sha256Meter()
        try:
            head, rest = await self._head(pieces, meter)
            passing("store:object:putting")
            if rest is None:
                await obstore.put_async(self._store, key, head, use_multipart=False)
            else:
                await self._put_long(key, head, rest, meter)
            passing("store:object:put")
        except (BaseError, OSError) as fault:
            raise self._put_fault(fault) from None
        await asyncio.to_thread(self._make_durable, key)
        return StoredBytes(meter.size, meter.hexdigest)

    async def get(self, key: str, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to, not including, `end`. Raises NotFound, Away."""
        try:
            options = {"range": (start, end)} if end is not None else {"range": {"offset": start}} if start else None
            found = await obstore.get_async(self._store, key, options=options)  # type: ignore[arg-type]  # a plain dict fits
        except (BaseError, OSError) as fault:
            raise await asyncio.to_thread(self._read_fault, fault) from None
        return self._pieces(found)

    def read(self, key: str) -> Iterator[bytes]:
        """As `get` of the whole object, for a thread."""
        try:
            found = obstore.get(self._store, key)
            for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece)
        except (BaseError, OSError) as fault:
            raise self._read_fault(fault) from None

    def adopt(self, files: Mapping[str, Path]) -> None:
        """Take over files of this machine as objects: moved where that can be, else put. All are durable at the end.

        A file that is gone was taken over before.
        """
        waiting = {key: path for key, path in files.items() if path.exists()}
        if self.folder is not None:
            self._sync_all(waiting.values())
        for key, path in waiting.items():
            self._adopt_one(key, path)
            passing("store:object:adopted")
        if self.folder is not None:
            self._sync_all({(self.folder / key).parent for key in waiting})

    def _sync_all(self, paths: Collection[Path]) -> None:
        try:
            sync_all(paths)
        except OSError as fault:
            raise self._fault(fault) from None

    def put_file(self, key: str, path: Path) -> None:
        """Store a copy of a file. In a cloud it is durable; a local folder is for the caller to sync.

        Parts that an earlier try left are given up first: once this one has put the object, nothing would name them.
        """
        try:
            if self.keeper is not None and path.stat().st_size > PART:
                self.keeper.give_up_uploads([key])
            passing("store:file:putting")
            part = parts.part_size(path.stat().st_size, PART)
            obstore.put(self._store, key, path, chunk_size=part, max_concurrency=PARTS_AT_ONCE)
            passing("store:file:put")
        except (BaseError, OSError) as fault:
            raise self._put_fault(fault) from None

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; one that is gone already is no fault. In a cloud with all that is kept of them and can go."""
        wanted = list(keys)
        try:
            if self.folder is not None:
                self._unlink(wanted)
            elif wanted:
                self._delete_in_cloud(wanted)
        except BaseError as fault:
            raise self._fault(fault) from None

    def size(self, key: str) -> int | None:
        """Bytes of an object; None where it is not there."""
        try:
            return int(obstore.head(self._store, key)["size"])
        except (BaseError, OSError) as fault:
            problem = self._read_fault(fault)
        if isinstance(problem, NotFound):
            return None
        raise problem

    def list(self, prefix: str = "") -> Iterator[str]:
        """Keys in the store below a prefix."""
        try:
            for batch in obstore.list(self._store, prefix or None):
                for meta in batch:
                    yield meta["path"]
        except (BaseError, OSError) as fault:
            raise self._fault(fault) from None

    def check(self) -> None:
        """Raises Away where the store does not answer, refuses, or has no such bucket."""
        try:
            next(iter(obstore.list(self._store, chunk_size=1)), None)
        except FileNotFoundError:
            raise bucket_gone() from None
        except (BaseError, OSError) as fault:
            raise bucket_gone() if NO_BUCKET.search(str(fault)) else self._fault(fault) from None

    def _adopt_one(self, key: str, path: Path) -> None:
        if self.folder is None:
            self.put_file(key, path)
            path.unlink()
            return
        try:
            _move(path, self.folder / key)
        except OSError as fault:
            raise self._fault(fault) from None

    def _delete_in_cloud(self, keys: Sequence[str]) -> None:
        """Uploads go first: one that is completed before that goes with the object, and afterwards none can be."""
        if self.keeper is not None:
            self.keeper.give_up_uploads(keys)
        for start in range(0, len(keys), BATCH):
            self._delete_batch(keys[start : start + BATCH])

    def _delete_batch(self, keys: Sequence[str]) -> None:
        """Many in one request. Some clouds refuse the rest of it for one that is gone: then each for itself."""
        passing("store:batch:removing")
        try:
            obstore.delete(self._store, keys)
        except FileNotFoundError:
            self.check()  # for a whole bucket that is not there, too, they say that the object is not
            for key in keys:
                self._delete_one(key)
        passing("store:batch:removed")
        if self.keeper is not None:
            self.keeper.remove_versions(keys)
        passing("store:batch:emptied")

    def _fault(self, fault: BaseException) -> Problem:
        return as_problem(fault, is_local=self.folder is not None)

    def _put_fault(self, fault: BaseException) -> Problem:
        """What is put cannot be missing: the bucket is."""
        is_missing = isinstance(fault, FileNotFoundError) and self.folder is None
        return bucket_gone() if is_missing else self._fault(fault)

    def _read_fault(self, fault: BaseException) -> Problem:
        """Where a bucket is gone, its objects are said to be missing: look, before somebody believes it."""
        if isinstance(fault, FileNotFoundError) and self.folder is None:
            try:
                self.check()
            except Problem as problem:
                return problem
        return self._fault(fault)

    async def _pieces(self, found: Any) -> AsyncIterator[bytes]:
        try:
            async for piece in found.stream(min_chunk_size=PIECE):
                yield bytes(piece)
        except (BaseError, OSError) as fault:
            raise self._fault(fault) from None

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
        async with obstore.open_writer_async(self._store, key, buffer_size=PART) as writer:
            await writer.write(head)
            async for piece in rest:
                self._measure(piece, meter)
                await writer.write(piece)
                passing("store:part:written")
            passing("store:parts:completing")

    def _measure(self, piece: bytes, meter: Sha256Meter) -> None:
        meter.feed(piece)
        if meter.size > self._largest:
            raise TooLarge("ObjectTooLarge", f"An object may have at most {self._largest} bytes on this server.")

    def _make_durable(self, key: str) -> None:
        """A local store renames into place but does not fsync: an answer must not come before the bytes are safe."""
        if self.folder is None:
            return
        for path in (self.folder / key, (self.folder / key).parent):
            sync(path)

    def _unlink(self, keys: Sequence[str]) -> None:
        """With what killed uploads left beside them, which goes first: nothing can be renamed behind the removal of the
        object."""
        held = 0.0
        for key in keys:
            began = time.perf_counter()
            _unlink_halves(f"{self.folder}/{key}", os.path.exists if held > HELD else _exists)
            held += time.perf_counter() - began
        if len(keys) >= MANY and self._unlink_together(keys):
            return
        for key in keys:
            with suppress(FileNotFoundError):
                os.unlink(f"{self.folder}/{key}")
            passing("store:object:unlinked")

    def _unlink_together(self, keys: Sequence[str]) -> bool:
        """Several at once, and without the interpreter, which each call of our own would have to wait for anew where
        others compute. False where one was not there: the rest may have been left."""
        try:
            obstore.delete(self._store, keys)
        except FileNotFoundError:
            return False
        return True

    def _delete_one(self, key: str) -> None:
        with suppress(FileNotFoundError):
            obstore.delete(self._store, key)
        passing("store:object:removed")


def _exists(path: str) -> bool:
    """Unlike what `os` has, it keeps the interpreter: who gives that up for a microsecond waits for it as long as it is
    busy. Where a look takes long, as on a network's file system, all of the server waits with it."""
    is_there: bool = _access(os.fsencode(path), os.F_OK) == 0
    return is_there


def _unlink_halves(path: str, is_there: Callable[[str], bool]) -> None:
    """object_store writes `<key>#1`, or `#2` where that is there, and renames it at the end."""
    number = 0
    while is_there(f"{path}#{number + 1}"):
        number += 1
    for each in range(number, 0, -1):
        with suppress(FileNotFoundError):
            os.unlink(f"{path}#{each}")


def open_objects(settings: Settings) -> ObjectStore:
    """The store that the settings name. A cloud's is not asked anything yet. Raises ValueError for unfit settings."""
    place = place_of_objects(settings)
    if isinstance(place, CloudPlace):
        store = open_cloud(place)
        return ObjectStore(store, None, largest=settings.max_object, keeper=keeper_of(place, store))
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return ObjectStore(LocalStore(place), place, largest=settings.max_object)


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.stat().st_dev != target.parent.stat().st_dev:
        nearby = target.with_name(f"{target.name}#1")  # what `delete` knows as the rest of a killed upload
        shutil.copyfile(path, nearby)
        sync(nearby)
        os.replace(nearby, target)
        path.unlink()
    else:
        os.replace(path, target)
