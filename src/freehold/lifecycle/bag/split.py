"""A bag sent as a `.tar`, its large files laid apart as they came: each is written once, and digested once.

    bag      what was sent, of a `.tar` without those files
    apart/   the files, under their numbers, and `places.json`, which says where each one stood

Read together they are the very bytes that were sent: who laid a file apart is trusted with nothing but those.
"""

import io
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from typing import IO, Any

import msgspec

from freehold.kit.digests import Sha256Meter
from freehold.kit.durable import WriteBehind
from freehold.lifecycle.bag.sources import (
    BLOCK,
    REGULAR,
    Apart,
    BrokenArchive,
    Entry,
    Oddity,
    TarReader,
    entries_of,
    parse_header,
)

LARGE = 1 << 20
"""Bytes of a file that is laid apart: below it the file itself would cost more than it saves."""
SYNCED_FROM, SYNCED_AT_ONCE = 4, 64
"""So many times LARGE has a file that is put on the disk as soon as it has come, and what is put there at once of a
longer one. A sync takes the time of writing a mebibyte or more, so smaller files wait until all are synced together."""
PLACES = "places.json"


class _Place(msgspec.Struct, frozen=True, array_like=True):
    start: int
    size: int
    sha256: str


def apart_of(bag: Path) -> Path:
    """The folder of the files that are laid apart, which is there only if there are some."""
    return bag.with_name("apart")


def split_entries(bag: Path) -> Iterator[Entry | Oddity]:
    """As `entries_of`, of a bag that was laid apart, or of one that was not."""
    parts = _parts(bag)
    return _joined_entries(bag, parts) if parts else entries_of(bag)


def split_size(bag: Path) -> int:
    """Bytes that were sent."""
    return _size(bag, _parts(bag))


def _size(bag: Path, parts: Sequence[Apart]) -> int:
    return bag.stat().st_size + sum(part.size for part in parts)


def _parts(bag: Path) -> list[Apart]:
    places = apart_of(bag) / PLACES
    if not places.exists():
        return []
    found = msgspec.json.decode(places.read_bytes(), type=list[_Place])
    return [Apart(each.start, each.size, each.sha256, places.with_name(str(n))) for n, each in enumerate(found)]


def _joined_entries(bag: Path, parts: Sequence[Apart]) -> Iterator[Entry | Oddity]:
    with JoinedStream(bag, parts) as stream:
        yield from TarReader(stream, _size(bag, parts), {part.start: part for part in parts}).entries()


