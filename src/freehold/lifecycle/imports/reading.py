"""Rows of a bag's table, read without trusting it: columns, types, what must be there, lengths, JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.renaming import id_columns
from freehold.lifecycle.tables import ExportTable
from freehold.records.catalogue import Record
from freehold.records.columns import Double, Json

BAG_PATH = "bag_path"
ROWS_AT_ONCE = 10_000
MOST_ROWS = 50_000_000
LARGEST_GROUP = 1 << 31
LONGEST_TEXT = 1 << 22
LONGEST_INDEXED = 5_000
LONGEST_ID = 1_024


class TableReader:
    """`names` are the columns of the rows given, in that order; those that the bag does not have read as null."""

    def __init__(self, table: ExportTable, files: Sequence[Path], *, has_objects: bool) -> None:
        self.table = table
        more = [pa.field(BAG_PATH, pa.string())] if has_objects else []
        self._schema = table.schema(more)
        self._files = files
        self.names = list(self._schema.names)
        self._checks = [self._check(name) for name in self.names]

    def rows(self) -> Iterator[list[Any]]:
        """Raises Refused. Moments are microseconds."""
        for file in self._files:
            for batch in batches_of(file, self._schema, self._optional(), self.table.name):
                columns = [
                    check(column)
                    for check, column in zip(self._checks, (_values(batch, name) for name in self.names), strict=True)
                ]
                yield from map(list, zip(*columns, strict=True))

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

    def _check(self, name: str) -> "_Check":
        column = self.table.record.table.c.get(name)
        is_own = column is not None and name not in self.table.links
        kind = column.type if column is not None and is_own else sa.String()
        is_double = isinstance(kind, Double)
        is_json = isinstance(kind, Json)
        longest = _longest(self.table.record, name) if is_own else LONGEST_ID
        return _Check(self.table.name, name, self._may_be_null(name) or is_double, is_json, longest)


def _longest(record: type[Record], name: str) -> int:
    """Ids stand in addresses, and what is indexed cannot be of any length."""
    if name in id_columns(record):
        return LONGEST_ID
    indexed = {column.name for index in record.table.indexes for column in index.columns}
    indexed |= {
        c.name for each in record.table.constraints if isinstance(each, sa.UniqueConstraint) for c in each.columns
    }
    return LONGEST_INDEXED if name in indexed else LONGEST_TEXT


class _Check:
    """Passes the values of one column on, or raises Refused."""

    def __init__(self, table: str, name: str, may_be_null: bool, is_json: bool, longest: int) -> None:
        self._where = f"{table}.{name}"
        self._may_be_null = may_be_null
        self._is_json = is_json
        self._longest = longest

    def __call__(self, values: list[Any]) -> list[Any]:
        for value in values:
            if value is None:
                if not self._may_be_null:
                    raise Refused("BagMissingValue", "A table lacks a value that it must have.", self._where)
            elif isinstance(value, str | bytes):
                self._check_text(value)
        return values

    def _check_text(self, value: str | bytes) -> None:
        if len(value) > self._longest:
            raise Refused("BagValueTooLong", f"A value is longer than {self._longest} characters.", self._where)
        if isinstance(value, str) and "\0" in value:
            raise Refused("BagWrongValue", "A text holds a NUL character.", self._where)
        if self._is_json:
            check_json(str(value), self._where)


def check_json(text: str, where: str) -> None:
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise Refused("BagWrongValue", "A document is no JSON.", where) from fault


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
