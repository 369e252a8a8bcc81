"""Leaving, beside the peers' tools: an experiment exported by whole commands, and deleted until nothing is left.

Peers: `mlflow-export-import` (made by `make peers`), and the REST delete followed by `mlflow gc`. They take so long
that they are given a tenth of the runs, which is printed as such; with `--whole-peers` all.
"""

import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Measured
from benchmarks.operations import follow
from benchmarks.seeding import Content, fill, timed
from benchmarks.servers import Server, ServerFault

PEERS = Path(__file__).parent.parent / ".tools" / "peers"
EXPORT = Figure("leave", "experiment exported into a folder, the whole command", "s a 1,000 runs", None, False)
EXPORT_RATIO = Figure("leave-ratio", "that export: how many times faster than mlflow-export-import", "×", 200)
ERASED = Figure("delete-erased", "experiment erased: rows and files gone", "s a 1,000 runs", None, False)
VERIFIED = Figure(
    "delete-verified", "experiment erased and verified, certificate included", "s a 1,000 runs", None, False
)
GC = Figure("delete-gc", "experiment deleted over REST, then `mlflow gc`", "s a 1,000 runs", None, False)
ERASED_RATIO = Figure("erased-ratio", "to erased: how many times faster than delete and `mlflow gc`", "×", 100)
VERIFIED_RATIO = Figure("verified-ratio", "to verified: how many times faster than delete and `mlflow gc`", "×", 20)
HIDDEN = Figure("hidden", "erasure asked for until it is hidden and answered", "ms", 50, more_is_better=False)
PER = 1_000
LOOK_SELDOM = 0.05
"""Seconds: a server that is asked how far it is works the slower for it, and nobody asks the peer."""


def measure_leaving(bench: Bench, server: Server) -> list[Measured]:
    """Freehold's side: whole commands for the export, the operation for the erasure."""
    content = Content(bench.size(1_000, 40))
    exports, erased, verified, hidden = [], [], [], []
    for number in range(bench.repeats):
        name = f"leaves-{number}-{time.time_ns()}"
        experiment = fill(server, name, content)
        exports.append(timed(lambda: _export(server, experiment, bench.folder / name)) * PER / content.runs)  # noqa: B023  # called at once
        times = _erase(server, experiment)
        hidden.append(times[0] * 1_000)
        erased.append(times[1] * PER / content.runs)
        verified.append(times[2] * PER / content.runs)
    note = f"{content.runs:,} runs × {content.metrics} metrics × {content.points} points, a file each"
    return [
        Measured(EXPORT, server.name, exports, note),
        Measured(HIDDEN, server.name, hidden, note),
        Measured(ERASED, server.name, erased, note),
        Measured(VERIFIED, server.name, verified, note),
    ]


def measure_peers(bench: Bench, peer: Server) -> list[Measured]:
    """MLflow's side, on its own server with one worker, which is its fastest for this."""
    if not PEERS.is_dir():
        raise ServerFault("mlflow-export-import is not here: run `make peers` first, or give --no-peers")
    content = Content(1_000 if bench.whole_peers else bench.size(100, 10))
    name = f"leaves-{time.time_ns()}"
    experiment = fill(peer, name, content)
    note = f"{content.runs:,} runs measured" + (", the time for 1,000 is linear from it" if content.runs != PER else "")
    export = timed(lambda: _export_import(peer, name, bench.folder / "peer-bag")) * PER / content.runs
    deleted = timed(lambda: _delete_and_collect(peer, experiment)) * PER / content.runs
    return [Measured(EXPORT, "mlflow-export-import", [export], note), Measured(GC, peer.name, [deleted], note)]


def ratios(ours: list[Measured], peers: list[Measured]) -> list[Measured]:
    """Of medians, in this run."""
    mine = {each.figure.name: each.median for each in ours}
    theirs = {each.figure.name: each.median for each in peers}
    return [
        Measured(EXPORT_RATIO, "Freehold", [theirs["leave"] / mine["leave"]]),
        Measured(ERASED_RATIO, "Freehold", [theirs["delete-gc"] / mine["delete-erased"]]),
        Measured(VERIFIED_RATIO, "Freehold", [theirs["delete-gc"] / mine["delete-verified"]]),
    ]


def _export(server: Server, experiment: str, to: Path) -> None:
    command = [sys.executable, "-m", "freehold.cli.main", "export", "experiment", experiment, "--to", str(to)]
    _run([*command, "--url", f"http://127.0.0.1:{server.port}", "--json"], {"FREEHOLD_TOKEN": server.token})


def _erase(server: Server, experiment: str) -> tuple[float, float, float]:
    """Seconds until the answer, until all was *erased* as the server says, until the certificate."""
    asked, began = time.time(), time.perf_counter()
    body = {"scope": "experiment", "id": experiment}
    operation = server.call("POST", "/freehold/v1/erasures", body, expect=(202,))
    hidden = time.perf_counter() - began
    ended = follow(server, operation, began, LOOK_SELDOM)
    if ended.result["level"] != "verified":
        raise ServerFault(f"the erasure reached {ended.result['level']!r}, which is not 'verified'")
    erased = datetime.fromisoformat(ended.result["erased_at"]).timestamp() - asked
    return hidden, erased, ended.seconds


def _export_import(peer: Server, name: str, to: Path) -> None:
    module = "mlflow_export_import.experiment.export_experiment"
    command = [sys.executable, "-m", module, "--experiment", name, "--output-dir", str(to)]
    path = f"{PEERS}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    _run(command, {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{peer.port}", "PYTHONPATH": path})
    runs = [each for each in to.iterdir() if each.is_dir()]
    if not runs:
        raise ServerFault("mlflow-export-import exported no run")


def _delete_and_collect(peer: Server, experiment: str) -> None:
    peer.mlflow("POST", "experiments/delete", {"experiment_id": experiment})
    command = [sys.executable, "-m", "mlflow", "gc", "--backend-store-uri", f"sqlite:///{peer.folder}/mlflow.db"]
    command += ["--experiment-ids", experiment]
    _run(command, {"MLFLOW_TRACKING_URI": f"http://127.0.0.1:{peer.port}"})


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    if done.returncode:
        raise ServerFault(f"{' '.join(command[:6])} … ended with {done.returncode}: {done.stderr[-1_000:]}")