class JoinedStream(io.RawIOBase):
    """The bytes as they were sent."""

    def __init__(self, rest: Path, parts: Sequence[Apart]) -> None:
        self._parts = parts
        self._starts = [part.start for part in parts]
        self._before = [0, *accumulate(part.size for part in parts)]
        self._rest = rest.open("rb", buffering=0)
        self._opened: tuple[int, IO[bytes]] | None = None
        self._position = 0

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        assert whence == io.SEEK_SET, "nobody asks for another"
        self._position = offset
        return offset

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer only where there are no more."""
        buffer = bytearray(max(size, 0))
        filled = 0
        while filled < len(buffer) and (count := self.readinto(memoryview(buffer)[filled:])):
            filled += count
        return bytes(buffer[:filled])

    def readinto(self, buffer: Any) -> int:
        number = bisect_right(self._starts, self._position) - 1
        part = self._parts[number] if number >= 0 else None
        if part is not None and self._position < part.start + part.size:
            stream, offset, end = self._part(number), self._position - part.start, part.size
        else:
            before = self._before[number + 1]
            stream, offset = self._rest, self._position - before
            following = self._starts[number + 1] if number + 1 < len(self._starts) else None
            end = following - before if following is not None else offset + len(buffer)
        stream.seek(offset)
        count: int = stream.readinto(memoryview(buffer)[: end - offset])  # type: ignore[attr-defined]  # opened raw
        self._position += count
        return count

    def close(self) -> None:
        self._rest.close()
        if self._opened is not None:
            self._opened[1].close()
        super().close()

    def _part(self, number: int) -> IO[bytes]:
        if self._opened is None or self._opened[0] != number:
            if self._opened is not None:
                self._opened[1].close()
            self._opened = (number, self._parts[number].file.open("rb", buffering=0))
        return self._opened[1]


class Splitter:
    """Writes what comes, in pieces of any size, and digests every byte once.

    What looks like a large file of a `.tar` is laid apart. From where no header is, nothing is any more. `hexdigest`,
    of what is left and of the digests of the files apart, tells whether two bags are the same; `size` counts bytes.
    """

    def __init__(self, bag: Path, large: int = LARGE) -> None:
        self._bag = bag
        self._large = large
        self._synced_from, self._at_once = SYNCED_FROM * large, SYNCED_AT_ONCE * large
        self._rest = bag.open("wb")
        self._meter = Sha256Meter()
        self._head = bytearray()
        self._is_tar = True
        self._left = 0
        self._padding = 0
        self._part: _Part | None = None
        self._places: list[_Place] = []
        self._behind = WriteBehind()
        self.size = 0

    @property
    def hexdigest(self) -> str:
        return self._meter.hexdigest

    def feed(self, piece: bytes) -> None:
        view = memoryview(piece)
        while view:
            view = view[self._take(view) :]

    def finish(self) -> None:
        """Writes what is not yet written; nothing comes after it."""
        self._keep(bytes(self._head))
        if self._part is not None:
            self._end_part(self._part)
        self._behind.finish()
        self._rest.flush()
        if self._places:
            (apart_of(self._bag) / PLACES).write_bytes(msgspec.json.encode(self._places))

    def close(self) -> None:
        self._behind.close()
        with self._rest:
            if self._part is not None:
                self._part.file.close()

    def _take(self, view: memoryview) -> int:
        """Passes on the first bytes, and says how many."""
        if not self._is_tar:
            self._keep(view)
            return len(view)
        if self._left:
            return self._pass_on(view[: self._left])
        taken = view[: BLOCK - len(self._head)]
        self._head += taken
        if len(self._head) == BLOCK:
            self._begin(bytes(self._head))
        return len(taken)

    def _pass_on(self, piece: memoryview) -> int:
        self._left -= len(piece)
        if self._part is None:
            self._keep(piece)
        else:
            self._part.write(piece)
            self.size += len(piece)
            if self._part.unsynced >= self._at_once:
                self._part.unsynced = 0
                self._behind.put_away(self._part.file)
            if not self._left:
                self._end_part(self._part)
                self._left = self._padding
        return len(piece)

    def _begin(self, head: bytes) -> None:
        self._head.clear()
        self._keep(head)
        try:
            _, size, kind = parse_header(head)
        except BrokenArchive:
            self._is_tar = False
            return
        self._padding = -size % BLOCK
        self._left = size + self._padding
        if kind in REGULAR and size >= self._large:
            folder = apart_of(self._bag)
            folder.mkdir(mode=0o700, exist_ok=True)
            self._left = size
            self._part = _Part(folder / str(len(self._places)), self.size)

    def _keep(self, piece: bytes | memoryview) -> None:
        self._rest.write(piece)
        self._meter.feed(piece)
        self.size += len(piece)

    def _end_part(self, part: "_Part") -> None:
        place = part.end()
        self._meter.feed(bytes.fromhex(place.sha256))
        self._places.append(place)
        self._part = None
        if place.size >= self._synced_from:
            self._behind.close_behind(part.file)
        else:
            part.file.close()


class _Part:
    def __init__(self, path: Path, start: int) -> None:
        self.file = path.open("wb")
        self.unsynced = 0
        self._start = start
        self._meter = Sha256Meter()

    def write(self, piece: memoryview) -> None:
        self.unsynced += len(piece)
        self.file.write(piece)
        self._meter.feed(piece)

    def end(self) -> _Place:
        """Its file stays open."""
        return _Place(self._start, self._meter.size, self._meter.hexdigest)
