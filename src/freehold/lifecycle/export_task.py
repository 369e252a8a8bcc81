"""Writes the bag of an export. Runs in a child process that reads the database and makes files, no more.

Killed anywhere, it goes on at the last finished part; only the snapshot is taken anew when it was not finished.
"""

import errno
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from functools import partial
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, Protocol, TypeVar

import msgspec
import pyarrow as pa
import sqlalchemy as sa

from freehold.kit.breath import breathe, in_one_breath
from freehold.kit.clock import to_iso
from freehold.kit.faults import passing
from freehold.kit.problems import InsufficientStorage, NotFound, Problem
from freehold.lifecycle.bag.places import numbered
from freehold.lifecycle.bag.writer import CHUNK, BagWriter, Part, Seal
from freehold.lifecycle.contents import write_contents
from freehold.lifecycle.exported import ExportedContainer, containers_of, summed
from freehold.lifecycle.points import (
    CODECS,
    GROUPS_IN_PART,
    PARQUET,
    POINTS_IN_PART,
    Points,
    point_batches,
    point_schema,
    sorted_points,
    without_first,
)
from freehold.lifecycle.readahead import read_ahead
from freehold.lifecycle.references import References, referred
from freehold.lifecycle.row_groups import batches_in
from freehold.lifecycle.selection import key_of
from freehold.lifecycle.snapshot import Facts, RestWriter, owner_of, take_snapshot
from freehold.lifecycle.spool import REFERENCES, Entry, ExportJob, Spool, superseded
from freehold.lifecycle.tables import write_parquet
from freehold.lifecycle.tree import standing_tree, tree_changed
from freehold.records.catalogue import Record
from freehold.records.rules import Decoded
from freehold.settings import Settings
from freehold.storage.blobs import open_objects
from freehold.storage.metrics import MetricColumns
from freehold.storage.portable import among
from freehold.storage.transaction import Transaction

T = TypeVar("T")
COPIERS, COPIES_EACH = 2, 20
"""Threads that copy, and in how many pieces they share a group of files."""
FILES_AT_ONCE = 1_000
BYTES_AT_ONCE = 128 << 20
PACKED_AT_ONCE = 400
POINTS_AT_ONCE = 1 << 17
RESTS_IN_SNAPSHOT = 4.0
"""Seconds: while a snapshot is read SQLite's log cannot begin anew, and grows by all that is written."""


class Bench(Protocol):
    """What a task of the worker is given."""

    @property
    def settings(self) -> Settings: ...
    def read(self, query: Callable[[Transaction], T]) -> T: ...
    def report(self, progress: Mapping[str, Any]) -> None: ...


def run(bench: Bench, job: Mapping[str, Any], rest: Sequence[RestWriter] = ()) -> dict[str, Any]:
    """The task as the worker knows it, in a process of its own."""
    pa.set_memory_pool(pa.system_memory_pool())  # gives memory back: mimalloc keeps 15 to 40 MB more
    return write_bag(bench, job, rest)


def write_bag(bench: Bench, job: Mapping[str, Any], rest: Sequence[RestWriter] = ()) -> dict[str, Any]:
    """The task: fills `exports/<operation>` and returns what the certificate will state, counts and digests only.

    Raises Conflict (ExportSuperseded) when an erasure removed what it reads, InsufficientStorage.
    """
    order = msgspec.convert(job, ExportJob)
    with told_faults():
        return Export(bench, order, Spool(bench.settings.data_folder, order.operation_id)).run(rest)


@contextmanager
def told_faults() -> Iterator[None]:
    """Files that are gone were withdrawn by an erasure; a full disk is no fault of the export."""
    try:
        yield
    except FileNotFoundError as fault:
        raise superseded() from fault
    except OSError as fault:
        if fault.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        message = "The disk is full: the export stopped, its files are removed. Free some space, then ask anew."
        raise InsufficientStorage("InsufficientStorage", message) from fault


class DamagedObject(Problem):
    """Stored bytes have another digest than when they were uploaded: nothing may be certified with them."""

    status = 500
    is_plain = True

    def __init__(self, key: str) -> None:
        message = (
            "An object's bytes are not those that were uploaded. The server's log has its key: restore it from a "
            "backup, then try again."
        )
        super().__init__("ObjectDamaged", message)
        self.object_key = key


