"""What an export takes in one read transaction: every small table whole, and lists of what is read later.

Rows that change are written to the bag at once. Of packed rows and objects, which never change, only the keys
are listed: an export lease keeps them in place until they have been read.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import sqlalchemy as sa

from freehold.lifecycle.bag.sorting import LineSorter
from freehold.lifecycle.bag.writer import PartMaker
from freehold.lifecycle.document_lines import line_of
from freehold.lifecycle.explain import meaning
from freehold.lifecycle.listings import ObjectList, Row, is_action, list_actions, object_columns
from freehold.lifecycle.parting import without_secrets
from freehold.lifecycle.reach import stands
from freehold.lifecycle.references import References
from freehold.lifecycle.row_groups import BYTES_IN_GROUP, grouped
from freehold.lifecycle.selection import Selection, Target, deep_owners, key_of, public_key
from freehold.lifecycle.spool import superseded
from freehold.lifecycle.tables import (
    ROWS_AT_ONCE,
    ROWS_IN_PART,
    Columns,
    ExportTable,
    batch_of,
    batches_of,
    export_table,
    linked_name,
    write_parquet,
)
from freehold.lifecycle.targets import public_id
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import Container, Scope
from freehold.storage.transaction import Transaction

DOCUMENTS_IN_PART = 10_000
FETCHED = 32
ROWS_IN_BATCH = 10_000
LARGE = 2 << 20
"""Letters with which a batch of rows ends, and bytes of a group behind which memory is given back."""
PACKED = pa.schema([("owner", pa.string()), ("source", pa.string()), ("row", pa.int64()), ("count", pa.int64())])


class RestWriter(Protocol):
    """Writes one kind of document as an interface answers it; given by the composition root.

    `withheld` maps dotted paths (`content.url`) to the reason why they are null: secret, or never twice the same.
    """

    name: str
    withheld: Mapping[str, str]

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]: ...


@dataclass(slots=True)
class TableFacts:
    """What was found of one table; `meaning` and `columns` are for people."""

    name: str
    rows: int
    columns: list[str]
    withheld_columns: dict[str, str]
    meaning: str


@dataclass(slots=True)
class Facts:
    """Everything that the later stages need to know of the snapshot. Times are microseconds UTC.

    `content_at` is the latest time in the exported rows: it depends on the content, `snapshot_at` does not.
    `kept` counts rows of the workspace that stay, `packed` those that leave in another form: both may differ
    between two servers with equal content, so they stand in the certificate and not in the bag's data.
    `objects` and `rest`: name → [files, bytes] and documents. `references`: what the bag names beside what it covers.
    """

    snapshot_at: int = 0
    content_at: int = 0
    title: str = ""
    tables: list[TableFacts] = field(default_factory=list)
    points: int = 0
    packed: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)
    objects: dict[str, tuple[int, int]] = field(default_factory=dict)
    rest: dict[str, int] = field(default_factory=dict)
    rest_withheld: dict[str, dict[str, str]] = field(default_factory=dict)
    references: References = field(default_factory=dict)


def take_snapshot(db: Transaction, chosen: Target, lists: Path, writer: PartMaker, rest: Sequence[RestWriter]) -> Facts:
    """Fills the bag's tables and `rest/`, and the folder `lists`. Raises Conflict when there is nothing to export."""
    return _Snapshot(db, chosen, lists, writer).take(rest)


def write_documents(writer: PartMaker, name: str, lines: Iterator[Iterable[bytes]]) -> None:
    """Parts of a fixed number of lines, each in pieces; none where there are none."""
    part = 0
    while (first := next(lines, None)) is not None:
        some = chain((first,), islice(lines, DOCUMENTS_IN_PART - 1))
        writer.write(f"data/{name}/part-{part:05d}.jsonl", chain.from_iterable(some))
        part += 1


def owner_of(record: type[Record]) -> tuple[sa.Column[int], type[Record], str]:
    """Of packed rows: the link to their owner, the owner's record, the name of the column with its public id."""
    link, target = next(deep_owners(record, catalogue()))
    return link, target, linked_name(link.name, public_key(target)[0].name, True)


