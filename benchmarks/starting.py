"""Start-up and memory of the server."""

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Measured
from benchmarks.processes import highest, proportional, resident
from benchmarks.servers import Server, freehold

FIRST = Figure("first-start", "first start, on an empty folder (keys, certificate, schema)", "s", 1.5, False)
START = Figure("start", "start, from the process to the first 200 of /readyz", "s", 1.5, False)
IDLE = Figure("idle-memory", "RSS after the start", "MB")
LOADED = Figure("memory", "RSS after all of the above", "MB", 150, False)
HIGHEST = Figure("highest-memory", "highest RSS so far", "MB")
TREE = Figure("memory-of-all", "all processes of the server (PSS)", "MB")
PEER_START = Figure("start", "start, from the process to the first answer of its health address", "s")


def measure_starts(bench: Bench) -> list[Measured]:
    first: list[float] = []
    again: list[float] = []
    idle: list[float] = []
    for number in range(bench.repeats):
        server = freehold(bench.folder / f"start-{number}")
        for times in (first, again):
            server.start()
            times.append(server.started_in)
            idle.append(resident(server.pid))
            server.stop()
    return [
        Measured(FIRST, server.name, first),
        Measured(START, server.name, again),
        Measured(IDLE, server.name, idle),
    ]


def measure_memory(server: Server) -> list[Measured]:
    return [
        Measured(LOADED, server.name, [resident(server.pid)], "the server's process"),
        Measured(HIGHEST, server.name, [highest(server.pid)]),
        Measured(TREE, server.name, [proportional(server.pid)]),
    ]


def measure_peer(server: Server) -> list[Measured]:
    return [
        Measured(PEER_START, server.name, [server.started_in]),
        Measured(TREE, server.name, [proportional(server.pid)]),
    ]