class Export:
    """The stages; what the journal has is not done again. Files wait for the disk while points keep the processor."""

    def __init__(self, bench: Bench, job: ExportJob, spool: Spool) -> None:
        self.bench = bench
        self.store = open_objects(bench.settings)
        self.buffers = threading.local()
        self._journal = threading.Lock()
        self._stops = False
        self.points_done = self.files_done = 0
        self._job = job
        self._spool = spool

    def run(self, rest: Sequence[RestWriter]) -> dict[str, Any]:
        self.take_up(rest)
        self._side_by_side(self._copy_objects, self._write_points)
        self._describe()
        return self.statement(self.finish(self._spool.parts()))

    def run_without_files(self, rest: Sequence[RestWriter]) -> Seal:
        """The same bag, but that the files which people named are only listed, by the digests of their uploads."""
        self.take_up(rest)
        self._write_points()
        self._describe()
        listed = chain.from_iterable(content.listed() for content in self.contents)
        return self.finish(chain(self._spool.parts(), listed))

    def take_up(self, rest: Sequence[RestWriter]) -> None:
        done = {(entry.stage, entry.number): entry.facts for entry in self._spool.open()}
        if ("snapshot", 0) not in done:
            self._spool.restart()
        self.go_on(done)
        self._snapshot(rest)

    def go_on(self, done: dict[tuple[str, int], dict[str, Any]]) -> None:
        self.writer = BagWriter(self._spool.bag)
        self.points_writer = self.writer.beside()
        self.done = done
        self.contents = [Content(self, each) for each in containers_of(self._job, self._spool.folder, self.writer)]

    @property
    def root(self) -> "Content":
        """Of the container that was asked for: the only one, unless the bag is of a tree."""
        return self.contents[0]

    def _snapshot(self, rest: Sequence[RestWriter]) -> None:
        if (known := self.done.get(("snapshot", 0))) is not None:
            for content, facts in zip(self.contents, known.get("containers", [known]), strict=True):
                content.container.facts = msgspec.convert(facts, Facts)
            self._tell(self.root.container.facts.references)  # who was told before may have died of it
            return
        with in_one_breath(RESTS_IN_SNAPSHOT):
            self.bench.read(lambda db: self._read(db, rest))
        passing("export:snapshot:taken")
        told = [msgspec.to_builtins(each.container.facts) for each in self.contents]
        self.settle("snapshot", 0, told[0] if len(told) == 1 else {"containers": told})

    def _read(self, db: Transaction, rest: Sequence[RestWriter]) -> None:
        """One transaction, so that no two containers are of different moments."""
        if self._job.tree and standing_tree(db, self._job.workspace_id) != list(self._job.tree):
            raise tree_changed()
        references: References = {}
        for content in self.contents:
            references |= referred(db, content.container.selection)  # only where there is one has it any
        self._tell(references)
        for content in self.contents:
            each = content.container
            each.lists.mkdir(exist_ok=True, mode=0o700)
            each.facts = take_snapshot(db, each.chosen, each.lists, each.writer, rest)
        self.root.container.facts.references = references

    def _tell(self, references: References) -> None:
        """Before anything is written: the bag goes with each of them from then on."""
        self.bench.report({REFERENCES: references})

    def _copy_objects(self) -> None:
        for content in self.contents:
            for name in sorted(content.container.facts.objects):
                content.copy_objects(f"objects-{name}", content.objects(name))

    def _write_points(self) -> None:
        for content in self.contents:
            content.write_points()

    def _side_by_side(self, *stages: Callable[[], None]) -> None:
        """If one fails, the others stop at their next finished part; what failed is raised."""
        with ThreadPoolExecutor(len(stages), thread_name_prefix="freehold-stage") as threads:
            running = [threads.submit(stage) for stage in stages]
            ended = wait(running, return_when=FIRST_EXCEPTION)
            self._stops = bool(ended.not_done)
        faults = [fault for each in running if (fault := each.exception()) is not None]
        for fault in sorted(faults, key=lambda fault: isinstance(fault, _Stopped)):
            raise fault

    def _describe(self) -> None:
        if ("contents", 0) not in self.done:
            write_contents(self.writer, [each.container for each in self.contents], self._job.version)
            passing("export:contents:written")
            self.settle("contents", 0)

    def finish(self, parts: Iterable[Part], more: Mapping[str, str] | None = None) -> Seal:
        """Writes the manifests over `parts`; `more` goes into `bag-info.txt`."""
        self._spool.check()
        snapshot = to_iso(self.root.container.facts.snapshot_at)
        info = {
            "Bagging-Date": snapshot[:10],
            "Bag-Software-Agent": f"Freehold {self._job.version}",
            "External-Identifier": self._job.operation_id,
            "Freehold-Snapshot": snapshot,
            **(more or {}),
        }
        keys = msgspec.json.encode(self._job.keys, order="sorted")
        seal = self.writer.finish(parts, info, {"certificate-keys.json": keys})
        passing("export:bag:finished")
        self.writer.close()
        passing("export:bag:closed")
        return seal

    def settle(
        self, stage: str, number: int, facts: dict[str, Any] | None = None, *, writer: BagWriter | None = None
    ) -> None:
        """Makes what was written durable, then says so in the journal: never the other way round."""
        if self._stops:
            raise _Stopped
        passing("export:stage:unsettled")
        parts = (writer or self.writer).settle()
        with self._journal:
            self._spool.record(Entry(stage, number, parts, facts or {}))
            passing("export:stage:settled")
            self._report()

    def _report(self) -> None:
        found = [each.container.facts for each in self.contents]
        self.bench.report(
            {
                "points": self.points_done,
                "points_total": sum(each.points for each in found),
                "files": self.files_done,
                "files_total": sum(files for each in found for files, _ in each.objects.values()),
            }
        )

    def statement(self, seal: Seal) -> dict[str, Any]:
        facts = summed(each.container.facts for each in self.contents)
        return {
            "snapshot_at": facts.snapshot_at,
            "tag_manifest_sha256": seal.tag_manifest_sha256,
            "manifest_sha256": seal.manifest_sha256,
            "containers": len(self.contents),
            "files": seal.files,
            "bytes": seal.size,
            "rows": {table.name: table.rows for table in facts.tables},
            "points": facts.points,
            "packed": facts.packed,
            "withheld": facts.kept,
            "objects": {name: list(counts) for name, counts in facts.objects.items()},
        }


