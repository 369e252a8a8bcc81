"""The metric codec: columns of points packed into one immutable blob.

Form 1 (raw, below PACKED_FROM points): struct rows after the key dictionary; cheap for a metric per request.
Form 2 (packed): key index, steps and times as deltas, values; each column byte-shuffled, all of it one zstd frame.
Both begin with a form byte, so that both stay readable for ever. Integers are little-endian.
"""

import struct
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import zstandard

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RAW, PACKED = 1, 2
PACKED_FROM = 16
LEVEL = 1
_HEAD = struct.Struct("<BII")
_POINT = struct.Struct("<Hqqd")
LARGEST_KEY_COUNT = 1 << 16
"""Of a segment or chunk: sixteen bits say which is meant."""


class Point(NamedTuple):
    """`step` int64, `at` microseconds UTC, `value` any double."""

    key: str
    step: int
    at: int
    value: float


class MetricColumns(NamedTuple):
    """Equal-length columns; `key_index` points into `keys`."""

    keys: list[str]
    key_index: "NDArray[np.unsignedinteger[Any]]"
    step: "NDArray[np.int64]"
    at: "NDArray[np.int64]"
    value: "NDArray[np.float64]"


def encode_points(points: list[Point]) -> bytes:
    """A segment of these points, in the form that suits their number."""
    if len(points) >= PACKED_FROM:
        return encode_segment(columns_of(points))
    index: dict[str, int] = {}
    rows = [_POINT.pack(index.setdefault(p.key, len(index)), p.step, p.at, p.value) for p in points]
    keys = msgspec.json.encode(list(index))
    return b"".join((_HEAD.pack(RAW, len(points), len(keys)), keys, *rows))


def columns_of(points: Iterable[Point]) -> MetricColumns:
    import numpy as np  # late: small requests, and so small servers, never need it

    keys, steps, times, values = zip(*points, strict=True)
    index: dict[str, int] = {}
    positions = [index.setdefault(key, len(index)) for key in keys]
    if len(index) > LARGEST_KEY_COUNT:
        raise ValueError(f"A segment holds at most {LARGEST_KEY_COUNT} different metrics.")
    return MetricColumns(
        list(index),
        np.array(positions, np.uint16),
        np.array(steps, np.int64),
        np.array(times, np.int64),
        np.array(values, np.float64),
    )


def encode_segment(columns: MetricColumns) -> bytes:
    keys = msgspec.json.encode(columns.keys)
    packed = b"".join(
        (
            _shuffle(columns.key_index.astype("<u2", copy=False)),
            _shuffle(_delta(columns.step)),
            _shuffle(_delta(columns.at)),
            _shuffle(columns.value.astype("<f8", copy=False)),
        )
    )
    frame = zstandard.ZstdCompressor(level=LEVEL).compress(keys + packed)
    return _HEAD.pack(PACKED, len(columns.step), len(keys)) + frame


def decode_segment(payload: bytes) -> MetricColumns:
    """The columns of a segment or chunk of any form ever written. Raises ValueError for anything else."""
    form = _form(payload)
    _, count, key_bytes = _HEAD.unpack_from(payload)
    body = payload[_HEAD.size :]
    if form == RAW:
        return _decode_raw(body, count, key_bytes)
    if form == PACKED:
        return _decode_packed(body, count, key_bytes)
    raise ValueError(f"Metric segment of form {form}: this version of Freehold reads forms {RAW} and {PACKED}.")


def _form(payload: bytes) -> int:
    if len(payload) < _HEAD.size:
        raise ValueError("This is no metric segment: it is shorter than its head.")
    return payload[0]


def join_segments(payloads: Sequence[bytes]) -> MetricColumns:
    """All points of segments and chunks of any form, in order of arrival. Raises ValueError as `decode_segment` does.

    Many small ones are read as one: one by one, each would cost a hundred times what its points do.
    """
    import numpy as np

    keys: dict[str, int] = {}
    parts: list[tuple[NDArray[Any], ...]] = []
    for form, group in groupby(payloads, key=_form):
        if form == RAW:
            parts.append(_join_raw(group, keys))
        else:
            parts.extend(_renumbered(decode_segment(each), keys) for each in group)
    index, step, at, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    return MetricColumns(list(keys), index, step, at, value)


