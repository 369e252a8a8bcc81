"""Reads a SQLite file page by page and says which bytes belong to something that lives: an own reading of the file's
format, which shares nothing with what is tested by it."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

Spans = dict[int, list[tuple[int, int]]]


def dead_bytes(path: Path) -> int:
    """How many bytes are not zero though nothing that lives lies there, but for the few that the format itself leaves
    between cells (fragments, less than four bytes each). The log must be empty."""
    held = path.read_bytes()
    page_size = int.from_bytes(held[16:18], "big")
    page_size = 65536 if page_size == 1 else page_size
    spans = _File(held, page_size, _roots(path)).spans
    fragments = 0
    dead = 0
    for number in range(1, len(held) // page_size + 1):
        page = bytearray(held[(number - 1) * page_size : number * page_size])
        for start, end in spans.get(number, []):
            if start < 0:
                fragments += end
                continue
            page[start:end] = bytes(end - start)
        dead += page_size - page.count(0)
    return max(0, dead - fragments)


def _roots(path: Path) -> list[int]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT rootpage FROM sqlite_master WHERE rootpage > 0").fetchall()
    return [1, *(root for (root,) in found)]


class _File:
    def __init__(self, held: bytes, page_size: int, roots: list[int]) -> None:
        self._held = held
        self._size = page_size
        self._usable = page_size - held[20]
        self.spans: Spans = {1: [(0, 100)]}
        for root in roots:
            self._tree(root)
        self._free_list(int.from_bytes(held[32:36], "big"))

    def _number(self, page: int, at: int, size: int) -> int:
        start = (page - 1) * self._size + at
        return int.from_bytes(self._held[start : start + size], "big")

    def _live(self, page: int, start: int, end: int) -> None:
        self.spans.setdefault(page, []).append((start, end))

    def _tree(self, page: int) -> None:
        head = 100 if page == 1 else 0
        kind = self._number(page, head, 1)
        assert kind in {2, 5, 10, 13}, f"page {page} is of no tree"
        inner = kind in {2, 5}
        size, cells = (12 if inner else 8), self._number(page, head + 3, 2)
        self._live(page, head, head + size + 2 * cells)
        self._live(page, -1, self._number(page, head + 7, 1))
        block = self._number(page, head + 1, 2)
        while block:
            self._live(page, block, block + 4)
            block = self._number(page, block, 2)
        for index in range(cells):
            at = self._number(page, head + size + 2 * index, 2)
            self._live(page, at, max(at + 4, self._cell(page, at, kind)))
            if inner:
                self._tree(self._number(page, at, 4))
        if inner:
            self._tree(self._number(page, head + 8, 4))

    def _cell(self, page: int, at: int, kind: int) -> int:
        """Where the cell ends."""
        at += 4 if kind in {2, 5} else 0
        first, at = self._varint(page, at)
        if kind == 5:
            return at
        if kind == 13:
            at = self._varint(page, at)[1]
        most = self._usable - 35 if kind == 13 else (self._usable - 12) * 64 // 255 - 23
        if first <= most:
            return at + first
        least = (self._usable - 12) * 32 // 255 - 23
        local = least + (first - least) % (self._usable - 4)
        local = local if local <= most else least
        self._overflow(self._number(page, at + local, 4), first - local)
        return at + local + 4

    def _overflow(self, page: int, left: int) -> None:
        while page:
            here = min(left, self._usable - 4)
            self._live(page, 0, 4 + here)
            left -= here
            page = self._number(page, 0, 4)

    def _free_list(self, trunk: int) -> None:
        while trunk:
            self._live(trunk, 0, 8 + 4 * self._number(trunk, 4, 4))
            trunk = self._number(trunk, 0, 4)

    def _varint(self, page: int, at: int) -> tuple[int, int]:
        value = 0
        for count, byte in enumerate(self._bytes(page, at)):
            if count == 8:
                return value << 8 | byte, at + 9
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                return value, at + count + 1
        raise AssertionError("unreachable: a varint has at most nine bytes")

    def _bytes(self, page: int, at: int) -> Iterator[int]:
        start = (page - 1) * self._size + at
        yield from self._held[start : start + 9]
