"""Reads a bag that was sent, in a child process: verifies it, refuses it, or makes its rows and objects ready.

Killed, it begins again: nothing that it makes is used before all of it is there.
"""

import resource
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from freehold.domain.access.kinds import FACTS, Kind
from freehold.kit.clock import SystemClock
from freehold.kit.faults import passing
from freehold.kit.ids import UuidSource
from freehold.lifecycle.export_task import Bench
from freehold.lifecycle.imports import extract
from freehold.lifecycle.imports.budget import budget_of
from freehold.lifecycle.imports.container import ContainerReader
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.renaming import Renamer
from freehold.lifecycle.imports.shapes import Shapes
from freehold.lifecycle.imports.spool import (
    BagContainer,
    ContainerSpool,
    ImportJob,
    ImportSpool,
    Prepared,
    write_whole,
)
from freehold.lifecycle.imports.tree import check_row, read_tree
from freehold.lifecycle.tree import CONTAINERS, folder_of
from freehold.storage.portable import is_denied, is_disk_full

MEMORY = 6 << 30
"""Address space of the child: a table that claims more is refused by the system itself."""


def run(bench: Bench, job: Mapping[str, Any], facades: Sequence[Shapes] = ()) -> dict[str, Any]:
    """The task as the worker knows it, in a process of its own."""
    pa.set_memory_pool(pa.system_memory_pool())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    return read_bag(bench, job, facades)


def read_bag(bench: Bench, job: Mapping[str, Any], facades: Sequence[Shapes] = ()) -> dict[str, Any]:
    """Fills the spool and returns counts. `facades`: what they need of documents. Raises Refused, after the report has
    said why."""
    order = msgspec.convert(job, ImportJob)
    spool = ImportSpool(bench.settings.data_folder, order.operation_id)
    try:
        _read(spool, order, bench.settings.max_bag, facades)
        return dict(spool.counts())
    except Refused as refusal:
        write_whole(spool.report, msgspec.json.encode(refusal.as_document()))
        raise


def _read(spool: ImportSpool, job: ImportJob, largest: int, facades: Sequence[Shapes]) -> None:
    """What fails at a bag fails at it again, so it is refused: any fault but one of this server's own disk."""
    try:
        _Reading(spool, job, largest, facades).run()
    except (ValueError, RecursionError, OverflowError) as fault:
        raise Refused("BagBroken", "Something in it is not what it must be, or is nested too deep.") from fault
    except MemoryError as fault:
        raise Refused("BagBroken", "To read it takes more memory than an import may use.") from fault
    except OSError as fault:
        if is_disk_full(fault) or is_denied(fault) or not spool.folder.exists():  # an erasure takes the folder away
            raise
        raise Refused("BagBroken", "The bag cannot be read.") from fault


class _Reading:
    def __init__(self, spool: ImportSpool, job: ImportJob, largest: int, facades: Sequence[Shapes]) -> None:
        self._spool = spool
        self._job = job
        self._largest = largest
        self._facades = facades
        self._budget = budget_of(spool.bag, largest)
        clock = SystemClock()
        self._renamer = Renamer(UuidSource(clock).new_id)

    def run(self) -> None:
        spool = self._spool
        spool.clear()
        passing("import:spool:cleared")
        extract.verify(spool.bag, self._largest, spool.tables)
        passing("import:bag:checked")
        taken = extract.take_tables(spool.bag, spool.tables)
        passing("import:tables:taken")
        tree = self._tree(taken)
        readers = self._readers(taken, tree)
        if self._job.new_ids:
            self._rename(readers)
        whole = self._prepare(readers, tree)
        wanted = {path: want for reader in readers for path, want in reader.found.wanted.items()}
        extract.take_objects(spool.bag, wanted, {reader.folder for reader in readers}, spool.objects)
        passing("import:objects:taken")
        for reader, prepared in zip(readers, whole, strict=True):
            reader.save(prepared)

    def _tree(self, taken: extract.Taken) -> list[BagContainer]:
        """Empty where the bag is of one container. Raises Refused for tables that are in none of its containers."""
        tree: list[BagContainer] = []
        if taken.is_tree:
            own = taken.tables[""]
            _refuse_unknown(own, {CONTAINERS}, "It has a table beside its containers that is of none of them.")
            tree = read_tree(own.get(CONTAINERS, []), self._budget)
            self._check_kind(tree[0])
        folders = {f"{folder_of(each.container_id)}/" for each in tree}
        _refuse_unknown(taken.tables, {"", *folders}, "It has the tables of a container that it does not tell of.")
        return tree

    def _check_kind(self, root: BagContainer) -> None:
        """What stands below it could stand in no other."""
        if root.kind != self._job.kind:
            into, needed = FACTS[Kind(self._job.kind)].called, FACTS[Kind(root.kind)].called
            message = (
                f"Its root is a container of the kind {needed}, with others below, and it was sent to one of the kind "
                f"{into}. Import it into one of its kind that stands (freehold import --workspace PATH), or have one "
                "made for it (freehold import --make; over HTTP: POST /freehold/v1{its ARM path}/imports/new)."
            )
            raise Refused("BagOfAnotherKind", message)

    def _readers(self, taken: extract.Taken, tree: Sequence[BagContainer]) -> list[ContainerReader]:
        if not tree:
            spool = ContainerSpool(self._spool.rows)
            return [self._reader(spool, taken, "")]
        folders = [f"{folder_of(each.container_id)}/" for each in tree]
        return [
            self._reader(place, taken, folder)
            for place, folder in zip(self._spool.keep_tree(tree), folders, strict=True)
        ]

    def _reader(self, place: ContainerSpool, taken: extract.Taken, folder: str) -> ContainerReader:
        tables = taken.tables.get(folder, {})
        return ContainerReader(place, taken.scope, tables, folder, self._renamer, self._budget, self._facades)

    def _rename(self, readers: Sequence[ContainerReader]) -> None:
        """Every id in the bag gets a new one; that of the root becomes that of the container that it goes into.

        An id that stands in several containers gets the same new one in each.
        """
        known = dict.fromkeys(readers[0].own_ids(), self._job.public_id)
        for number, reader in enumerate(readers):
            if number:
                self._renamer.collect(reader.own_ids())
            reader.collect_ids()
        self._renamer.settle(known)
        write_whole(self._spool.mapping, msgspec.json.encode(self._renamer.mapping, order="sorted"))

    def _prepare(self, readers: Sequence[ContainerReader], tree: Sequence[BagContainer]) -> list[Prepared]:
        whole: list[Prepared] = []
        keys: set[str] = set()
        objects = 0
        for number, reader in enumerate(readers):
            prepared = reader.prepare(objects)
            if tree:
                assert prepared.container is not None, "a bag of a workspace holds the workspace itself"
                check_row(tree[number], prepared.container, self._renamer)
            objects += prepared.objects
            keys.update(key for key, _, _ in reader.found.objects)
            if len(keys) != objects:
                raise Refused("BagDuplicate", "Two objects have the same key.", reader.folder)
            whole.append(prepared)
        return whole


def _refuse_unknown(found: Iterable[str], known: Collection[str], message: str) -> None:
    for name in found:
        if name not in known:
            raise Refused("BagUnknownTable", message, name)
