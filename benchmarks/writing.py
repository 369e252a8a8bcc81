"""What a training run does all day: create a run, log a metric, log a batch. 16 keep-alive connections."""

import time
from dataclasses import replace

from benchmarks.bench import CONNECTIONS, Bench
from benchmarks.figures import Figure, Measured
from benchmarks.load import Job, Outcome, generate
from benchmarks.servers import Server

METRIC = Figure("log-metric", "one metric per request, 16 connections, a run each", "requests/s", 5_000)
BATCH = Figure("log-batch", "1,000 metrics per request, 16 connections, a run each", "metrics/s", 500_000)
RUNS = Figure("create-run", "create run, 16 connections, one experiment", "runs/s", 2_000)
POINTS = 1_000
WARM_SECONDS = 0.5


def measure_metrics(bench: Bench, server: Server) -> list[Measured]:
    outcomes = _outcomes(bench, server, "metric")
    return [_measured(METRIC, server, outcomes, 1)]


def measure_batches(bench: Bench, server: Server) -> list[Measured]:
    outcomes = _outcomes(bench, server, "batch")
    return [_measured(BATCH, server, outcomes, POINTS)]


def measure_runs(bench: Bench, server: Server) -> list[Measured]:
    outcomes = _outcomes(bench, server, "runs")
    return [_measured(RUNS, server, outcomes, 1)]


def _outcomes(bench: Bench, server: Server, kind: str) -> list[Outcome]:
    experiment = server.new_experiment(f"{kind}-{time.time_ns()}")
    is_making_runs = kind == "runs"
    targets = [experiment] * CONNECTIONS if is_making_runs else server.new_runs(experiment, CONNECTIONS)
    job = Job(kind, server.port, server.token, targets, WARM_SECONDS, points=POINTS)
    generate(job, may_fail=server.is_peer)
    job = replace(job, seconds=bench.seconds)
    return [generate(job, may_fail=server.is_peer) for _ in range(bench.repeats)]


def _measured(figure: Figure, server: Server, outcomes: list[Outcome], each: int) -> Measured:
    p50, p99 = (max(outcome.latency[name] for outcome in outcomes) for name in ("p50", "p99"))
    share = max(outcome.own_share for outcome in outcomes)
    note = f"p50 {p50:.1f} ms, p99 {p99:.1f} ms; load generator {share:.0%} of a core"
    if failures := sum(outcome.failures for outcome in outcomes):
        note += f"; {failures} of {sum(outcome.requests for outcome in outcomes)} requests failed and do not count"
    return Measured(figure, server.name, [outcome.rate * each for outcome in outcomes], note)
