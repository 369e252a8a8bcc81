"""Parquet files inside other bytes, decoded. pyarrow is loaded only when one is met: it costs 40 MB.

A Parquet file begins and ends with PAR1; before the last one stands the length of its footer (4 bytes,
little endian). So two marks that fit each other are a file, also in the middle of a tar.
"""

import struct
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

MAGIC = b"PAR1"

_MARKS_TRIED = 256  # texts in a Parquet file may hold the mark too
_ROWS = 1 << 16


def parquet_pieces(
    held: memoryview, marks: list[int], unreadable: Callable[[int], None]
) -> Iterator[tuple[int, Iterator[memoryview]]]:
    """(offset, decoded buffers) of each Parquet file in `held`, given where PAR1 stands in it.

    `unreadable` hears the offset of a mark that begins no readable file, or whose file breaks off inside.
    """
    at = 0
    while at < len(marks) - 1:
        for end in range(at + 1, min(at + 1 + _MARKS_TRIED, len(marks))):
            table = _open(held[marks[at] : marks[end] + len(MAGIC)])
            if table is not None:
                yield marks[at], _decoded(table, partial(unreadable, marks[at]))
                at = end
                break
        else:
            unreadable(marks[at])
        at += 1


def may_end_at(held: memoryview, mark: int, before: int) -> bool:
    """Whether the mark at `held[mark:]` may be the end of a file: before it stands the length of a footer that the
    stream has room for. `before`: bytes of the stream before `held`."""
    return mark >= 4 and struct.unpack_from("<I", held, mark - 4)[0] + 8 <= before + mark


def _open(whole: memoryview) -> "parquet.ParquetFile | None":
    if len(whole) < 12 or struct.unpack_from("<I", whole, len(whole) - 8)[0] + 12 > len(whole):
        return None
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(pa.BufferReader(pa.py_buffer(whole)))
    except (pa.ArrowException, OSError):
        return None


def _decoded(table: "parquet.ParquetFile", broken: Callable[[], None]) -> Iterator[memoryview]:
    import pyarrow as pa

    try:
        for batch in table.iter_batches(batch_size=_ROWS, use_threads=False):
            for column in batch.columns:
                yield from _buffers(column)
    except (pa.ArrowException, OSError):
        broken()


def _buffers(column: "pa.Array") -> Iterator[memoryview]:
    """The value buffers: of text and bytes all values in one, end to end."""
    for buffer in column.buffers():
        if buffer is not None and buffer.size:
            yield memoryview(buffer)
