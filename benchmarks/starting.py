"""Start-up and memory of the server."""

import time

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Measured
from benchmarks.processes import highest, proportional, resident
from benchmarks.servers import Server, freehold

FIRST = Figure("first-start", "first start, on an empty folder (keys, certificate, schema)", "s", 1.5, False)
START = Figure("start", "start, from the process to the first 200 of /readyz", "s", 1.5, False)
LOADED = Figure("memory", "RSS after all of the above", "MB", 150, False)
RESTED = Figure("memory-at-rest", "RSS half a minute later", "MB", 150, False)
HIGHEST = Figure("highest-memory", "highest RSS so far", "MB")
TREE = Figure("memory-of-all", "all processes of the server (PSS)", "MB")
PEER_START = Figure("start", "start, from the process to the first answer of its health address", "s")
SETTLE_SECONDS = 3.0  # the engine of operations is loaded after the first answer
REST_SECONDS = 35  # longer than the pause between two sweeps


def measure_starts(bench: Bench) -> list[Measured]:
    first, again = _Starts(FIRST), _Starts(START)
    for number in range(bench.repeats):
        server = freehold(bench.folder / f"start-{number}")
        for starts in (first, again):
            server.start()
            starts.seconds.append(server.started_in)
            time.sleep(SETTLE_SECONDS)
            starts.memory.append(resident(server.pid))
            server.stop()
    return [*first.measured(), *again.measured()]


class _Starts:
    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        self.seconds: list[float] = []
        self.memory: list[float] = []

    def measured(self) -> list[Measured]:
        name = "after the first start" if self.figure is FIRST else "after a later start"
        idle = Figure(f"memory-{self.figure.name}", f"RSS {name}, idle", "MB")
        return [Measured(self.figure, "Freehold", self.seconds), Measured(idle, "Freehold", self.memory)]


def measure_memory(bench: Bench, server: Server) -> list[Measured]:
    loaded, peak = resident(server.pid), highest(server.pid)
    everything = proportional(server.pid)
    time.sleep(bench.size(REST_SECONDS, 1))
    return [
        Measured(LOADED, server.name, [loaded], "the server's process"),
        Measured(RESTED, server.name, [resident(server.pid)], "the server's process"),
        Measured(HIGHEST, server.name, [peak]),
        Measured(TREE, server.name, [everything]),
    ]


def measure_peer(server: Server) -> list[Measured]:
    return [
        Measured(PEER_START, server.name, [server.started_in]),
        Measured(TREE, server.name, [proportional(server.pid)]),
    ]
