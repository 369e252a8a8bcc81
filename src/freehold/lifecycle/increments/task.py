"""Writes an increment. Runs in the child process of an export.

First the bag that an export without a base would write is made, in the spool and without the files that people named;
so its digests are known, and an increment can promise what it becomes together with its base. Then both are compared by
their indexes, and what the base lacks goes into the bag. Killed anywhere, it goes on at the last finished part.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from freehold.kit.digests import sha256_hex
from freehold.kit.durable import sync
from freehold.kit.faults import passing
from freehold.kit.problems import Conflict
from freehold.lifecycle import export_task
from freehold.lifecycle.bag.sorting import LineSorter
from freehold.lifecycle.bag.verify import BASE_LABEL, BASE_SNAPSHOT_LABEL
from freehold.lifecycle.bag.writer import Seal
from freehold.lifecycle.export_task import Bench, Export, told_faults
from freehold.lifecycle.increments import form
from freehold.lifecycle.increments.contents import Share, write_contents
from freehold.lifecycle.increments.index import Index, SeriesDigest, series_pieces, write_index
from freehold.lifecycle.increments.layout import (
    FILES,
    OWN,
    PAGES,
    TABLES,
    BagFolder,
    is_points,
    pieces_in,
    read_rows,
    schema_of,
    write_rows,
)
from freehold.lifecycle.increments.matching import Delta, compare_files, compare_points, compare_rows
from freehold.lifecycle.increments.rows import select, select_rows
from freehold.lifecycle.snapshot import RestWriter, write_documents
from freehold.lifecycle.spool import SENT, ExportJob, Spool

STAGE = "increment"


def run(bench: Bench, job: Mapping[str, Any], rest: Sequence[RestWriter] = ()) -> dict[str, Any]:
    """The task as the worker knows it: an export, or an increment where the job names a base."""
    pa.set_memory_pool(pa.system_memory_pool())
    if not job.get("since"):
        return export_task.run(bench, job, rest)
    return write_increment(bench, job, rest)


def write_increment(bench: Bench, job: Mapping[str, Any], rest: Sequence[RestWriter] = ()) -> dict[str, Any]:
    """Fills `exports/<operation>`; returns what the certificate will state. With `dry_run` only counts are made.

    Raises Conflict (WrongBase, BaseWithdrawn, ExportSuperseded), Invalid, InsufficientStorage.
    """
    order = msgspec.convert(job, ExportJob)
    with told_faults():
        return _Increment(bench, order).run(rest)


class _Increment:
    def __init__(self, bench: Bench, job: ExportJob) -> None:
        self._job = job
        self._folder = bench.settings.data_folder
        self._spool = Spool(self._folder, job.operation_id)
        self._inner = self._spool.whole()
        self._made = Export(bench, job, self._inner)
        self._own = Export(bench, job, self._spool)
        self._deltas: dict[str, Delta] = {}

    def run(self, rest: Sequence[RestWriter]) -> dict[str, Any]:
        done = {(entry.stage, entry.number): entry.facts for entry in self._spool.open()}
        self._own.go_on(done)
        base = self._index_base()
        seal = self._made.run_without_files(rest)
        passing("increment:whole:made")
        self._own.root.container.facts = self._made.root.container.facts
        new = self._index_whole(base)
        self._whole = BagFolder(self._inner.bag)
        for number, name in enumerate(_names(base, new)):
            self._deltas[name] = self._compare(number, name, base, new)
        share = self._share(new)
        if self._job.dry_run:
            return {"counts": share.counts()}
        self._own.root.copy_objects(FILES, self._carried_files())
        return self._finish(base, new, seal, share)

    def _index_base(self) -> Index:
        if self._job.since == SENT:
            return Index(self._spool.base)
        file, kept = self._spool.folder / "base.index", Spool(self._folder, self._job.since).bag
        if not file.exists():
            try:
                write_index(kept, file, sha256_hex(self._job.operation_id.encode()))
            except FileNotFoundError as fault:
                raise withdrawn() from fault
        return Index(file)

    def _index_whole(self, base: Index) -> Index:
        """Raises Conflict when the base is a bag of something else."""
        file = self._spool.folder / "whole.index"
        if not file.exists():
            write_index(self._inner.bag, file, base.head.salt)
        index = Index(file)
        if base.head.scope is not index.head.scope or base.root != index.root:
            message = "The base is a bag of something else. Name a bag of the same thing, or export without --since."
            raise Conflict("WrongBase", message, is_plain=True)
        return index

    def _compare(self, number: int, name: str, base: Index, new: Index) -> Delta:
        """What the increment has to bring of one sequence; brought, unless nothing is to be kept."""
        file = self._spool.folder / f"delta-{number}"
        if (STAGE, number) in self._own.done:
            return _load(file)
        scratch = self._spool.folder
        old, entries = base.entries(name), new.entries(name)
        if name == FILES:
            delta = compare_files(old, entries, scratch)
        elif is_points(name):
            delta = compare_points(old, entries, scratch, lambda asked: self._grown(name, asked, base))
        else:
            delta = compare_rows(old, entries, scratch)
        _save(file, delta)
        passing("increment:delta:saved")
        if not self._job.dry_run:
            self._carry(name, delta)
            passing("increment:delta:carried")
            self._own.settle(STAGE, number)
        return delta

    def _carry(self, name: str, delta: Delta) -> None:
        writer, paths = self._own.writer, self._whole.paths(name)
        if name == FILES or not paths:
            return
        if name.startswith(f"{TABLES}/"):
            write_rows(writer, name, schema_of(paths[0]), select_rows(read_rows(paths), delta.carried))
        elif name.startswith(f"{PAGES}/"):
            writer.write(f"data/{OWN}/{name}", select(pieces_in(paths, name), delta.carried))
        else:
            lines = select(pieces_in(paths, name), delta.carried)
            write_documents(writer, name, ((line,) for line in lines))

    def _grown(self, name: str, asked: list[tuple[int, int, bytes]], base: Index) -> set[int]:
        """Of series (number, points of the base, their digest) those that begin with just these points."""
        wanted = {number: (count, digest) for number, count, digest in asked}
        pieces = series_pieces(read_rows(self._whole.paths(name)))
        found = set()
        for number, (_, group) in enumerate(groupby(pieces, key=lambda piece: piece[:2])):
            if number not in wanted:
                continue
            count, expected = wanted[number]
            digest = SeriesDigest(base.head.salt.encode())
            for piece in group:
                digest.feed(piece.points[: count - digest.count])
            if digest.count == count and digest.value == expected:
                found.add(number)
        return found

    def _carried_files(self) -> Iterator[dict[str, Any]]:
        """Keys, sizes, digests and paths of the files that go into the increment, in order of path."""
        with LineSorter(self._spool.folder) as sorter:
            for name in self._made.root.container.facts.objects:
                for row in self._made.root.objects(name):
                    sorter.add(f"{row['path']}\0{row['key']}\0{row['size']}\0{row['sha256']}".encode())
            for line in select(sorter.lines(), self._deltas[FILES].carried):
                path, key, size, digest = line.decode().split("\0")
                yield {"path": path, "key": key, "size": int(size), "sha256": digest}

    def _share(self, new: Index) -> Share:
        size = form.sizes(self._carried_files())
        return Share(self._made.root.container.facts, self._deltas, [each.name for each in new.head.sequences], size)

    def _finish(self, base: Index, new: Index, seal: Seal, share: Share) -> dict[str, Any]:
        about = form.About(
            format=form.FORMAT,
            base=form.Base.of(base.head),
            combined=form.Combined.of(seal),
            sequences=[each.name for each in new.head.sequences],
            parquet=f"pyarrow {pa.__version__}",
        )
        number = len(self._deltas)
        if (STAGE, number) not in self._own.done:
            form.write_form(self._own.writer, about, self._deltas, self._inner.bag)
            passing("increment:form:written")
            write_contents(
                self._own.writer, self._own.root.container.selection, share, about, self._inner.bag, self._job.version
            )
            self._own.settle(STAGE, number)
        more = {BASE_LABEL: about.base.manifest_sha256, BASE_SNAPSHOT_LABEL: about.base.snapshot}
        statement = self._own.statement(self._own.finish(self._spool.parts(), more))
        told = {"base": msgspec.to_builtins(about.base), "combined": msgspec.to_builtins(about.combined)}
        return statement | told | {"exported": share.exported(), "counts": share.counts()}


def withdrawn() -> Conflict:
    message = (
        "The base is not on this server any more: it was dropped, has expired, or was withdrawn because something that "
        "it held was erased. If you have it yourself, name your own copy: --since PATH."
    )
    return Conflict("BaseWithdrawn", message, is_plain=True)


def _names(base: Index, new: Index) -> list[str]:
    """Every sequence of either, those of the new one first."""
    return list(dict.fromkeys(each.name for index in (new, base) for each in index.head.sequences))


def _save(file: Path, delta: Delta) -> None:
    part = file.with_name(file.name + ".part")
    numbers = (delta.unchanged, delta.exported, delta.added, delta.went)
    lengths = array("q", (*numbers, len(delta.kept), len(delta.carried), len(delta.gone)))
    with part.open("wb") as stream:
        for each in (lengths, delta.kept, delta.carried, delta.gone):
            each.tofile(stream)
    sync(part)
    part.replace(file)
    sync(file.parent)  # the journal is about to say that it is there


def _load(file: Path) -> Delta:
    delta, head = Delta(), array("q")
    with file.open("rb") as stream:
        head.fromfile(stream, 7)
        for ranges, length in zip((delta.kept, delta.carried, delta.gone), head[4:], strict=True):
            ranges.fromfile(stream, length)
    delta.unchanged, delta.exported, delta.added, delta.went = head[:4]
    return delta
