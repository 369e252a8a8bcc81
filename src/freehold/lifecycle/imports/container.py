"""Reads what a bag holds of one container, and makes its rows ready to be written."""

from collections.abc import Iterator, Sequence
from typing import Any

from freehold.kit.faults import passing
from freehold.lifecycle.imports.budget import Budget
from freehold.lifecycle.imports.extract import Tables
from freehold.lifecycle.imports.packing import PointPacker
from freehold.lifecycle.imports.preparing import Found, TablePreparer, ids_in
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.renaming import UUID, Renamer, derived_columns, id_columns
from freehold.lifecycle.imports.shapes import Shapes
from freehold.lifecycle.imports.spool import ContainerSpool, Prepared, PreparedObject, PreparedTable
from freehold.lifecycle.selection import Selection, Target
from freehold.lifecycle.snapshot import owner_of
from freehold.lifecycle.tables import ExportTable, export_table
from freehold.records.catalogue import Record, catalogue, metadata
from freehold.records.rules import Decoded, Scope

FORMAT = 1


class ContainerReader:
    """`folder` is where it lies below `data/`, with a slash at its end; empty for `data/` itself."""

    def __init__(
        self,
        spool: ContainerSpool,
        scope: Scope,
        files: Tables,
        folder: str,
        renamer: Renamer,
        budget: Budget,
        facades: Sequence[Shapes],
    ) -> None:
        self.folder = folder
        self.found = Found(scope, folder)
        self._spool = spool
        self._files = files
        self._renamer = renamer
        self._budget = budget
        self._facades = facades
        self._selection = Selection(Target(scope, 0, (0,)))
        self._check_known()
        self._check_home()

    def collect_ids(self) -> None:
        """Every id in it, but the container's own, gets a new one."""
        for table in self._tables():
            if table.record is not _container():
                derived = derived_columns(table.record)
                plain = [name for name in id_columns(table.record) if name not in derived]
                self._renamer.collect(self._ids(table, plain))
                self._renamer.collect_derived(self._ids(table, derived))

    def own_ids(self) -> list[str]:
        """The container's."""
        tables = [table for table in self._tables() if table.record is _container()]
        return [each for table in tables for each in self._ids(table, id_columns(table.record))]

    def prepare(self, objects_before: int) -> Prepared:
        """Raises Refused."""
        self.found.objects_before = objects_before
        container, prepared = self._prepare(self._tables())
        passing("import:rows:prepared")
        points = self._pack(prepared)
        passing("import:points:packed")
        self.found.keys.clear()
        return self._whole(container, prepared, points)

    def save(self, whole: Prepared) -> None:
        first = self.found.objects_before
        self._spool.save(whole, (PreparedObject(first + n, key, s) for n, (key, s, _) in enumerate(self.found.objects)))

    def _check_known(self) -> None:
        known = {str(record.table.name) for record in self._selection.exported()}
        known |= {_decoded(record).into for record in self._selection.decoded()}
        for name in self._files:
            if name not in known:
                raise Refused("BagUnknownTable", "It has a table that this version does not know in it.", name)

    def _check_home(self) -> None:
        """Its id is taken on, or replaced wherever the bag mentions it: a word in its place would be replaced too."""
        if not all(UUID.fullmatch(each) for each in self.own_ids()):
            raise Refused("BagWrongValue", "The id of the workspace in it is no UUID.", str(_container().table.name))

    def _tables(self) -> list[ExportTable]:
        """Those of the bag, each behind those that it links to."""
        exported = {str(record.table.name): record for record in self._selection.exported()}
        order = [str(table.name) for table in metadata.sorted_tables]
        there = (name for name in order if name in exported and name in self._files)
        return [export_table(exported[name], self._selection) for name in there]

    def _ids(self, table: ExportTable, names: Sequence[str]) -> Iterator[str]:
        return ids_in(table, self._files[table.name], names, self._budget)

    def _prepare(self, tables: Sequence[ExportTable]) -> tuple[dict[str, Any] | None, list[PreparedTable]]:
        linked_to = {str(link.to.table.name) for table in tables for link in table.links.values()}
        linked_to |= {str(owner_of(record)[1].table.name) for record in self._selection.decoded()}
        container, prepared = None, []
        for table in tables:
            files = self._files[table.name]
            preparer = TablePreparer(table, files, self.found, self._renamer, self._budget, self._facades)
            if table.record is _container():
                container = preparer.only_row()
            else:
                prepared.append(preparer.prepare(self._spool, is_linked_to=table.name in linked_to))
        if (container is None) == (self.found.scope is Scope.WORKSPACE):
            raise Refused("BagMissingTable", "A bag of a workspace holds the workspace itself, and no other does.")
        return container, prepared

    def _pack(self, prepared: list[PreparedTable]) -> int:
        """Points are packed into the first of the records that hold them: the one that is read first."""
        decoded = self._selection.decoded()
        if not decoded or _decoded(decoded[0]).into not in self._files:
            return 0
        owners = self.found.keys.get(str(owner_of(decoded[0])[1].table.name), {})
        packer = PointPacker(decoded[0], self._files[_decoded(decoded[0]).into], owners, self._budget)
        prepared.append(packer.prepare(self._spool))
        return packer.points

    def _whole(self, container: dict[str, Any] | None, prepared: list[PreparedTable], points: int) -> Prepared:
        return Prepared(
            format=FORMAT,
            scope=self.found.scope.value,
            container=container,
            tables=prepared,
            objects=len(self.found.objects),
            object_bytes=sum(size for _, size, _ in self.found.objects),
            points=points,
            dropped_links=self.found.dropped,
        )


def _container() -> type[Record]:
    return catalogue()[f"{Scope.WORKSPACE.value}s"]


def _decoded(record: type[Record]) -> Decoded:
    export = record.rules.export
    assert isinstance(export, Decoded)
    return export
