"""Sorts more lines than memory holds, so that a bag of ten million files costs no more than one of ten."""

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

LINES_IN_MEMORY = 100_000


class LineSorter:
    """Takes lines (bytes without a newline) and gives them back in byte order, as often as asked. Use as a
    context manager: what it spilled to `folder` is gone at its end."""

    def __init__(self, folder: Path | None = None, lines_in_memory: int = LINES_IN_MEMORY) -> None:
        self._folder = folder
        self._limit = lines_in_memory
        self._lines: list[bytes] = []
        self._spilled: list[IO[bytes]] = []
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, line: bytes) -> None:
        self._lines.append(line)
        if len(self._lines) >= self._limit:
            self._spill()

    def lines(self) -> Iterator[bytes]:
        self._lines.sort()
        return heapq.merge(self._lines, *(_lines_of(file) for file in self._spilled))

    def _spill(self) -> None:
        self._lines.sort()
        file: IO[bytes] = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - the sorter closes it at its own end
        self._stack.callback(file.close)
        file.writelines(line + b"\n" for line in self._lines)
        self._spilled.append(file)
        self._lines = []


def _lines_of(file: IO[bytes]) -> Iterator[bytes]:
    file.seek(0)
    for line in file:
        yield line[:-1]


def sorted_lines(lines: Iterable[bytes], sorter: LineSorter) -> Iterator[bytes]:
    for line in lines:
        sorter.add(line)
    return sorter.lines()