def _join_raw(payloads: Iterable[bytes], keys: dict[str, int]) -> "tuple[NDArray[Any], ...]":
    """`numbers` holds the key dictionaries of the segments one after the other; equal ones once."""
    import numpy as np

    known: dict[bytes, tuple[int, int]] = {}
    numbers: list[int] = []
    spans, counts, rows = [], [], []
    for payload in payloads:
        _, count, key_bytes = _HEAD.unpack_from(payload)
        dictionary = payload[_HEAD.size : _HEAD.size + key_bytes]
        if (span := known.get(dictionary)) is None:
            begin = len(numbers)
            numbers += _numbered(msgspec.json.decode(dictionary, type=list[str]), keys)
            span = known[dictionary] = (begin, len(numbers))
        spans.append(span)
        counts.append(count)
        rows.append(payload[_HEAD.size + key_bytes :])
        if len(rows[-1]) != count * _POINT.size:
            raise ValueError("This is no metric segment: it is not as long as its head says.")
    found = np.frombuffer(b"".join(rows), _row_type())
    begins, ends = np.repeat(spans, counts, axis=0).T
    places = found["key"] + begins
    if (places >= ends).any():
        raise ValueError("This is no metric segment: a point is of a metric that it does not name.")
    return np.array(numbers, np.uint32)[places], found["step"], found["at"], found["value"]


def _renumbered(columns: MetricColumns, keys: dict[str, int]) -> "tuple[NDArray[Any], ...]":
    import numpy as np

    return np.array(_numbered(columns.keys, keys), np.uint32)[columns.key_index], *columns[2:]


def _numbered(names: list[str], keys: dict[str, int]) -> list[int]:
    """The number of each name; new names are added to `keys`."""
    return [keys.setdefault(name, len(keys)) for name in names]


def _row_type() -> "np.dtype[Any]":
    import numpy as np

    return np.dtype([("key", "<u2"), ("step", "<i8"), ("at", "<i8"), ("value", "<f8")])


def _decode_raw(body: bytes, count: int, key_bytes: int) -> MetricColumns:
    import numpy as np

    keys = msgspec.json.decode(body[:key_bytes], type=list[str])
    rows = np.frombuffer(body, _row_type(), count, key_bytes)
    return MetricColumns(keys, rows["key"], rows["step"], rows["at"], rows["value"])


def _decode_packed(body: bytes, count: int, key_bytes: int) -> MetricColumns:
    import numpy as np

    data = zstandard.ZstdDecompressor().decompress(body)
    keys = msgspec.json.decode(data[:key_bytes], type=list[str])
    index = _unshuffle(data, key_bytes, count, 1, 2).view("<u2").reshape(count)
    steps, times, values = _unshuffle(data, key_bytes + 2 * count, count, 3, 8)
    step, at = (np.cumsum(column.view("<i8").reshape(count), dtype=np.int64) for column in (steps, times))
    value = values.view("<f8").reshape(count).copy()  # else it would keep the bytes of all three
    return MetricColumns(keys, index, step, at, value)


def _delta(column: "NDArray[np.int64]") -> "NDArray[np.int64]":
    import numpy as np

    delta = np.empty(len(column), "<i8")
    delta[:1] = column[:1]
    np.subtract(column[1:], column[:-1], out=delta[1:])  # wraps around on overflow, and so does the sum
    return delta


def _shuffle(column: "NDArray[Any]") -> bytes:
    """Bytes of equal weight side by side: high bytes of neighbours are alike and compress well."""
    width = column.dtype.itemsize
    return column.view("u1").reshape(len(column), width).T.tobytes()


def _unshuffle(data: bytes, at: int, count: int, columns: int, width: int) -> "NDArray[np.uint8]":
    """Columns of equal width that stand one behind the other, in one go: (columns, count, width)."""
    import numpy as np

    planes = np.frombuffer(data, np.uint8, columns * count * width, at).reshape(columns, width, count)
    return np.ascontiguousarray(planes.transpose(0, 2, 1))
