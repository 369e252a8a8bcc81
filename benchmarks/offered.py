"""A load that is offered: so many requests a second are due, whether or not the server keeps up.

A request's time counts from the moment at which it was due, so that a server that stalls is not spared what it delays.
`python -m benchmarks.offered` reads a Job and a rate as one line of JSON; it ends when its standard input is closed,
and prints what it saw.
"""

import json
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.load import MAKERS, Connection, Job, RequestsFailed

LOOK_EVERY = 0.001


@dataclass(frozen=True)
class Seen:
    """`answered` and `offered`: requests a second. Latencies in milliseconds."""

    answered: float
    offered: float
    p50: float
    p95: float
    p99: float
    worst: float


class Offer:
    """`seen` is there when the offer has ended."""

    seen: Seen


@contextmanager
def offering(job: Job, rate: float) -> Iterator[Offer]:
    """As long as the block runs. Raises RequestsFailed when a single request fails."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.offered"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    assert process.stdin is not None
    offer = Offer()
    try:
        process.stdin.write(json.dumps({"job": asdict(job), "rate": rate}) + "\n")
        process.stdin.flush()
        yield offer
        output, errors = process.communicate()
        if process.returncode:
            raise RequestsFailed(errors[-2_000:])
        offer.seen = Seen(**json.loads(output))
    finally:
        process.kill()
        process.wait()


def drive(job: Job, rate: float, ended: threading.Event) -> Seen:
    """One thread; a request that is due goes out on the next connection that is free."""
    make = MAKERS[job.kind]
    free = deque(Connection(job.port, make(job, target)) for target in job.targets)
    busy = selectors.DefaultSelector()
    latencies: list[float] = []
    began, sent = time.perf_counter(), 0
    while not ended.is_set() or busy.get_map():
        now = time.perf_counter()
        while free and not ended.is_set() and began + sent / rate <= now:
            connection = free.popleft()
            connection.send_next(began + sent / rate)
            busy.register(connection.socket, selectors.EVENT_READ, connection)
            sent += 1
        for key, _ in busy.select(max(0.0, began + sent / rate - time.perf_counter()) if free else LOOK_EVERY):
            answered = key.data.receive()
            if answered is not None:
                _check(answered[0])
                latencies.append(answered[1])
                busy.unregister(key.fileobj)
                free.append(key.data)
    seconds = time.perf_counter() - began
    ordered = sorted(latencies)
    p50, p95, p99 = (ordered[len(ordered) * each // 100] * 1_000 for each in (50, 95, 99))
    return Seen(len(latencies) / seconds, rate, p50, p95, p99, ordered[-1] * 1_000)


def _check(answer: bytes) -> None:
    if answer[9:10] != b"2":
        raise RequestsFailed(answer[:500].decode(errors="replace"))


def _wait_for_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


def main() -> None:
    order = json.loads(sys.stdin.readline())
    ended = threading.Event()
    threading.Thread(target=_wait_for_end, args=(ended,), daemon=True).start()
    print(json.dumps(asdict(drive(Job(**order["job"]), order["rate"], ended))))


if __name__ == "__main__":
    main()
