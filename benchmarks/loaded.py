"""What a team feels while a tenth of their workspace is exported, and then erased, at half of the peak load."""

import time

from benchmarks.bench import CONNECTIONS, Bench
from benchmarks.figures import Figure, Measured
from benchmarks.load import Job, generate
from benchmarks.offered import Seen, offering
from benchmarks.operations import run_operation
from benchmarks.seeding import Content, fill
from benchmarks.servers import Server, ServerFault

PARTS = 10
QUIET_SECONDS = 70.0
"""As long as a sweep and the pause behind it: sweeps go on while something is exported or erased, too."""
LOOK_EVERY = 0.25
"""Seconds between two looks at the operation: what is measured is the load, which looks would be a part of."""
PEAK = Figure("loaded-peak", "one metric per request, the peak beside a large workspace", "requests/s")
QUIET = Figure("loaded-quiet", "half of it offered, nothing else going on: p95", "ms")


def _figures(what: str, verb: str) -> tuple[Figure, Figure, Figure]:
    return (
        Figure(f"loaded-{what}-rate", f"the same while a tenth is {verb}: answered, of undisturbed", "×", 0.95),
        Figure(f"loaded-{what}-p95", f"the same while a tenth is {verb}: p95, of undisturbed", "×", 1.25, False),
        Figure(f"loaded-{what}-seconds", f"how long that took under this load ({verb})", "s", None, False),
    )


def measure_loaded(bench: Bench, server: Server) -> list[Measured]:
    """Ten equal experiments; one is exported and then erased while others go on logging, for each repeat."""
    content = Content(bench.size(1_000, 20))
    parts = [fill(server, f"part-{number}-{time.time_ns()}", content) for number in range(PARTS)]
    runs = server.new_runs(server.new_experiment(f"goes-on-{time.time_ns()}"), CONNECTIONS)
    job = Job("metric", server.port, server.token, runs, seconds=bench.seconds)
    generate(job)
    peak = generate(job).rate
    quiet, seen = [], {"exports": [], "erasures": []}  # type: ignore[var-annotated]  # filled below
    for experiment in parts[: bench.repeats]:
        quiet.append(_undisturbed(job, peak / 2, bench))
        for what in seen:
            seen[what].append(_meanwhile(server, job, peak / 2, what, experiment))
    note = f"{content.runs * PARTS:,} runs, {content.runs * PARTS * content.metrics * content.points:,} points"
    return [
        Measured(PEAK, server.name, [peak], note),
        Measured(QUIET, server.name, [each.p95 for each in quiet], f"p99 {max(each.p99 for each in quiet):.1f} ms"),
        *_compared(_figures("export", "exported"), server, quiet, seen["exports"]),
        *_compared(_figures("erasure", "erased"), server, quiet, seen["erasures"]),
    ]


def _undisturbed(job: Job, rate: float, bench: Bench) -> Seen:
    with offering(job, rate) as offer:
        time.sleep(bench.size(int(QUIET_SECONDS), 2))
    return offer.seen


def _meanwhile(server: Server, job: Job, rate: float, what: str, experiment: str) -> tuple[Seen, float]:
    with offering(job, rate) as offer:
        time.sleep(0.5)
        ended = run_operation(server, what, {"scope": "experiment", "id": experiment}, LOOK_EVERY)
    if what == "erasures" and ended.result["level"] != "verified":
        raise ServerFault(f"the erasure reached {ended.result['level']!r}, which is not 'verified'")
    return offer.seen, ended.seconds


def _compared(
    figures: tuple[Figure, Figure, Figure], server: Server, quiet: list[Seen], seen: list[tuple[Seen, float]]
) -> list[Measured]:
    """Each beside the undisturbed load of the same repeat, moments before."""
    rate, p95, seconds = figures
    pairs = list(zip(quiet, (each for each, _ in seen), strict=True))
    worst = max(each.worst for _, each in pairs)
    note = " · ".join(f"p95 {each.p95:.1f} ms" for _, each in pairs) + f"; longest wait {worst:,.0f} ms"
    return [
        Measured(rate, server.name, [there.answered / here.answered for here, there in pairs]),
        Measured(p95, server.name, [there.p95 / here.p95 for here, there in pairs], note),
        Measured(seconds, server.name, [each for _, each in seen]),
    ]
