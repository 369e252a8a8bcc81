"""Exports: 10 million points, and 1 GiB of artifacts beside a plain loop that reads, hashes and writes the same."""

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.bench import CONNECTIONS, Bench
from benchmarks.figures import Figure, Measured
from benchmarks.load import Job, generate
from benchmarks.operations import run_operation
from benchmarks.processes import Watch, watching
from benchmarks.servers import Server, ServerFault

WORKER = "freehold.worker"
MEBIBYTE = 1 << 20
PIECE = MEBIBYTE
POINTS = Figure("export-points", "export of 10 million metric points", "points/s", 3_000_000)
FILES = Figure("export-artifacts", "export of 1 GiB of artifacts, of the speed of a plain loop", "of its speed", 0.8)
LOOP = Figure("plain-loop", "the plain loop: read, SHA-256, write, make durable", "MiB/s")
UNSYNCED = Figure("plain-loop-unsynced", "the plain loop without making durable", "MiB/s")
MEMORY = Figure("export-memory", "highest RSS of the exporting process", "MB", 256, more_is_better=False)
IN_BATCH, KEYS = 1_000, 10
FILE = 16 * MEBIBYTE


def measure_points(bench: Bench, server: Server) -> list[Measured]:
    """16 runs, 10 metrics each, logged over HTTP. The time is the operation's, from request to done."""
    total = bench.size(10_000_000, 320_000)
    experiment = server.new_experiment(f"points-{time.time_ns()}")
    _log_points(server, experiment, total)
    seconds, memory = _export(bench, server, experiment, "metric_points", total)
    note = f"{total:,} points in {min(seconds):.2f} to {max(seconds):.2f} s, start of the process included"
    rates = [total / each for each in seconds]
    return [
        Measured(POINTS, server.name, rates, note),
        Measured(MEMORY, server.name, memory, f"{total:,} points"),
    ]


def measure_artifacts(bench: Bench, server: Server) -> list[Measured]:
    """64 files of 16 MiB. The plain loop copies the very files that the server keeps, on the same disk."""
    count = bench.size(64, 4)
    experiment = server.new_experiment(f"artifacts-{time.time_ns()}")
    run_id = server.new_runs(experiment, 1)[0]
    before = _kept_files(server)
    prefix = f"{experiment}/{run_id}/artifacts"
    generate(Job("files", server.port, server.token, [prefix], requests=count, size=FILE))
    originals = sorted(_kept_files(server) - before)
    if len(originals) != count:
        raise ServerFault(f"the server keeps {len(originals)} new files instead of {count}")
    ratios, loops, unsynced, memory = [], [], [], []
    for _ in range(bench.repeats):
        unsynced.append(_copy_all(originals, bench.folder / "copies", _nothing))
        loops.append(_copy_all(originals, bench.folder / "copies", os.fsync))
        seconds, high = _export_once(bench, server, experiment, "files", count)
        ratios.append(loops[-1] / seconds)
        memory.append(high)
    size = count * FILE / MEBIBYTE
    speed = size * max(ratios) / min(loops)
    note = f"{size:,.0f} MiB, up to {speed:,.0f} MiB/s, start of the process included"
    return [
        Measured(FILES, server.name, ratios, note),
        Measured(LOOP, "this machine", [size / each for each in loops]),
        Measured(UNSYNCED, "this machine", [size / each for each in unsynced]),
        Measured(MEMORY, server.name, memory, f"{size:,.0f} MiB of artifacts"),
    ]


def _log_points(server: Server, experiment: str, total: int) -> None:
    runs = server.new_runs(experiment, CONNECTIONS)
    job = Job("batch", server.port, server.token, runs, requests=total // IN_BATCH, keys=KEYS, points=IN_BATCH)
    generate(job)


def _export(bench: Bench, server: Server, experiment: str, what: str, expected: int) -> tuple[list[float], list[float]]:
    pairs = [_export_once(bench, server, experiment, what, expected) for _ in range(bench.repeats)]
    return [seconds for seconds, _ in pairs], [high for _, high in pairs]


def _export_once(bench: Bench, server: Server, experiment: str, what: str, expected: int) -> tuple[float, float]:
    watch: Watch
    with watching(server.pid, WORKER) as watch:
        seconds, result = run_operation(server, "exports", {"scope": "experiment", "id": experiment})
    found = result["counts"][what]
    if found < expected:
        raise ServerFault(f"the export has {found} {what} instead of {expected}")
    server.fetch("DELETE", f"/freehold/v1/exports/{result['operation_id']}/bag", expect=(204,))
    if not watch.seen:
        raise ServerFault("no exporting process was seen")
    return seconds, watch.highest


def _kept_files(server: Server) -> set[Path]:
    return {path for path in (server.folder / "data" / "store").rglob("*") if path.is_file()}


def _copy_all(originals: list[Path], to: Path, settle: Callable[[int], None]) -> float:
    """Seconds for all files, one after the other; the copies are removed afterwards."""
    to.mkdir(exist_ok=True)
    began = time.perf_counter()
    for number, original in enumerate(originals):
        _copy(original, to / str(number), settle)
    seconds = time.perf_counter() - began
    for copy in to.iterdir():
        copy.unlink()
    return seconds


def _copy(original: Path, copy: Path, settle: Callable[[int], None]) -> None:
    digest = hashlib.sha256()
    with original.open("rb") as source, copy.open("wb") as target:
        while piece := source.read(PIECE):
            digest.update(piece)
            target.write(piece)
        target.flush()
        settle(target.fileno())


def _nothing(_: int) -> None: ...
