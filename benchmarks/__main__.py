"""`python -m benchmarks`: measure, print, and say with the exit code whether every target was met (1: one was not)."""

import argparse
import os
import platform
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.bench import Bench
from benchmarks.erasing import measure_erasure
from benchmarks.exporting import measure_artifacts, measure_points, measure_texts
from benchmarks.figures import Measured, as_markdown, spell, spell_target, spell_verdict
from benchmarks.floor import measure_floor
from benchmarks.importing import measure_imports
from benchmarks.leaving import measure_leaving, measure_peers, ratios
from benchmarks.listing import measure_lists
from benchmarks.loaded import measure_loaded
from benchmarks.reading import measure_history
from benchmarks.servers import Server, freehold, mlflow
from benchmarks.starting import measure_memory, measure_peer, measure_starts
from benchmarks.wire import measure_wire
from benchmarks.writing import measure_batches, measure_metrics, measure_runs

BOTH: dict[str, Callable[[Bench, Server], list[Measured]]] = {
    "log-metric": measure_metrics,
    "log-batch": measure_batches,
    "create-run": measure_runs,
    "history": measure_history,
    "wire": measure_wire,
}
OURS: dict[str, Callable[[Bench, Server], list[Measured]]] = {
    "export-points": measure_points,
    "export-artifacts": measure_artifacts,
    "erasure": measure_erasure,
    "export-texts": measure_texts,
    "import": measure_imports,
    "leaving": measure_leaving,
    "loaded": measure_loaded,
    "lists": measure_lists,
}
NAMES = ("floor", "start", *BOTH, *OURS)
console = Console()


def main() -> int:
    arguments = _arguments()
    chosen = arguments.only or list(NAMES)
    machine = _machine()
    console.print(machine, soft_wrap=True)
    folder = Path(tempfile.mkdtemp(prefix="freehold-bench-", dir=arguments.folder))
    results: list[Measured] = []
    try:
        for measured in _measure(Bench(folder, arguments.quick, arguments.whole_peers), chosen, arguments.no_peers):
            results.append(measured)
            _print_line(measured)
    finally:  # what was measured before a fault is worth telling, too
        shutil.rmtree(folder, ignore_errors=True)
        _report(results, arguments.markdown, machine)
    return 1 if any(each.is_met is False for each in results) else 0


def _report(results: list[Measured], markdown: str | None, machine: str) -> None:
    _print_table(results)
    if markdown:
        Path(markdown).write_text(f"{machine}\n\n{as_markdown(results)}\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", action="append", choices=NAMES, help="measure this one; may be repeated")
    parser.add_argument("--quick", action="store_true", help="small sizes, one repeat: does it work at all?")
    parser.add_argument("--no-peers", action="store_true", help="leave MLflow's server out")
    parser.add_argument("--whole-peers", action="store_true", help="give MLflow's export and gc 1,000 runs, not 100")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there, too")
    parser.add_argument("--folder", help="where to keep data meanwhile (a folder on the disk to measure)")
    return parser.parse_args()


def _measure(bench: Bench, chosen: list[str], without_peers: bool) -> Iterator[Measured]:
    """One server at a time: two would share the cores."""
    if "floor" in chosen:
        yield from measure_floor(bench)
    if "start" in chosen:
        yield from measure_starts(bench)
    ours: dict[str, list[Measured]] = {}
    with _running(freehold(bench.folder / "freehold")) as server:
        server.stop()  # started again, as a server is on every day but its first
        server.start()
        for name, measure in (BOTH | OURS).items():
            if name in chosen:
                ours[name] = measure(bench, server)
                yield from ours[name]
        yield from measure_memory(bench, server)
    if not without_peers and {"start", "leaving", *BOTH} & set(chosen):
        yield from _measure_peers(bench, chosen, ours.get("leaving", []))


def _measure_peers(bench: Bench, chosen: list[str], leaving: list[Measured]) -> Iterator[Measured]:
    for workers in (1, 4) if {"start", *BOTH} & set(chosen) else (1,):
        with _running(mlflow(bench.folder / f"mlflow-{workers}", workers)) as peer:
            for name, measure in BOTH.items():
                if name in chosen:
                    yield from map(_without_target, measure(bench, peer))
            if leaving and workers == 1:
                theirs = measure_peers(bench, peer)
                yield from [*theirs, *ratios(leaving, theirs)]
            yield from measure_peer(peer)


@contextmanager
def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _without_target(measured: Measured) -> Measured:
    """The targets are Freehold's; a peer's figure is there to compare with."""
    figure = measured.figure
    plain = type(figure)(figure.name, figure.what, figure.unit, None, figure.more_is_better)
    return Measured(plain, measured.server, measured.values, measured.note)


def _machine() -> str:
    memory = psutil.virtual_memory().total / 1e9
    load = ", ".join(f"{each:.2f}" for each in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC · {platform.system()} {platform.release()} {platform.machine()} · "
        f"{_processor()} · {os.cpu_count()} cores · {memory:.0f} GB · Python {platform.python_version()} · "
        f"SQLite {sqlite3.sqlite_version} · load average before: {load}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or "unknown processor"


def _print_line(measured: Measured) -> None:
    value = f"[bold]{spell(measured.median)}[/] {measured.figure.unit} {spell_verdict(measured)}"
    console.print(f"  {measured.server}: {measured.figure.what}: {value}", highlight=False, soft_wrap=True)


def _print_table(results: list[Measured]) -> None:
    table = Table(show_edge=False, pad_edge=False)
    for title in ("figure", "server", "target", "median", "", "repeats", "note"):
        table.add_column(title)
    for each in results:
        table.add_row(
            each.figure.what,
            each.server,
            spell_target(each.figure),
            f"{spell(each.median)} {each.figure.unit}",
            spell_verdict(each),
            " · ".join(map(spell, each.values)),
            each.note,
        )
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
