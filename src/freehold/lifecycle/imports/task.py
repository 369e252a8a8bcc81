"""Reads a bag that was sent, in a child process: verifies it, refuses it, or makes its rows and objects ready.

Killed, it begins again: nothing that it makes is used before all of it is there.
"""

import resource
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from freehold.kit.clock import SystemClock
from freehold.kit.faults import passing
from freehold.kit.ids import UuidSource
from freehold.lifecycle.export_task import Bench
from freehold.lifecycle.imports import extract
from freehold.lifecycle.imports.packing import PointPacker
from freehold.lifecycle.imports.preparing import Found, TablePreparer, ids_in
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.renaming import UUID, Renamer, derived_columns, id_columns
from freehold.lifecycle.imports.spool import (
    ImportJob,
    ImportSpool,
    Prepared,
    PreparedObject,
    PreparedTable,
    write_whole,
)
from freehold.lifecycle.selection import Selection, Target
from freehold.lifecycle.snapshot import owner_of
from freehold.lifecycle.tables import ExportTable, export_table
from freehold.records.catalogue import Record, catalogue, metadata
from freehold.records.rules import Decoded, Scope

FORMAT = 1
MEMORY = 6 << 30
"""Address space of the child: a table that claims more is refused by the system itself."""


def run(bench: Bench, job: Mapping[str, Any]) -> dict[str, Any]:
    """The task as the worker knows it, in a process of its own."""
    pa.set_memory_pool(pa.system_memory_pool())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    return read_bag(bench, job)


def read_bag(bench: Bench, job: Mapping[str, Any]) -> dict[str, Any]:
    """Fills the spool and returns counts. Raises Refused, after the report has said why."""
    order = msgspec.convert(job, ImportJob)
    spool = ImportSpool(bench.settings.data_folder, order.operation_id)
    try:
        return _Reading(spool, order, bench.settings.max_bag).run().counts()
    except Refused as refusal:
        write_whole(spool.report, msgspec.json.encode(refusal.as_document()))
        raise


class _Reading:
    def __init__(self, spool: ImportSpool, job: ImportJob, largest: int) -> None:
        self._spool = spool
        self._job = job
        self._largest = largest
        clock = SystemClock()
        self._renamer = Renamer(UuidSource(clock).new_id)

    def run(self) -> Prepared:
        spool = self._spool
        spool.clear()
        passing("import:spool:cleared")
        extract.verify(spool.bag, self._largest)
        passing("import:bag:checked")
        scope, files = extract.take_tables(spool.bag, spool.tables)
        passing("import:tables:taken")
        self._selection = Selection(Target(scope, 0, (0,)))
        self._found = Found(scope)
        self._files = files
        self._check_known(files)
        tables = self._tables()
        self._check_home(tables)
        if self._job.new_ids:
            self._rename(tables)
        container, prepared = self._prepare(tables)
        passing("import:rows:prepared")
        points = self._pack(prepared)
        passing("import:points:packed")
        extract.take_objects(spool.bag, self._found.wanted, spool.objects)
        passing("import:objects:taken")
        whole = self._whole(container, prepared, points)
        spool.save(whole, (PreparedObject(n, key, size) for n, (key, size, _) in enumerate(self._found.objects)))
        return whole

    def _check_known(self, files: Mapping[str, Sequence[Path]]) -> None:
        known = {str(record.table.name) for record in self._selection.exported()}
        known |= {_decoded(record).into for record in self._selection.decoded()}
        for name in files:
            if name not in known:
                raise Refused("BagUnknownTable", "It has a table that this version does not know in it.", name)

    def _tables(self) -> list[ExportTable]:
        """Those of the bag, each behind those that it links to."""
        exported = {str(record.table.name): record for record in self._selection.exported()}
        order = [str(table.name) for table in metadata.sorted_tables]
        there = (name for name in order if name in exported and name in self._files)
        return [export_table(exported[name], self._selection) for name in there]

    def _check_home(self, tables: Sequence[ExportTable]) -> None:
        """Its id is taken on, or replaced wherever the bag mentions it: a word in its place would be replaced too."""
        for table in (each for each in tables if each.record is _container()):
            if not all(UUID.fullmatch(each) for each in self._ids(table, id_columns(table.record))):
                raise Refused("BagWrongValue", "The id of the workspace in it is no UUID.", table.name)

    def _rename(self, tables: Sequence[ExportTable]) -> None:
        """Every id in the bag gets a new one; the workspace's own becomes that of the one it goes into."""
        known: dict[str, str] = {}
        for table in tables:
            if table.record is _container():
                known |= dict.fromkeys(self._ids(table, id_columns(table.record)), self._job.public_id)
                continue
            derived = derived_columns(table.record)
            plain = [name for name in id_columns(table.record) if name not in derived]
            self._renamer.collect(self._ids(table, plain))
            self._renamer.collect_derived(self._ids(table, derived))
        self._renamer.settle(known)
        write_whole(self._spool.mapping, msgspec.json.encode(self._renamer.mapping, order="sorted"))

    def _ids(self, table: ExportTable, names: Sequence[str]) -> Iterator[str]:
        return ids_in(table, self._files[table.name], names)

    def _prepare(self, tables: Sequence[ExportTable]) -> tuple[dict[str, Any] | None, list[PreparedTable]]:
        linked_to = {str(link.to.table.name) for table in tables for link in table.links.values()}
        linked_to |= {str(owner_of(record)[1].table.name) for record in self._selection.decoded()}
        container, prepared = None, []
        for table in tables:
            preparer = TablePreparer(table, self._files[table.name], self._found, self._renamer)
            if table.record is _container():
                container = preparer.only_row()
            else:
                prepared.append(preparer.prepare(self._spool, is_linked_to=table.name in linked_to))
        if (container is None) == (self._found.scope is Scope.WORKSPACE):
            raise Refused("BagMissingTable", "A bag of a workspace holds the workspace itself, and no other does.")
        return container, prepared

    def _pack(self, prepared: list[PreparedTable]) -> int:
        """Points are packed into the first of the records that hold them: the one that is read first."""
        decoded = self._selection.decoded()
        if not decoded or _decoded(decoded[0]).into not in self._files:
            return 0
        owners = self._found.keys.get(str(owner_of(decoded[0])[1].table.name), {})
        packer = PointPacker(decoded[0], self._files[_decoded(decoded[0]).into], owners)
        prepared.append(packer.prepare(self._spool))
        return packer.points

    def _whole(self, container: dict[str, Any] | None, prepared: list[PreparedTable], points: int) -> Prepared:
        return Prepared(
            format=FORMAT,
            scope=self._found.scope.value,
            container=container,
            tables=prepared,
            objects=len(self._found.objects),
            object_bytes=sum(size for _, size, _ in self._found.objects),
            points=points,
            dropped_links=self._found.dropped,
        )


def _container() -> type[Record]:
    return catalogue()[f"{Scope.WORKSPACE.value}s"]


def _decoded(record: type[Record]) -> Decoded:
    export = record.rules.export
    assert isinstance(export, Decoded)
    return export
