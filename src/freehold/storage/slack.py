"""Zeroes the slack of a SQLite file: bytes of its pages that belong to no row, where page splits leave copies of rows.

`secure_delete` zeroes what a delete frees, but a page that was split or rebuilt keeps, between its list of cells and
its first cell, what lay there before. The file's format (https://www.sqlite.org/fileformat2.html, "B-tree Pages") says
where that is, and that nothing reads it: so zeros may be written over it in place, and whoever reads the page meanwhile
reads the same rows. VACUUM, the other way to be rid of it, holds every writer up while it writes the whole file anew.
"""

import os
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import count as count_from
from pathlib import Path

MAGIC = b"SQLite format 3\0"
AT_ONCE = 128
"""Pages read at once: half a MiB, a millisecond or two of the processor."""
MOST_PAGES = 1 << 25
"""An overflow page begins with the number of the next. Below this one (128 GiB of 4 KiB pages) it cannot be taken for a
page of a b-tree, which begins with one of HEADERS."""
HEADERS = {2: 12, 5: 12, 10: 8, 13: 8}
"""First byte of a b-tree page → bytes of its header."""
FILE_HEADER = 100
FREEBLOCK_HEADER = 4
LOG_HEADER, FRAME_HEADER = 32, 24
SALTS, SALTS_IN_HEADER, SALTS_IN_FRAME = 8, 16, 8
"""Bytes of both salts, and where they are."""
_ZEROS = bytes(1 << 16)


class UnknownLayout(Exception):
    """The file is not laid out as this module knows it: nothing was changed."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`usable`: bytes of a page that SQLite itself uses; an extension may have reserved the others."""

    page_size: int
    usable: int
    pages: int


def layout_of(file: int) -> Layout:
    """Of the open file. Raises UnknownLayout."""
    header = os.pread(file, FILE_HEADER, 0)
    if len(header) < FILE_HEADER or not header.startswith(MAGIC):
        raise UnknownLayout("not a SQLite database")
    if struct.unpack_from(">I", header, 52)[0]:
        raise UnknownLayout("a database with auto_vacuum has pages that only tell where others are")
    size = struct.unpack_from(">H", header, 16)[0]
    page_size = 1 << 16 if size == 1 else size
    pages = os.fstat(file).st_size // page_size
    if pages >= MOST_PAGES:
        raise UnknownLayout("too large")
    return Layout(page_size, page_size - header[20], pages)


def wipe(file: int, layout: Layout, numbers: Iterable[int], between: Callable[[], None] = lambda: None) -> int:
    """Zero the slack of these pages (from 1 on, in rising order), and return how many had any.

    `between` is called after every AT_ONCE pages. Nobody may write to the file meanwhile, but to its log. Raises
    UnknownLayout at a page that is no b-tree's, yet looks like one.
    """
    wiped = 0
    for first, count in _stretches(numbers, layout.pages):
        held = os.pread(file, count * layout.page_size, (first - 1) * layout.page_size)
        for index in range(count):
            start = index * layout.page_size
            stale = list(_stale(held, start, layout, FILE_HEADER if first + index == 1 else 0))
            for low, high in stale:
                _overwrite(file, (first - 1) * layout.page_size + low, high - low)
            wiped += bool(stale)
        between()
    return wiped


@dataclass(frozen=True, slots=True)
class PagesInLog:
    """Numbers of the pages that the first `frames` of the write-ahead log hold."""

    numbers: frozenset[int]
    frames: int


def pages_in_log(log: Path, page_size: int, after: int = 0) -> PagesInLog:
    """Of the frames behind the first `after`. Frames from before the log last began anew do not count: they have other
    salts than its header (https://www.sqlite.org/fileformat2.html, "The WAL File Format")."""
    numbers: set[int] = set()
    with log.open("rb") as stream:
        salts = os.pread(stream.fileno(), SALTS, SALTS_IN_HEADER)
        for count in count_from(after):
            head = os.pread(stream.fileno(), FRAME_HEADER, LOG_HEADER + count * (FRAME_HEADER + page_size))
            if len(head) < FRAME_HEADER or head[SALTS_IN_FRAME:][:SALTS] != salts:
                return PagesInLog(frozenset(numbers), count)
            numbers.add(int.from_bytes(head[:4], "big"))
    raise AssertionError("unreachable: no file is endless")


def _stretches(numbers: Iterable[int], pages: int) -> Iterator[tuple[int, int]]:
    """(first page, count) of neighbours, AT_ONCE at most. What lies beyond the file's end is left out."""
    first = count = 0
    for number in numbers:
        if not 0 < number <= pages:
            continue
        if count and (number != first + count or count == AT_ONCE):
            yield first, count
            count = 0
        if not count:
            first = number
        count += 1
    if count:
        yield first, count


def _stale(held: bytes, start: int, layout: Layout, skipped: int) -> Iterator[tuple[int, int]]:
    """Where the page at `start` has slack that is not zero, as places in `held`."""
    head = start + skipped
    size = HEADERS.get(held[head])
    if size is None:
        return
    freeblock, cells, content = struct.unpack_from(">HHH", held, head + 1)
    low, high = head + size + 2 * cells, start + (content or 1 << 16)
    if not low <= high <= start + layout.usable:
        raise UnknownLayout("a page whose cells lie outside of it")
    for from_, to in ((low, high), *_freeblocks(held, start, freeblock, layout)):
        if not _ZEROS.startswith(held[from_:to]):
            yield from_, to


def _freeblocks(held: bytes, start: int, freeblock: int, layout: Layout) -> Iterator[tuple[int, int]]:
    """What the chain of free blocks between the cells leaves free, but for the chain itself."""
    while freeblock:
        if freeblock > layout.usable - FREEBLOCK_HEADER:
            raise UnknownLayout("a page whose free blocks lie outside of it")
        after, size = struct.unpack_from(">HH", held, start + freeblock)
        end = freeblock + size
        if size < FREEBLOCK_HEADER or end > layout.usable or (after and after < end):
            raise UnknownLayout("a page whose free blocks overlap")
        yield start + freeblock + FREEBLOCK_HEADER, start + end
        freeblock = after


def _overwrite(file: int, at: int, size: int) -> None:
    """No more than the slack is written, so that a power failure in the middle harms no row."""
    written = 0
    while written < size:
        written += os.pwrite(file, _ZEROS[: size - written], at + written)
