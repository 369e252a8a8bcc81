"""Exports: 10 million points, 400 MB of long texts, and 1 GiB of artifacts beside a plain loop that reads, hashes and
writes the same."""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.bench import CONNECTIONS, Bench
from benchmarks.figures import Figure, Measured
from benchmarks.load import Job, generate
from benchmarks.operations import Ended, run_operation
from benchmarks.processes import watching
from benchmarks.servers import Server, ServerFault

WORKER = "freehold.worker"
MEBIBYTE = 1 << 20
PIECE = MEBIBYTE
POINTS = Figure("export-points", "export of 10 million metric points", "points/s", 3_000_000)
TEXTS = Figure("export-texts", "export of 400 MB of tags of 8,000 characters", "MB/s")
COPYING = Figure(
    "export-artifacts", "export of 1 GiB of artifacts: while it copies, beside a plain loop", "of its speed", 0.8
)
FILES = Figure(
    "export-of-artifacts", "the same, the whole operation with the start of its process", "of the loop's speed", 0.8
)
LOOP = Figure("plain-loop", "the plain loop: read, SHA-256, write, make durable", "MiB/s")
UNSYNCED = Figure("plain-loop-unsynced", "the plain loop without making durable", "MiB/s")
MEMORY = Figure("export-memory", "highest RSS of the exporting process", "MB", 256, more_is_better=False)
IN_BATCH, KEYS = 1_000, 10
FILE = 16 * MEBIBYTE
TAG, TAGS_IN_BATCH = 8_000, 100


def measure_points(bench: Bench, server: Server) -> list[Measured]:
    """16 runs, 10 metrics each, logged over HTTP. The time is the operation's, from request to done."""
    total = bench.size(10_000_000, 320_000)
    experiment = server.new_experiment(f"points-{time.time_ns()}")
    runs = server.new_runs(experiment, CONNECTIONS)
    job = Job("batch", server.port, server.token, runs, requests=total // IN_BATCH, keys=KEYS, points=IN_BATCH)
    generate(job)
    exports = [_export(server, experiment, "metric_points", total) for _ in range(bench.repeats)]
    rates = [total / each.ended.seconds for each in exports]
    return [
        Measured(POINTS, server.name, rates, f"{total:,} points, start of the process included"),
        Measured(MEMORY, server.name, [each.memory for each in exports], f"{total:,} points"),
    ]


def measure_texts(bench: Bench, server: Server) -> list[Measured]:
    """Rows that are large: whoever holds so many of them at once, whatever their size, is seen here."""
    total = bench.size(50_000, 3_200)
    experiment = server.new_experiment(f"texts-{time.time_ns()}")
    runs = server.new_runs(experiment, CONNECTIONS)
    requests = total // TAGS_IN_BATCH // CONNECTIONS * CONNECTIONS
    generate(Job("tags", server.port, server.token, runs, requests=requests, points=TAGS_IN_BATCH, size=TAG))
    exports = [_export(server, experiment, "run_tags", requests * TAGS_IN_BATCH) for _ in range(bench.repeats)]
    size = requests * TAGS_IN_BATCH * TAG / 1e6
    return [
        Measured(TEXTS, server.name, [size / each.ended.seconds for each in exports], f"{size:,.0f} MB"),
        Measured(MEMORY, server.name, [each.memory for each in exports], f"{size:,.0f} MB of texts"),
    ]


def measure_artifacts(bench: Bench, server: Server) -> list[Measured]:
    """64 files of 16 MiB. The plain loop copies the very files that the server keeps, on the same disk."""
    count = bench.size(64, 8)
    experiment = server.new_experiment(f"artifacts-{time.time_ns()}")
    originals = _upload(server, experiment, count)
    loops, unsynced, exports = [], [], []
    for _ in range(bench.repeats):
        unsynced.append(_speed(originals, bench.folder / "copies", _nothing))
        loops.append(_speed(originals, bench.folder / "copies", os.fsync))
        exports.append(_export(server, experiment, "files", count))
    copying = [_copying_speed(each.ended, count) / loop for each, loop in zip(exports, loops, strict=True)]
    whole = [count * FILE / MEBIBYTE / each.ended.seconds / loop for each, loop in zip(exports, loops, strict=True)]
    size = f"{count * FILE // MEBIBYTE:,} MiB"
    return [
        Measured(COPYING, server.name, copying, f"{size}; from the first group of files to the end"),
        Measured(FILES, server.name, whole, f"{size}; {min(each.ended.seconds for each in exports):.2f} s at best"),
        Measured(LOOP, "this machine", loops),
        Measured(UNSYNCED, "this machine", unsynced),
        Measured(MEMORY, server.name, [each.memory for each in exports], f"{size} of artifacts"),
    ]


@dataclass(frozen=True)
class _Export:
    """`memory`: highest RSS of its process in MB."""

    ended: Ended
    memory: float


def _export(server: Server, experiment: str, what: str, expected: int) -> _Export:
    with watching(server.pid, WORKER) as watch:
        ended = run_operation(server, "exports", {"scope": "experiment", "id": experiment})
    found = ended.result["counts"][what]
    if found < expected:
        raise ServerFault(f"the export has {found} {what} instead of {expected}")
    server.fetch("DELETE", f"/freehold/v1/exports/{ended.operation_id}/bag", expect=(204,))
    if not watch.seen:
        raise ServerFault("no exporting process was seen")
    return _Export(ended, watch.highest)


def _copying_speed(ended: Ended, files: int) -> float:
    """MiB/s between the first progress with files and the end, digests, syncs and journal included."""
    at, done = ended.steps[1]
    return (files - done) * FILE / MEBIBYTE / (ended.seconds - at)


def _upload(server: Server, experiment: str, count: int) -> list[Path]:
    """The files that the server keeps of them."""
    prefix = f"{experiment}/{server.new_runs(experiment, 1)[0]}/artifacts"
    before = _kept_files(server)
    generate(Job("files", server.port, server.token, [prefix], requests=count, size=FILE))
    originals = sorted(_kept_files(server) - before)
    if len(originals) != count:
        raise ServerFault(f"the server keeps {len(originals)} new files instead of {count}")
    return originals


def _kept_files(server: Server) -> set[Path]:
    return {path for path in (server.folder / "data" / "store").rglob("*") if path.is_file()}


def _speed(originals: list[Path], to: Path, settle: Callable[[int], None]) -> float:
    """MiB/s of copying all files, one after the other; the copies are removed afterwards."""
    to.mkdir(exist_ok=True)
    began = time.perf_counter()
    for number, original in enumerate(originals):
        _copy(original, to / str(number), settle)
    seconds = time.perf_counter() - began
    size = sum(copy.stat().st_size for copy in to.iterdir())
    for copy in to.iterdir():
        copy.unlink()
    return size / MEBIBYTE / seconds


def _copy(original: Path, copy: Path, settle: Callable[[int], None]) -> None:
    digest = hashlib.sha256()
    with original.open("rb") as source, copy.open("wb") as target:
        while piece := source.read(PIECE):
            digest.update(piece)
            target.write(piece)
        target.flush()
        settle(target.fileno())


def _nothing(_: int) -> None: ...
