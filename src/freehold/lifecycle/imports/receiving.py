"""A bag on its way in: streamed into files, with a limit, and digested as it comes."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from freehold.kit.problems import InsufficientStorage, Invalid, TooLarge
from freehold.lifecycle.bag.split import Splitter
from freehold.lifecycle.uploads import claimed
from freehold.settings import Settings
from freehold.storage.portable import is_disk_full

AT_ONCE = 1 << 22


class SentBag(NamedTuple):
    """`path`: of its file; what was laid apart from it lies beside (bag/split.py). `digest` tells it from another."""

    path: Path
    digest: str


@asynccontextmanager
async def received(
    settings: Settings, upload_id: str, headers: Mapping[str, str], pieces: AsyncIterator[bytes]
) -> AsyncIterator[SentBag]:
    """The file, gone at the end unless it was moved away. Raises TooLarge, Invalid, InsufficientStorage."""
    limit = settings.max_bag
    declared = headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise _too_large(limit)
    with claimed(settings.data_folder, upload_id) as folder:
        yield SentBag(folder / "bag", await _write(folder / "bag", pieces, limit))


async def _write(path: Path, pieces: AsyncIterator[bytes], limit: int) -> str:
    try:
        splitter = await _split(path, pieces, limit)
    except OSError as fault:
        if not is_disk_full(fault):
            raise
        message = "The disk is full: the bag was not kept. Free some space and send it again."
        raise InsufficientStorage("InsufficientStorage", message) from fault
    if not splitter.size:
        raise Invalid("EmptyBody", "The body is empty. Send the bag as a .tar or .zip, or the index of one.")
    return splitter.hexdigest


async def _split(path: Path, pieces: AsyncIterator[bytes], limit: int) -> Splitter:
    splitter = Splitter(path)
    try:
        await _take(splitter, pieces, limit)
        await asyncio.to_thread(splitter.finish)
    finally:
        await asyncio.to_thread(splitter.close)
    return splitter


async def _take(splitter: Splitter, pieces: AsyncIterator[bytes], limit: int) -> None:
    """What has come is digested and written while the next comes."""
    waiting, held, received = list[bytes](), 0, 0
    writing: asyncio.Future[None] | None = None

    def write(some: list[bytes]) -> None:
        for piece in some:
            splitter.feed(piece)

    try:
        async for piece in pieces:
            waiting.append(piece)
            held, received = held + len(piece), received + len(piece)
            if received > limit:
                raise _too_large(limit)
            if held >= AT_ONCE:
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(asyncio.to_thread(write, waiting))
                waiting, held = [], 0
    finally:
        if writing is not None:
            await writing
    await asyncio.to_thread(write, waiting)


def _too_large(limit: int) -> TooLarge:
    message = f"A bag may have at most {limit} bytes on this server (FREEHOLD_MAX_BAG). Nothing of it was kept."
    return TooLarge("BagTooLarge", message)
