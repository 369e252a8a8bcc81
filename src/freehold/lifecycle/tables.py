"""A record as a table of a bag: columns, types, and public ids in place of the integers that never leave.

Derived from the catalogue. Tables are Parquet with zstd; the same rows give the same bytes with the same pyarrow.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from freehold.lifecycle.selection import HIDDEN, WORKSPACE, Selection, key_of, public_key
from freehold.records.catalogue import Record, catalogue
from freehold.records.columns import Double
from freehold.records.rules import LinkKind, Secret, Withheld

ROWS_AT_ONCE = 50_000
Columns = Sequence[Sequence[Any]]
ROWS_IN_PART = 1_000_000
MOMENT = pa.timestamp("us")
"""UTC, without saying so in the type: DuckDB hands a zoned time to Python only where `pytz` is installed."""
PARQUET: dict[str, Any] = {"compression": "zstd", "version": "2.6", "write_page_index": False}


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an exported table: how it is called there, its Arrow type, where it is read."""

    name: str
    type: pa.DataType
    source: sa.ColumnElement[Any]


@dataclass(frozen=True, slots=True)
class LinkFields:
    """A link as a bag has it: the record that it leads to, and the fields with that one's public key."""

    to: type[Record]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ExportTable:
    """The exported form of a record. `withheld` maps columns that stay to the reason why, `links` columns to fields."""

    record: type[Record]
    fields: tuple[Field, ...]
    withheld: dict[str, str]
    links: dict[str, LinkFields]
    source: sa.FromClause

    @property
    def name(self) -> str:
        return str(self.record.table.name)

    @property
    def key(self) -> tuple[str, ...]:
        """The fields that name a row, as links to it do."""
        names: list[str] = []
        for column in public_key(self.record):
            link = self.links.get(column.name)
            names += link.names if link else (column.name,)
        return tuple(names)

    def schema(self, more: Iterable[pa.Field] = ()) -> pa.Schema:
        return pa.schema([pa.field(field.name, field.type) for field in self.fields] + list(more))

    def select(self, selection: Selection, *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
        """The chosen rows in the order in which they came; `more` columns follow the fields."""
        columns = [field.source.label(f"c{number}") for number, field in enumerate(self.fields)]
        return (
            sa.select(*columns, *more)
            .select_from(self.source)
            .where(selection.rows(self.record))
            .order_by(key_of(self.record.table))
            .execution_options(yield_per=ROWS_AT_ONCE)
        )


def export_table(record: type[Record], selection: Selection) -> ExportTable:
    return _Builder(selection).build(record)


def write_parquet(
    sink: Any, schema: pa.Schema, batches: Iterable[pa.RecordBatch], options: dict[str, Any] | None = None
) -> None:
    """One Parquet file, a row group for each batch. Works for no batch at all."""
    with pq.ParquetWriter(sink, schema, **(options or PARQUET)) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=max(1, batch.num_rows))


def batches_of(rows: Iterable[Sequence[Any]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    return (batch_of(columns, schema) for columns in columns_of(rows))


def columns_of(rows: Iterable[Sequence[Any]]) -> Iterator[Columns]:
    """The rows as columns, many rows at a time."""
    waiting = iter(rows)
    while some := list(islice(waiting, ROWS_AT_ONCE)):
        yield list(zip(*some, strict=True))


def batch_of(columns: Columns, schema: pa.Schema) -> pa.RecordBatch:
    """Columns of plain values. Integers stand for moments in microseconds."""
    return pa.RecordBatch.from_arrays(
        [_array(values, field.type) for values, field in zip(columns, schema, strict=True)], schema=schema
    )


def _array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind):
        return pa.array(values, pa.int64()).view(kind)
    return pa.array(values, kind)


class _Builder:
    """Collects the fields of one record, and the joins that put public ids in place of keys."""

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._records = catalogue()
        self._fields: list[Field] = []
        self._withheld: dict[str, str] = {}
        self._links: dict[str, LinkFields] = {}

    def build(self, record: type[Record]) -> ExportTable:
        self._source: sa.FromClause = record.table
        for column in record.table.columns:
            if "key" in column.info or column.name in (WORKSPACE, HIDDEN):
                continue
            rule = column.info.get("rule")
            if isinstance(rule, Secret):
                self._withheld[column.name] = rule.because
            elif "link" in column.info:
                before = len(self._fields)
                self._link(column.name, record.table, column, column.name)
                self._note(column, before)
            else:
                self._fields.append(_plain_field(column.name, column))
        return ExportTable(record, tuple(self._fields), self._withheld, self._links, self._source)

    def _note(self, column: sa.Column[Any], before: int) -> None:
        """The fields since `before` are those of the link."""
        if column.name not in self._withheld:
            names = tuple(field.name for field in self._fields[before:])
            self._links[column.name] = LinkFields(self._records[column.info["link"].to], names)

    def _link(self, name: str, table: sa.FromClause, column: sa.Column[Any], whole: str) -> None:
        """Joins the linked record and takes the columns of its public key, links among them likewise."""
        target = self._records[column.info["link"].to]
        columns = public_key(target)
        if isinstance(target.rules.export, Withheld) or not columns:
            because = target.rules.export.because if isinstance(target.rules.export, Withheld) else "no public id"
            self._withheld[whole] = because
            return
        joined = target.table.alias(f"j{len(self._fields)}_{name}")
        self._source = self._source.outerjoin(joined, self._meets(table, column, target, joined))
        for part in columns:
            called = linked_name(name, part.name, len(columns) == 1)
            if "link" in part.info:
                self._link(called, joined, part, whole)
            else:
                self._fields.append(_plain_field(called, part, joined))

    def _meets(
        self, table: sa.FromClause, column: sa.Column[Any], target: type[Record], joined: sa.FromClause
    ) -> sa.ColumnElement[bool]:
        """A link to a hidden row reads as no link. An owner cannot be hidden where what it owns is chosen."""
        terms = [key_of(joined) == table.c[column.name]]
        if column.info["link"].kind is not LinkKind.DEEP:
            terms.append(self._selection.stands(target, joined))
        if WORKSPACE in table.c and WORKSPACE in joined.c:
            terms.append(joined.c[WORKSPACE] == table.c[WORKSPACE])
        return sa.and_(*terms)


def linked_name(link: str, part: str, alone: bool) -> str:
    """How a link is called in a bag: `run_row` → `run_id`, `object_row` → `object_key`, `created_by` stays."""
    stem = link.removesuffix("_row")
    if alone and stem == link:
        return link
    return f"{stem}_{part.removesuffix('_row').rsplit('_', 1)[-1]}"


def public_names(record: type[Record]) -> list[str]:
    """How the columns of a record's public key are called in a bag."""
    return [
        linked_name(column.name, public_key(catalogue()[column.info["link"].to])[0].name, True)
        if "link" in column.info
        else column.name
        for column in public_key(record)
    ]


def _plain_field(name: str, column: sa.Column[Any], table: sa.FromClause | None = None) -> Field:
    source = table.c[column.name] if table is not None else column
    kind = _arrow_type(column)
    # Text and JSON leave as the database holds them: their types' own conversions would only cost time.
    return Field(name, kind, sa.type_coerce(source, sa.String()) if kind == pa.string() else source)


def _arrow_type(column: sa.Column[Any]) -> pa.DataType:
    if column.info.get("moment"):
        return MOMENT
    if isinstance(column.type, sa.Boolean):
        return pa.bool_()
    if isinstance(column.type, Double):
        return pa.float64()
    if isinstance(column.type, sa.Integer):
        return pa.int64()
    return pa.binary() if isinstance(column.type, sa.LargeBinary) else pa.string()
