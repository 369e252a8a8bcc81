"""Rows of a table in groups of so many rows and bytes: whoever writes or reads one holds it whole.

Their borders depend on the rows alone, so that the same rows are the same file whichever way they came.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from freehold.lifecycle.tables import ROWS_AT_ONCE

FIXED = 8
"""Bytes of a number, and of what points to a text."""
BYTES_IN_GROUP = 8 << 20
ANY_SIZE = 1 << 62


def batches_in(
    file: Path, *, columns: Sequence[str] | None = None, texts: Sequence[str] = (), rows: int = ROWS_AT_ONCE
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file, a group at a time or so many of one; `texts` as dictionaries."""
    with pq.ParquetFile(file, read_dictionary=list(texts)) as parquet:
        for number in range(parquet.num_row_groups):
            yield from parquet.iter_batches(batch_size=rows, row_groups=[number], columns=columns)


def sizes_of(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Bytes of each row, with every value written out."""
    sizes = np.full(batch.num_rows, FIXED * batch.num_columns, np.int64)
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            lengths = np.append(_lengths(column.dictionary), 0)
            sizes += lengths[pc.fill_null(column.indices, len(lengths) - 1).to_numpy(zero_copy_only=False)]
        elif pa.types.is_string(column.type) or pa.types.is_binary(column.type):
            sizes += _lengths(column)
    return sizes


def _lengths(column: pa.Array) -> Any:
    return pc.fill_null(pc.binary_length(column), 0).to_numpy(zero_copy_only=False)


def grouped(batches: Iterable[pa.RecordBatch], schema: pa.Schema, rows: int, size: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches that end with so many rows, or with the row that makes them `size` bytes; but for the
    last."""
    waiting: list[pa.RecordBatch] = []
    held = weight = 0
    for batch in batches:
        sums = np.cumsum(sizes_of(batch))
        start = before = 0
        while start < batch.num_rows:
            full = int(np.searchsorted(sums, before + size - weight)) + 1
            end = min(start + rows - held, full, batch.num_rows)
            waiting.append(batch.slice(start, end - start))
            held, weight = held + end - start, weight + int(sums[end - 1]) - before
            if held == rows or weight >= size:
                yield _joined(waiting, schema)
                waiting, held, weight = [], 0, 0
            start, before = end, int(sums[end - 1])
    if waiting:
        yield _joined(waiting, schema)


class RowStream:
    """Rows in batches, of which so many may be taken at a time."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self._batches = iter(batches)
        self._ahead: pa.RecordBatch | None = None

    def take(self, rows: int) -> Iterator[pa.RecordBatch]:
        """The next `rows`, or all that are left."""
        while rows > 0 and self.has_more():
            assert self._ahead is not None, "just seen"
            piece = self._ahead.slice(0, rows)
            rest = self._ahead.slice(piece.num_rows)
            self._ahead, rows = rest if rest.num_rows else None, rows - piece.num_rows
            yield piece

    def has_more(self) -> bool:
        while self._ahead is None:
            self._ahead = next(self._batches, None)
            if self._ahead is None:
                return False
            if self._ahead.num_rows == 0:
                self._ahead = None
        return True


def _joined(pieces: list[pa.RecordBatch], schema: pa.Schema) -> pa.RecordBatch:
    table = pa.Table.from_batches(pieces).combine_chunks()
    columns = []
    for field in schema:
        column = table.column(field.name)
        array = column.chunk(0) if column.num_chunks else pa.array([], column.type)
        columns.append(array.dictionary_encode() if pa.types.is_dictionary(field.type) else array)
    return pa.RecordBatch.from_arrays(columns, schema=schema)