class _Stopped(Exception):
    """Another stage has failed; that one tells why."""


class Content:
    """What is read after the snapshot, of one container: objects and points."""

    def __init__(self, export: Export, container: ExportedContainer) -> None:
        self.container = container
        self._export = export

    def objects(self, name: str) -> Iterator[dict[str, Any]]:
        """Of each object its key, size, digest and path below `data/`, in order of the names that people gave."""
        return _rows_of(self.container.lists / f"objects-{name}.parquet")

    def listed(self) -> Iterator[Part]:
        for name in self.container.facts.objects:
            for row in self.objects(name):
                yield Part(f"data/{self.container.folder}{row['path']}", row["sha256"], row["size"])

    def copy_objects(self, stage: str, rows: Iterable[dict[str, Any]]) -> None:
        """Groups of files, each made durable at once: a sync for each file would cost more than its bytes."""
        mine, export = self.container.stage(stage), self._export
        with ThreadPoolExecutor(COPIERS, thread_name_prefix="freehold-copy") as copiers:
            for number, group in enumerate(_groups(rows)):
                export.files_done += len(group)
                if (mine, number) in export.done:
                    continue
                placed = [(row, numbered(mine, number, place)) for place, row in enumerate(group)]
                some = max(1, len(group) // COPIES_EACH)
                for _ in copiers.map(self._copy_some, (placed[at : at + some] for at in range(0, len(placed), some))):
                    pass  # what a copy raises is raised here
                export.settle(mine, number)

    def _copy_some(self, placed: list[tuple[dict[str, Any], str]]) -> None:
        for row, place in placed:
            self._copy(row, place)

    def _copy(self, row: dict[str, Any], place: str) -> None:
        try:
            part = self._take(f"data/{row['path']}", row["key"], place)
        except NotFound as fault:
            raise superseded() from fault
        passing("export:object:copied")
        if part.sha256 != row["sha256"]:
            raise DamagedObject(row["key"])

    def _take(self, path: str, key: str, place: str) -> Part:
        """Of a local store the very file, which nobody changes: it is read for its digest and not written."""
        store, buffers, writer = self._export.store, self._export.buffers, self.container.writer
        if store.folder is None:
            return writer.write(path, store.read(key), place)
        if not hasattr(buffers, "own"):
            buffers.own = memoryview(bytearray(CHUNK))
        return writer.link(path, store.folder / key, buffers.own, place)

    def write_points(self) -> None:
        """Parts of a fixed number of points, so that what is in which part depends on the points alone."""
        records = {record.table.name: record for record in self.container.selection.decoded()}
        if not records:
            return
        first = next(iter(records.values()))
        table, schema = _decoded(first).into, point_schema(owner_of(first)[2])
        text = schema.names[:2]
        whole, mine, export = self.container.facts.points, self.container.stage("points"), self._export
        writer = export.points_writer.below(self.container.folder.rstrip("/"))
        finished = sum(1 for stage, _ in export.done if stage == mine)
        parts, before = max(1, -(-whole // POINTS_IN_PART)), export.points_done
        stream = point_batches(self._points(records, finished * POINTS_IN_PART), schema)
        with closing(read_ahead(stream)) as batches:
            for number in range(finished, parts):
                with writer.open_part(f"data/tables/{table}/part-{number:05d}.parquet") as file:
                    write_parquet(file, schema, islice(batches, GROUPS_IN_PART), PARQUET | {"use_dictionary": text})
                export.points_done = before + min((number + 1) * POINTS_IN_PART, whole)
                export.settle(mine, number, writer=export.points_writer)
        export.points_done = before + whole

    def _points(self, records: dict[str, type[Record]], skip: int) -> Iterator[tuple[str, Points]]:
        """The canonical stream from point `skip` on; owners that end before it are not read."""
        rows, skip = _without_first_owners(_rows_of(self.container.lists / "packed.parquet"), skip)
        read = chain.from_iterable(self._columns(records, chunk) for chunk in _readings(rows))
        for owner, columns in groupby(read, key=itemgetter(0)):
            points = sorted_points((each for _, each in columns), self.container.lists)
            yield from without_first(((owner, piece) for piece in points), skip)
            skip = 0

    def _columns(
        self, records: dict[str, type[Record]], packed: list[dict[str, Any]]
    ) -> Iterator[tuple[str, MetricColumns]]:
        """Of each packed row its owner and its points. Many are read in one short transaction, whoever owns them."""
        payloads: dict[tuple[str, int], bytes] = {}
        sources = {row["source"] for row in packed}
        for source in sources:
            keys = [row["row"] for row in packed if row["source"] == source]
            found = self._export.bench.read(partial(self._payloads, records[source], keys))
            payloads |= {(source, key): payload for key, payload in found.items()}
        decoders = {source: CODECS[_decoded(records[source]).codec] for source in sources}
        for row in packed:
            breathe()
            source = row["source"]
            yield row["owner"], decoders[source](payloads.pop((source, row["row"])))

    def _payloads(self, record: type[Record], keys: list[int], db: Transaction) -> dict[int, bytes]:
        table = record.table
        mine = table.c["workspace_id"] == self.container.chosen.workspace_id
        query = sa.select(key_of(table), table.c["payload"]).where(mine, among(key_of(table), keys))
        found = dict(tuple(row) for row in db.execute(query))
        if len(found) != len(keys):
            raise superseded()
        return found


def _without_first_owners(rows: Iterator[dict[str, Any]], skip: int) -> tuple[Iterator[dict[str, Any]], int]:
    """The rows from the owner of point `skip` on, and how many of that owner's points come before it."""
    owners = groupby(rows, key=itemgetter("owner"))
    for _, group in owners:
        packed = list(group)
        size = sum(row["count"] for row in packed)
        if skip < size:
            return chain(packed, chain.from_iterable(rest for _, rest in owners)), skip
        skip -= size
    return iter(()), skip


def _rows_of(file: Path) -> Iterator[dict[str, Any]]:
    """The rows of a spooled list, a batch in memory at a time."""
    for batch in batches_in(file):
        yield from batch.to_pylist()


def _groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows of objects in groups that are made durable together; their borders depend on the rows alone."""
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += row["size"]
        if size >= BYTES_AT_ONCE or len(group) == FILES_AT_ONCE:
            yield group
            group, size = [], 0
    if group:
        yield group


def _readings(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Packed rows to read in one short transaction."""
    chunk: list[dict[str, Any]] = []
    points = 0
    for row in rows:
        chunk.append(row)
        points += row["count"]
        if points >= POINTS_AT_ONCE or len(chunk) == PACKED_AT_ONCE:
            yield chunk
            chunk, points = [], 0
    if chunk:
        yield chunk


def _decoded(record: type[Record]) -> Decoded:
    export = record.rules.export
    assert isinstance(export, Decoded)
    return export
