"""Erasure of an experiment, from the request until it is verified."""

import time

from benchmarks.bench import CONNECTIONS, Bench
from benchmarks.exporting import IN_BATCH, KEYS
from benchmarks.figures import Figure, Measured
from benchmarks.load import Job, generate
from benchmarks.operations import Ended, run_operation
from benchmarks.servers import Server, ServerFault

ERASURE = Figure("erasure", "1 million points and 10,000 artifacts erased and verified", "s", 10, more_is_better=False)
SIZE = 1_024


def measure_erasure(bench: Bench, server: Server) -> list[Measured]:
    """16 runs with their points and files of 1 KiB, made anew for each repeat. Only *verified* counts."""
    points, files = bench.size(1_000_000, 64_000), bench.size(10_000, 320)
    ended = [_erase_once(server, points, files) for _ in range(bench.repeats)]
    searched = max(_bytes_searched(server, each) for each in ended) / 1e6
    note = f"{points:,} points, {files:,} artifacts of 1 KiB; {searched:,.0f} MB searched"
    return [Measured(ERASURE, server.name, [each.seconds for each in ended], note)]


def _erase_once(server: Server, points: int, files: int) -> Ended:
    experiment = server.new_experiment(f"erase-{time.time_ns()}")
    runs = server.new_runs(experiment, CONNECTIONS)
    address = (server.port, server.token)
    generate(Job("batch", *address, runs, requests=points // IN_BATCH, keys=KEYS, points=IN_BATCH))
    prefixes = [f"{experiment}/{run_id}/artifacts" for run_id in runs]
    generate(Job("files", *address, prefixes, requests=files, size=SIZE))
    ended = run_operation(server, "erasures", {"scope": "experiment", "id": experiment})
    if ended.result["level"] != "verified":
        raise ServerFault(f"the erasure reached {ended.result['level']!r}, which is not 'verified'")
    return ended


def _bytes_searched(server: Server, ended: Ended) -> int:
    """As the certificate states them: all that the server keeps is searched, whatever is erased."""
    certificate = server.call("GET", f"/freehold/v1/certificates/{ended.operation_id}")
    return int(certificate["statement"]["search"]["bytes_scanned"])