class _Snapshot:
    def __init__(self, db: Transaction, chosen: Target, lists: Path, writer: PartMaker) -> None:
        self._db = db
        self._selection = Selection(chosen)
        self._folder = lists
        self._writer = writer
        self._facts = Facts(snapshot_at=db.now())

    def take(self, rest: Sequence[RestWriter]) -> Facts:
        self._facts.title = self._title()
        with LineSorter(self._folder) as homes:
            for record in self._selection.exported():
                self._table(export_table(record, self._selection), homes)
            with (self._folder / "homes.txt").open("wb") as lines:
                lines.writelines(line + b"\n" for line in homes.lines())
        self._list_points()
        for resource in rest:
            self._documents(resource)
        self._count_what_stays()
        return self._facts

    def _title(self) -> str:
        """What has no name is called by its id."""
        root = self._selection.root
        own = public_id(root)
        called = sa.func.coalesce(root.table.c.get("name", own), own)
        found = self._db.execute(sa.select(called).where(self._selection.rows(root))).scalar()
        if found is None:
            raise superseded()
        return str(found)

    def _table(self, table: ExportTable, homes: LineSorter) -> None:
        extra = object_columns(table.record)
        if extra is not None:
            self._table_of_objects(table, extra, homes)
        elif is_action(table.record):
            rows = self._rows(table.select(self._selection, key_of(table.record.table)))
            self._parts(table, table.schema(), list_actions(table, rows, self._folder / "actions.jsonl"))
        else:
            self._parts(table, table.schema(), self._rows(table.select(self._selection)))

    def _table_of_objects(self, table: ExportTable, extra: list[sa.ColumnElement[Any]], homes: LineSorter) -> None:
        """In order of their names: then names that might collide meet, and one folder's follow one another."""
        objects = ObjectList(table, self._folder, homes)
        query = table.select(self._selection, *extra).order_by(None).order_by(*public_key(table.record))
        schema = table.schema([pa.field("bag_path", pa.string())])
        self._parts(table, schema, objects.through(self._rows(query)))
        self._facts.objects[table.name] = (objects.count, objects.size)

    def _rows(self, query: sa.Select[Any]) -> Iterator[Row]:
        """Fetched many at a time, for one by one takes twice as long; not more, for one may hold megabytes."""
        return (list(row) for rows in self._db.execute(query).partitions(FETCHED) for row in rows)

    def _parts(self, table: ExportTable, schema: pa.Schema, rows: Iterator[Row]) -> None:
        """Parts of a fixed number of rows; an empty table has one part, so that it still has columns."""
        moments = [number for number, column in enumerate(schema) if pa.types.is_timestamp(column.type)]
        total = part = 0
        is_full = True
        while is_full:
            counted = _Counted(islice(rows, ROWS_IN_PART), moments, partial(without_secrets, table, schema.names))
            with self._writer.open_part(f"data/tables/{table.name}/part-{part:05d}.parquet") as file:
                groups = grouped(counted.batches(schema), schema, ROWS_AT_ONCE, BYTES_IN_GROUP)
                write_parquet(file, schema, _returning_memory(groups))
            total, part, is_full = total + counted.count, part + 1, counted.count == ROWS_IN_PART
            self._facts.content_at = max(self._facts.content_at, counted.latest)
        facts = TableFacts(table.name, total, schema.names, table.withheld, meaning(table.record))
        self._facts.tables.append(facts)

    def _list_points(self) -> None:
        """Keys of packed rows by owner; the older form first, in order of names (chunks before segments)."""
        packed = [self._packed(record) for record in self._selection.decoded()]
        merged = heapq.merge(*packed, key=lambda row: row[0])
        with (self._folder / "packed.parquet").open("wb") as file:
            write_parquet(file, PACKED, batches_of((row[1:] for row in merged), PACKED))

    def _packed(self, record: type[Record]) -> Iterator[tuple[int, str, str, int, int]]:
        """(owner's row, owner's id, table, row, points) in order of owner and arrival."""
        link, target, _ = owner_of(record)
        key, owners = key_of(record.table), target.table.alias("owner")
        query = (
            sa.select(link, owners.c[public_key(target)[0].name], key, record.table.c["count"])
            .join(owners, key_of(owners) == link)
            .where(self._selection.rows(record))
            .order_by(link, key)
            .execution_options(yield_per=ROWS_AT_ONCE)
        )
        name = str(record.table.name)
        self._facts.packed[name] = 0
        for found in self._db.execute(query):
            owner_row, owner, row, count = list(found)
            self._facts.points += count
            self._facts.packed[name] += 1
            yield owner_row, owner, name, row, count

    def _documents(self, resource: RestWriter) -> None:
        write_documents(self._writer, f"rest/{resource.name}", self._lines(resource))
        if resource.name in self._facts.rest:
            self._facts.rest_withheld[resource.name] = dict(resource.withheld)

    def _lines(self, resource: RestWriter) -> Iterator[Iterator[bytes]]:
        """Each document is let go before those behind it are read: one may be of many megabytes."""
        for document in resource.documents(self._db, self._selection.chosen):
            line = line_of(document, resource.withheld)
            del document
            self._facts.rest[resource.name] = self._facts.rest.get(resource.name, 0) + 1
            yield line
            del line

    def _count_what_stays(self) -> None:
        for record, _ in self._selection.withheld():
            if record.rules.container is Container.WORKSPACE:
                table = record.table
                mine = table.c["workspace_id"] == self._selection.chosen.workspace_id
                count = self._db.execute(sa.select(sa.func.count()).select_from(table).where(mine)).scalar_one()
                self._facts.kept[str(table.name)] = count
        is_whole = self._selection.chosen.scope is Scope.WORKSPACE
        for record in self._selection.exported() if is_whole else ():
            if self._selection.left_out(record):
                self._facts.kept[str(record.table.name)] = self._left_out(record)

    def _left_out(self, record: type[Record]) -> int:
        """Rows of the workspace that stand and do not leave, though their record does."""
        here = record.table.c["workspace_id"] == self._selection.chosen.workspace_id
        found = sa.select(sa.func.count()).select_from(record.table).where(here, stands(record))
        count = self._db.execute(found).scalar_one()
        leaves = next(table.rows for table in self._facts.tables if table.name == record.table.name)
        return int(count) - leaves


