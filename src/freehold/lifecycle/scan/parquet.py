"""Parquet files inside other bytes, decoded. pyarrow is loaded only when one is met: it costs 40 MB.

A Parquet file begins and ends with PAR1; before the last one stands the length of its footer (4 bytes,
little endian). So two marks that fit each other are a file, also in the middle of a tar.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from freehold.kit.memory import taking_at_most

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import parquet

MAGIC = b"PAR1"

TEXTS_AT_ONCE, SAID_ONCE = 1 << 25, 1 << 26
"""Bytes of a column that are decoded at a time; up to how many of a group its texts are read as a dictionary, each once
however often it stands there. What is larger is no few texts many times, and would be held four times for that."""
ROWS_OF_FEW_TEXTS = 1 << 22
"""At a time: a dictionary holds those of all rows before, in each."""
MOST_MEMORY = 2 << 30
"""Bytes, whatever a file says of its sizes."""
_MARKS_TRIED = 256  # texts in a Parquet file may hold the mark too
_ROWS = 1 << 16
_WIDTH = 8


def parquet_pieces(
    held: memoryview, marks: list[int], unreadable: Callable[[int], None]
) -> Iterator[tuple[int, Iterator[memoryview]]]:
    """(offset, decoded buffers) of each Parquet file in `held`, given where PAR1 stands in it.

    `unreadable` hears the offset of a mark that begins no readable file, or whose file breaks off inside.
    """
    at = 0
    while at < len(marks) - 1:
        for end in range(at + 1, min(at + 1 + _MARKS_TRIED, len(marks))):
            whole = held[marks[at] : marks[end] + len(MAGIC)]
            if (table := _open(whole)) is not None:
                yield marks[at], _decoded(table, whole, partial(unreadable, marks[at]))
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
    return _as_parquet(whole, [])


def _as_parquet(whole: memoryview, once: list[str]) -> "parquet.ParquetFile | None":
    """`once`: paths of columns whose texts are read as a dictionary."""
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(pa.BufferReader(pa.py_buffer(whole)), read_dictionary=once)
    except (pa.ArrowException, OSError, MemoryError):
        return None


def _decoded(table: "parquet.ParquetFile", whole: memoryview, broken: Callable[[], None]) -> Iterator[memoryview]:
    """Column by column of each group, since what fits at a time is another number of rows for each."""
    import pyarrow as pa

    schema = table.metadata.schema
    texts = [at for at in range(len(schema)) if schema.column(at).physical_type == "BYTE_ARRAY"]
    once = _as_parquet(whole, [schema.column(at).path for at in texts])
    try:
        with taking_at_most(MOST_MEMORY):
            for chunk in _chunks(table, once, texts):
                yield from _column(*chunk)
    except (pa.ArrowException, OSError, MemoryError):
        broken()


def _chunks(
    table: "parquet.ParquetFile", once: "parquet.ParquetFile | None", texts: list[int]
) -> "Iterator[tuple[parquet.ParquetFile, int, int, int]]":
    """(reader, group, column, rows at a time) of each column in each group."""
    schema = table.metadata.schema
    for number in range(table.num_row_groups):
        group = table.metadata.row_group(number)
        for at in range(group.num_columns):
            if at in texts and once is not None and group.column(at).total_uncompressed_size <= SAID_ONCE:
                yield once, number, at, ROWS_OF_FEW_TEXTS
            else:
                yield table, number, at, _rows_at_once(group, at, max(_WIDTH, schema.column(at).length or 0))


def _column(reader: "parquet.ParquetFile", number: int, at: int, rows: int) -> Iterator[memoryview]:
    path = reader.metadata.schema.column(at).path
    said: pa.Buffer | None = None
    for batch in reader.iter_batches(rows, [number], columns=[path], use_threads=False):
        for array in _leaves(batch.columns):
            values = array.dictionary if hasattr(array, "dictionary") else array
            *_, last = values.buffers()
            if last is not None and said is not None and last.address == said.address:
                continue  # another part of what was told whole; as it is kept, nothing else can be there
            said = last
            yield from _buffers(values)


def _rows_at_once(group: "parquet.RowGroupMetaData", at: int, width: int) -> int:
    chunk = group.column(at)
    size = int(max(chunk.total_uncompressed_size, chunk.num_values * width, 1))
    return max(1, min(_ROWS, int(group.num_rows) * TEXTS_AT_ONCE // size))


def _leaves(arrays: "Iterable[pa.Array]") -> "Iterator[pa.Array]":
    """What holds the values of a nested column."""
    import pyarrow as pa

    for array in arrays:
        if pa.types.is_struct(array.type):
            yield from _leaves(array.field(place) for place in range(array.type.num_fields))
        elif pa.types.is_nested(array.type):
            yield from _leaves([array.values])
        else:
            yield array


def _buffers(column: "pa.Array") -> Iterator[memoryview]:
    """The value buffers: of text and bytes all values in one, end to end."""
    for buffer in column.buffers():
        if buffer is not None and buffer.size:
            yield memoryview(buffer)
