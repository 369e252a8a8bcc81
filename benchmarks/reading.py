"""Reading a long history in one answer."""

import json
import time

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Measured
from benchmarks.load import Job, generate
from benchmarks.servers import Server, ServerFault

HISTORY = Figure("history", "history of 100,000 points in one answer", "ms", 200, more_is_better=False)
POINTS, IN_BATCH = 100_000, 1_000
READS = 7


def measure_history(bench: Bench, server: Server) -> list[Measured]:
    """From the request to the last byte; the JSON is checked once, outside the time."""
    points = bench.size(POINTS, 10_000)
    run_id = server.new_runs(server.new_experiment(f"history-{time.time_ns()}"), 1)[0]
    job = Job("batch", server.port, server.token, [run_id], requests=points // IN_BATCH, keys=1, points=IN_BATCH)
    generate(job)
    path = f"/api/2.0/mlflow/metrics/get-history?run_id={run_id}&metric_key=metric_0&max_results={points}"
    _check(server.fetch("GET", path), points)
    values, size = [], 0
    for _ in range(bench.size(READS, 1)):
        began = time.perf_counter()
        size = len(server.fetch("GET", path))
        values.append((time.perf_counter() - began) * 1_000)
    return [Measured(HISTORY, server.name, values, f"{points:,} points, {size / 1e6:.1f} MB of JSON")]


def _check(content: bytes, points: int) -> None:
    found = len(json.loads(content)["metrics"])
    if found != points:
        raise ServerFault(f"the history has {found} points instead of {points}")
