"""Rows of a bag's table, read without trusting it: columns, types, what must be there."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from freehold.lifecycle.imports.budget import Budget
from freehold.lifecycle.imports.document_checks import DocumentChecks
from freehold.lifecycle.imports.documents import OF_DOMAIN
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.shapes import Shapes
from freehold.lifecycle.imports.values import LONGEST_TEXT, ColumnCheck
from freehold.lifecycle.parting import without_secrets
from freehold.lifecycle.row_groups import batches_in, sizes_of
from freehold.lifecycle.tables import ExportTable
from freehold.storage.portable import is_denied

BAG_PATH = "bag_path"
ROWS_AT_ONCE = 10_000
MOST_ROWS = 50_000_000
LARGEST_GROUP = 1 << 31
LARGEST_FOOTER = 16 << 20
"""Bytes. It is read whole, and takes some twenty times as much in memory. The exporter's have some ten thousand."""
LONGEST_IN_BYTES = 4 * LONGEST_TEXT
"""Of a text in UTF-8."""
BYTES_AT_ONCE = 16 << 20
ENDING = 8
"""Bytes at the end of a Parquet file: the length of its footer, and its mark."""


class TableReader:
    """`names` are the columns of the rows given, in that order; those that the bag does not have read as null.

    `facades`: what each façade needs of documents, beside what the domain does.
    """

    def __init__(
        self,
        table: ExportTable,
        files: Sequence[Path],
        budget: Budget,
        *,
        has_objects: bool,
        facades: Sequence[Shapes] = (),
    ) -> None:
        self.table = table
        self._budget = budget
        more = [pa.field(BAG_PATH, pa.string())] if has_objects else []
        self._schema = table.schema(more)
        self._files = files
        self.names = list(self._schema.names)
        self._checks = [ColumnCheck(table, name, may_be_null=self._may_be_null(name)) for name in self.names]
        self._documents = DocumentChecks(table, self.names, (OF_DOMAIN, *facades))

    def rows(self) -> Iterator[list[Any]]:
        """Raises Refused. Moments are microseconds."""
        before = 0
        for batch in self._batches():
            checked = zip(self._checks, self.names, strict=True)
            columns = [check(_values(batch, name), before) for check, name in checked]
            self._documents(columns, before)
            yield from map(list, zip(*without_secrets(self.table, self.names, columns), strict=True))
            before += batch.num_rows

    def column_values(self, names: Sequence[str]) -> Iterator[list[Any]]:
        """Only some columns, unchecked but for their types: to learn which ids there are."""
        for batch in self._batches(names):
            yield from map(list, zip(*(_values(batch, name) for name in names), strict=True))

    def _batches(self, only: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        for file in self._files:
            yield from batches_of(file, self._schema, self._optional(), self.table.name, self._budget, only)

    def _optional(self) -> set[str]:
        """Columns that a bag of an older release may lack."""
        return {name for name in self.names if self._may_be_null(name)}

    def _may_be_null(self, name: str) -> bool:
        if name == BAG_PATH:
            return True
        for column, link in self.table.links.items():
            if name in link.names:
                return bool(self.table.record.table.c[column].nullable)
        return bool(self.table.record.table.c[name].nullable)


def batches_of(
    file: Path,
    schema: pa.Schema,
    optional: set[str],
    table: str,
    budget: Budget,
    only: Sequence[str] | None = None,
    *,
    rows_at_once: int = ROWS_AT_ONCE,
) -> Iterator[pa.RecordBatch]:
    """The file in pieces of about BYTES_AT_ONCE, if it has the columns of the schema in these types; `only` some of
    them. Raises Refused, or PermissionError where the system denies the file.

    Text is read as a dictionary, which is as large as the file itself holds it: how much it becomes is known before.
    """
    try:
        _check_footer(file, table)
        with pq.ParquetFile(file) as parquet:
            _check_schema(parquet.schema_arrow, schema, optional, table)
            _check_sizes(parquet.metadata, budget, table)
            names = [name for name in parquet.schema_arrow.names if only is None or name in only]
        texts = [name for name in names if _is_text(schema.field(name).type)]
        for batch in batches_in(file, columns=names, texts=texts, rows=rows_at_once):
            batch.validate(full=True)
            sizes = _sizes(batch, table)
            budget.spend(int(sizes.sum()), table)
            yield from _pieces(batch, sizes, pa.schema([schema.field(name) for name in names]))
    except (pa.ArrowException, OSError, ValueError, OverflowError) as fault:
        if is_denied(fault):  # the file that it was laid down as
            raise
        raise Refused("BagWrongTable", "A table cannot be read.", table) from fault
    except MemoryError as fault:
        raise Refused("BagTooLarge", "A table takes more memory than an import may use.", table) from fault


def _check_schema(found: pa.Schema, wanted: pa.Schema, optional: set[str], table: str) -> None:
    for name in found.names:
        if name not in wanted.names or found.names.count(name) > 1:
            message = "A table has a column that this version does not know."
            raise Refused("BagUnknownColumn", message, f"{table}.{name}")
        if found.field(name).type != wanted.field(name).type:
            raise Refused("BagWrongType", "A column has another type than it should.", f"{table}.{name}")
    for name in wanted.names:
        if name not in found.names and name not in optional:
            raise Refused("BagMissingColumn", "A table lacks a column.", f"{table}.{name}")


def _check_footer(file: Path, table: str) -> None:
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - ENDING))
        length = int.from_bytes(stream.read(ENDING)[:4], "little")
    if LARGEST_FOOTER < length < file.stat().st_size:
        raise Refused("BagTooLarge", "A table is cut into more pieces than an import takes.", table)


def _check_sizes(metadata: pq.FileMetaData, budget: Budget, table: str) -> None:
    """A group of rows is unpacked whole before it is known what it becomes, which is no less than it has unpacked."""
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    largest = max((group.total_byte_size for group in groups), default=0)
    if metadata.num_rows > MOST_ROWS or largest > LARGEST_GROUP:
        raise Refused("BagTooLarge", "A table has more rows or bytes than an import takes.", table)
    budget.require(largest, table)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))


def _sizes(batch: pa.RecordBatch, table: str) -> "np.ndarray[Any, np.dtype[np.int64]]":
    """Bytes of each row, with every value written out. Raises Refused for a text that no column could have, before it
    is written out."""
    for column in batch.columns:
        if pa.types.is_dictionary(column.type) and pa.types.is_string(column.type.value_type):
            longest = pc.max(pc.binary_length(column.dictionary)).as_py() or 0
            if longest > LONGEST_IN_BYTES:
                raise Refused("BagValueTooLong", f"A value is longer than {LONGEST_TEXT} characters.", table)
    return sizes_of(batch)


def _pieces(batch: pa.RecordBatch, sizes: Any, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Text is written out only here, as much at once as memory should hold."""
    group = np.cumsum(sizes) // BYTES_AT_ONCE
    borders = [0, *(np.flatnonzero(group[1:] != group[:-1]) + 1).tolist(), batch.num_rows]
    for start, end in pairwise(borders):
        part = batch.slice(start, end - start)
        yield pa.RecordBatch.from_arrays(
            [column.cast(field.type) for column, field in zip(part.columns, schema, strict=True)], schema=schema
        )


def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
    if name not in batch.schema.names:
        return [None] * batch.num_rows
    column = batch.column(batch.schema.get_field_index(name))
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values
