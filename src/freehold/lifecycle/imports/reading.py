"""Rows of a bag's table, read without trusting it: columns, types, what must be there."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.values import ColumnCheck
from freehold.lifecycle.tables import ExportTable

BAG_PATH = "bag_path"
ROWS_AT_ONCE = 10_000
MOST_ROWS = 50_000_000
LARGEST_GROUP = 1 << 31


class TableReader:
    """`names` are the columns of the rows given, in that order; those that the bag does not have read as null."""

    def __init__(self, table: ExportTable, files: Sequence[Path], *, has_objects: bool) -> None:
        self.table = table
        more = [pa.field(BAG_PATH, pa.string())] if has_objects else []
        self._schema = table.schema(more)
        self._files = files
        self.names = list(self._schema.names)
        self._checks = [ColumnCheck(table, name, may_be_null=self._may_be_null(name)) for name in self.names]

    def rows(self) -> Iterator[list[Any]]:
        """Raises Refused. Moments are microseconds."""
        before = 0
        for file in self._files:
            for batch in batches_of(file, self._schema, self._optional(), self.table.name):
                checked = zip(self._checks, self.names, strict=True)
                columns = [check(_values(batch, name), before) for check, name in checked]
                yield from map(list, zip(*columns, strict=True))
                before += batch.num_rows

    def column_values(self, names: Sequence[str]) -> Iterator[list[Any]]:
        """Only some columns, unchecked but for their types: to learn which ids there are."""
        for file in self._files:
            for batch in batches_of(file, self._schema, self._optional(), self.table.name):
                yield from map(list, zip(*(_values(batch, name) for name in names), strict=True))

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


def batches_of(file: Path, schema: pa.Schema, optional: set[str], table: str) -> Iterator[pa.RecordBatch]:
    """The file in pieces, if it has the columns of the schema in these types. Raises Refused."""
    try:
        with pq.ParquetFile(file) as parquet:
            _check_schema(parquet.schema_arrow, schema, optional, table)
            _check_sizes(parquet.metadata, table)
            for batch in parquet.iter_batches(batch_size=ROWS_AT_ONCE):
                batch.validate(full=True)
                yield batch
    except (pa.ArrowException, OSError, ValueError, OverflowError) as fault:
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


def _check_sizes(metadata: pq.FileMetaData, table: str) -> None:
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    if metadata.num_rows > MOST_ROWS or any(group.total_byte_size > LARGEST_GROUP for group in groups):
        raise Refused("BagTooLarge", "A table has more rows or bytes than an import takes.", table)


def _values(batch: pa.RecordBatch, name: str) -> list[Any]:
    if name not in batch.schema.names:
        return [None] * batch.num_rows
    column = batch.column(batch.schema.get_field_index(name))
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.int64())
    values: list[Any] = column.to_pylist()
    return values
