"""What a team feels while a tenth of their workspace is exported, and then erased, at half of the peak load."""

import statistics
import time
from dataclasses import dataclass

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


@dataclass(frozen=True)
class Meanwhile:
    """What clients saw for the `seconds` of an operation, and undisturbed before and after it."""

    seen: Seen
    seconds: float
    beside: tuple[Seen, Seen]

    def quiet(self, figure: str) -> float:
        """Their geometric mean, so that one side at which the machine stalled does not excuse everything."""
        return statistics.geometric_mean(getattr(each, figure) for each in self.beside)


def measure_loaded(bench: Bench, server: Server) -> list[Measured]:
    """Ten equal experiments; one is exported and then erased while others go on logging, for each repeat.

    A machine's speed drifts: the peak is the median of several, and what is seen meanwhile is compared with the
    undisturbed load on both sides of it.
    """
    content = Content(bench.size(1_000, 20))
    parts = [fill(server, f"part-{number}-{time.time_ns()}", content) for number in range(PARTS)]
    runs = server.new_runs(server.new_experiment(f"goes-on-{time.time_ns()}"), CONNECTIONS)
    job = Job("metric", server.port, server.token, runs, seconds=bench.seconds)
    generate(job)
    peaks = [generate(job).rate for _ in range(bench.repeats)]
    rate = statistics.median(peaks) / 2
    quiet, exports, erasures = list[Seen](), list[Meanwhile](), list[Meanwhile]()
    for experiment in parts[: bench.repeats]:
        before = _undisturbed(job, rate, bench)
        exported, took = _meanwhile(server, job, rate, "exports", experiment)
        between = _undisturbed(job, rate, bench)
        exports.append(Meanwhile(exported, took, (before, between)))
        erased, took = _meanwhile(server, job, rate, "erasures", experiment)
        after = _undisturbed(job, rate, bench)
        erasures.append(Meanwhile(erased, took, (between, after)))
        quiet += [before, between, after]
    note = f"{content.runs * PARTS:,} runs, {content.runs * PARTS * content.metrics * content.points:,} points"
    return [
        Measured(PEAK, server.name, peaks, note),
        Measured(QUIET, server.name, [each.p95 for each in quiet], f"p99 {max(each.p99 for each in quiet):.1f} ms"),
        *_compared(_figures("export", "exported"), server, exports),
        *_compared(_figures("erasure", "erased"), server, erasures),
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


def _compared(figures: tuple[Figure, Figure, Figure], server: Server, found: list[Meanwhile]) -> list[Measured]:
    rate, p95, seconds = figures
    note = " · ".join(f"p95 {each.seen.p95:.1f} ms" for each in found)
    note += f"; longest wait {max(each.seen.worst for each in found):,.0f} ms"
    return [
        Measured(rate, server.name, [each.seen.answered / each.quiet("answered") for each in found]),
        Measured(p95, server.name, [each.seen.p95 / each.quiet("p95") for each in found], note),
        Measured(seconds, server.name, [each.seconds for each in found]),
    ]
