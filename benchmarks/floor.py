"""What this machine gives to a server that does nothing, and to commits that nothing else waits for.

The machine differs from hour to hour; beside these two, from the same run, the other figures can be judged.
"""

import sqlite3
import time
from contextlib import closing

from benchmarks.bench import CONNECTIONS, Bench
from benchmarks.figures import Figure, Measured
from benchmarks.load import Job, generate
from benchmarks.servers import bare

BARE = Figure("bare-server", "the same small POST to a server that does nothing with it", "requests/s")
COMMITS = Figure("bare-commits", "commits of one small row each: SQLite, WAL, synchronous=FULL", "commits/s")
MACHINE = "this machine"


def measure_floor(bench: Bench) -> list[Measured]:
    return [
        Measured(BARE, MACHINE, _bare(bench), f"uvicorn alone, {CONNECTIONS} connections"),
        Measured(COMMITS, MACHINE, [_commits(bench) for _ in range(bench.repeats)], "one thread, no server"),
    ]


def _bare(bench: Bench) -> list[float]:
    server = bare(bench.folder / "bare")
    server.start()
    try:
        job = Job("metric", server.port, "x" * 800, ["0" * 32] * CONNECTIONS, bench.seconds)
        return [generate(job).rate for _ in range(bench.repeats)]
    finally:
        server.stop()


def _commits(bench: Bench) -> float:
    with closing(sqlite3.connect(bench.folder / f"commits-{time.time_ns()}.db", isolation_level=None)) as database:
        for statement in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=FULL", "CREATE TABLE t (payload BLOB)"):
            database.execute(statement)
        began, count = time.perf_counter(), 0
        while (elapsed := time.perf_counter() - began) < bench.seconds / 2:
            database.execute("INSERT INTO t VALUES (?)", (b"x" * 60,))
            count += 1
        return count / elapsed
