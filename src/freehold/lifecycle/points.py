"""Metric points on their way out: packed rows in, one canonical stream out, whatever its size in bounded memory.

The order is: owner, then key, then arrival. How the points were packed (segments, chunks) does not show, so
compaction and import change no byte of a bag.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from freehold.lifecycle.tables import MOMENT
from freehold.storage.metrics import MetricColumns, decode_segment, encode_segment

CODECS: dict[str, Callable[[bytes], MetricColumns]] = {"metric_segment": decode_segment}
"""What the catalogue's `Decoded(codec=…)` may name."""
ENCODERS: dict[str, Callable[[MetricColumns], bytes]] = {"metric_segment": encode_segment}
"""The same the other way round, for an import."""

POINTS_IN_MEMORY = 1 << 18
POINTS_IN_GROUP = 1 << 17
GROUPS_IN_PART = 32
POINTS_IN_PART = POINTS_IN_GROUP * GROUPS_IN_PART

PARQUET: dict[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "version": "2.6",
    "use_dictionary": False,
    "column_encoding": {
        "step": "DELTA_BINARY_PACKED",
        "at": "DELTA_BINARY_PACKED",
        "value": "BYTE_STREAM_SPLIT",
    },
}


class Points(NamedTuple):
    """Points of one owner, sorted by key and then by arrival. `key` points into `keys`, which are sorted."""

    keys: list[str]
    key: NDArray[np.unsignedinteger[Any]]
    step: NDArray[np.int64]
    at: NDArray[np.int64]
    value: NDArray[np.float64]


def point_schema(owner: str) -> pa.Schema:
    """`owner` is the name of the column with the owner's public id."""
    text = pa.dictionary(pa.int32(), pa.string())
    return pa.schema([(owner, text), ("key", text), ("step", pa.int64()), ("at", MOMENT), ("value", pa.float64())])


def sorted_points(parts: Iterable[MetricColumns], scratch: Path, limit: int = POINTS_IN_MEMORY) -> Iterator[Points]:
    """All points of one owner in order. Beyond `limit` points they wait in files below `scratch`."""
    held: list[MetricColumns] = []
    size = 0
    with ExitStack() as stack:
        spills: list[_Spill] = []
        for part in parts:
            held.append(part)
            size += len(part.step)
            if size >= limit:
                spills.append(_Spill(_joined(held), scratch, stack))
                held, size = [], 0
        rest = _joined(held) if held else None
        held = []  # freed before the reader works on what is given
        if rest is not None and spills:
            spills.append(_Spill(rest, scratch, stack))
        elif rest is not None:
            yield rest
        yield from _merged(spills, limit)


def point_batches(
    stream: Iterable[tuple[str, Points]], schema: pa.Schema, size: int = POINTS_IN_GROUP
) -> Iterator[pa.RecordBatch]:
    """Batches of exactly `size` points, but for the last: their borders depend on the points alone."""
    waiting: list[tuple[str, Points]] = []
    free = size
    for owner, points in stream:
        start = 0
        while start < len(points.step):
            piece = _slice(points, start, start + free)
            start += len(piece.step)
            free -= len(piece.step)
            waiting.append((owner, piece))
            if free == 0:
                yield _batch(waiting, schema)
                waiting, free = [], size
    if waiting:
        yield _batch(waiting, schema)


def without_first(stream: Iterable[tuple[str, Points]], count: int) -> Iterator[tuple[str, Points]]:
    """The stream from its point number `count` on."""
    for owner, points in stream:
        here = min(count, len(points.step))
        count -= here
        if here < len(points.step):
            yield owner, _slice(points, here, len(points.step))


def _joined(parts: list[MetricColumns]) -> Points:
    keys = sorted({key for part in parts for key in part.keys})
    place = {key: number for number, key in enumerate(keys)}
    kind = np.uint16 if len(keys) <= 1 << 16 else np.uint32  # sixteen bits are sorted by radix: four times as fast
    index = np.concatenate([np.array([place[key] for key in part.keys], kind)[part.key_index] for part in parts])
    step, at, value = (np.concatenate([getattr(part, name) for part in parts]) for name in ("step", "at", "value"))
    if len(keys) > 1:
        order = np.argsort(index, kind="stable")
        index, step, at, value = index[order], step[order], at[order], value[order]
    return Points(keys, index, step, at, value)


class _Spill:
    """Sorted points in a file: three columns, and where each key begins."""

    def __init__(self, points: Points, scratch: Path, stack: ExitStack) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115  # the stack closes it
        stack.callback(self._file.close)
        self._size = len(points.step)
        counts = np.bincount(points.key, minlength=len(points.keys))
        ends = np.cumsum(counts)
        self.place = {
            key: (int(end - count), int(end)) for key, count, end in zip(points.keys, counts, ends, strict=True)
        }
        for column in (points.step, points.at, points.value):
            self._file.write(np.ascontiguousarray(column).view(np.uint8).data)

    def read(self, start: int, end: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        step, at = (self._column(number, start, end, np.int64) for number in (0, 1))
        return step, at, self._column(2, start, end, np.float64)

    def _column(self, number: int, start: int, end: int, kind: Any) -> NDArray[Any]:
        self._file.seek((number * self._size + start) * 8)
        return np.frombuffer(self._file.read((end - start) * 8), kind)


def _merged(spills: list[_Spill], limit: int) -> Iterator[Points]:
    """Key after key; within a key, the files are in order of arrival already."""
    for key in sorted({key for spill in spills for key in spill.place}):
        for spill in spills:
            start, end = spill.place.get(key, (0, 0))
            for at in range(start, end, limit):
                columns = spill.read(at, min(at + limit, end))
                yield Points([key], np.zeros(len(columns[0]), np.uint16), *columns)


def _slice(points: Points, start: int, end: int) -> Points:
    keys, key, step, at, value = points
    return Points(keys, key[start:end], step[start:end], at[start:end], value[start:end])


def _batch(pieces: list[tuple[str, Points]], schema: pa.Schema) -> pa.RecordBatch:
    owners: dict[str, int] = {}
    keys: dict[str, int] = {}
    owner = [np.full(len(points.step), owners.setdefault(name, len(owners)), np.int32) for name, points in pieces]
    key = [_renumbered(points, keys) for _, points in pieces]
    step, at, value = (np.concatenate([getattr(points, name) for _, points in pieces]) for name in Points._fields[2:])
    columns = [
        pa.DictionaryArray.from_arrays(np.concatenate(owner), pa.array(list(owners), pa.string())),
        pa.DictionaryArray.from_arrays(np.concatenate(key), pa.array(list(keys), pa.string())),
        pa.array(step),
        pa.array(at).view(MOMENT),
        pa.array(value),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _renumbered(points: Points, keys: dict[str, int]) -> NDArray[np.int32]:
    """Key numbers in order of first appearance in the batch, so that the batch's bytes depend on it alone."""
    first = np.flatnonzero(np.concatenate(([True], points.key[1:] != points.key[:-1])))
    numbers = np.zeros(len(points.keys), np.int32)
    for used in points.key[first]:
        numbers[used] = keys.setdefault(points.keys[used], len(keys))
    chosen: NDArray[np.int32] = numbers[points.key]
    return chosen
