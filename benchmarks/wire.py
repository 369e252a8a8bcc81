"""How a small answer leaves: in one segment, from a socket that does not wait (TCP_NODELAY)."""

import ctypes
import os
import socket
import struct
import sys
import time

import psutil

from benchmarks.bench import Bench
from benchmarks.figures import Figure, Measured
from benchmarks.load import Connection, Job, request_bytes
from benchmarks.servers import Server, ServerFault

SEGMENTS = Figure("wire", "TCP segments of a small answer", "segments", 1, more_is_better=False)
NODELAY = Figure("nodelay", "TCP_NODELAY is set on the server's socket (1 = yes)", "", 1)
LATENCY = Figure("lone-request", "one connection, one metric per request: median time", "ms")
REQUESTS = 200
_PIDFD_GETFD = 438
_DATA_SEGMENTS_IN = 152  # offset of tcpi_data_segs_in in struct tcp_info (linux/tcp.h)


def measure_wire(bench: Bench, server: Server) -> list[Measured]:
    """The kernel counts the segments with data that arrived; nothing is inferred from times."""
    if sys.platform != "linux":
        return []
    run_id = server.new_runs(server.new_experiment(f"wire-{time.time_ns()}"), 1)[0]
    job = Job("metric", server.port, server.token, [run_id])
    body = b'{"run_id":"%s","key":"loss","value":0.5,"timestamp":1700000000000,"step":1}' % run_id.encode()
    request = request_bytes(job, "POST", "/api/2.0/mlflow/runs/log-metric", body)
    connection = Connection(server.port, iter([request] * REQUESTS))
    before = _segments(connection.socket)
    times = []
    while connection.send_next():
        while (answered := connection.receive()) is None:
            pass
        if answered[0][9:12] != b"200":
            raise ServerFault(f"{server.name} answered {answered[0][:200]!r}")
        times.append(answered[1] * 1_000)
    segments = (_segments(connection.socket) - before) / REQUESTS
    results = [
        Measured(SEGMENTS, server.name, [segments], f"{REQUESTS} requests to log-metric"),
        Measured(LATENCY, server.name, [sorted(times)[len(times) // 2]], "no other load"),
    ]
    no_delay = _no_delay(server, connection.socket)
    connection.socket.close()
    return results if no_delay is None else [*results, Measured(NODELAY, server.name, [no_delay])]


def _segments(connection: socket.socket) -> int:
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int(struct.unpack_from("=I", info, _DATA_SEGMENTS_IN)[0])


def _no_delay(server: Server, mine: socket.socket) -> float | None:
    """Asks the server's own end of the connection, borrowed from its process; None where that is not allowed."""
    address = mine.getsockname()[:2]
    for process in [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]:
        for each in process.net_connections("tcp"):
            if each.raddr and tuple(each.raddr) == address:
                return _ask(process.pid, each.fd)
    return None


def _ask(pid: int, descriptor: int) -> float | None:
    handle = os.pidfd_open(pid)
    try:
        borrowed = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, handle, descriptor, 0)
        if borrowed < 0:
            return None
        with socket.socket(fileno=borrowed) as theirs:
            return float(bool(theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)))
    finally:
        os.close(handle)