def _returning_memory(groups: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """After each large group what its writer has freed: it would keep some 60 MB for the next."""
    for group in groups:
        yield group
        if group.nbytes > LARGE:
            pa.default_memory_pool().release_unused()


class _Counted:
    """Passes rows on, many at a time, without secrets; knows afterwards how many there were and the latest moment in
    them."""

    def __init__(self, rows: Iterator[Row], moments: list[int], parted: Callable[[Columns], Columns]) -> None:
        self._rows = rows
        self._moments = moments
        self._parted = parted
        self.count = 0
        self.latest = 0

    def batches(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Each ends with so many rows, or with the one that makes it so large."""
        texts = [number for number, column in enumerate(schema) if not pa.types.is_primitive(column.type)]
        rows: list[Row] = []
        size = 0
        for row in self._rows:
            rows.append(row)
            size += sum([len(row[place] or "") for place in texts])
            if size >= LARGE or len(rows) == ROWS_IN_BATCH:
                yield self._batch(rows, schema)
                rows, size = [], 0
        if rows:
            yield self._batch(rows, schema)

    def _batch(self, rows: list[Row], schema: pa.Schema) -> pa.RecordBatch:
        columns = list(zip(*rows, strict=True))
        self.count += len(columns[0])
        latest = (max(filter(None, columns[place]), default=0) for place in self._moments)
        self.latest = max([self.latest, *latest])
        return batch_of(self._parted(columns), schema)
