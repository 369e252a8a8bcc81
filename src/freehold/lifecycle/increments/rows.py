"""Stretches of long sequences, read once from front to back."""

from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

import pyarrow as pa

T = TypeVar("T")


class RowStream:
    """Rows of batches by their places; what was passed does not come again."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = iter(batches)
        self._held: pa.RecordBatch | None = None
        self._place = 0

    def take(self, first: int, count: int) -> Iterator[pa.RecordBatch]:
        """Raises ValueError when there are not so many rows."""
        for _ in self._next(first - self._place):
            pass
        yield from self._next(count)

    def rest(self) -> Iterator[pa.RecordBatch]:
        if self._held is not None:
            yield self._held
        yield from self._batches

    def _next(self, count: int) -> Iterator[pa.RecordBatch]:
        while count > 0:
            batch = self._held if self._held is not None else next(self._batches, None)
            if batch is None:
                raise ValueError("a table has fewer rows than its bag says")
            piece = batch.slice(0, count)
            self._held = batch.slice(piece.num_rows) if piece.num_rows < batch.num_rows else None
            self._place += piece.num_rows
            count -= piece.num_rows
            yield piece


def pairs(ranges: "array[int]") -> Iterator[tuple[int, int]]:
    return zip(ranges[::2], ranges[1::2], strict=True)


def triples(ranges: "array[int]") -> Iterator[tuple[int, int, int]]:
    return zip(ranges[::3], ranges[1::3], ranges[2::3], strict=True)


def select_rows(batches: Iterable[pa.RecordBatch], ranges: "array[int]") -> Iterator[pa.RecordBatch]:
    stream = RowStream(batches)
    for first, count in pairs(ranges):
        yield from stream.take(first, count)


def select(items: Iterable[T], ranges: "array[int]") -> Iterator[T]:
    stream, place = iter(items), 0
    for first, count in pairs(ranges):
        for _ in islice(stream, first - place):
            pass
        yield from islice(stream, count)
        place = first + count


def woven_rows(
    base: Iterable[pa.RecordBatch], own: Iterable[pa.RecordBatch], kept: Iterable[tuple[int, int, int]]
) -> Iterator[pa.RecordBatch]:
    """The whole table: `kept` is (at, first, count) as an increment has it. Raises ValueError."""
    of_base, of_own, done = RowStream(base), RowStream(own), 0
    for at, first, count in kept:
        yield from of_own.take(done, at - done)
        yield from of_base.take(first, count)
        done = at
    yield from of_own.rest()


def woven(base: Iterable[T], own: Iterable[T], kept: Iterable[tuple[int, int, int]]) -> Iterator[T]:
    """The same of anything else."""
    of_base, of_own, done, place = iter(base), iter(own), 0, 0
    for at, first, count in kept:
        yield from islice(of_own, at - done)
        for _ in islice(of_base, first - place):
            pass
        yield from islice(of_base, count)
        done, place = at, first + count
    yield from of_own
