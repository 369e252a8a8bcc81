"""A lean load generator in a process of its own, because it shares the cores with the server it measures.

Blocking keep-alive sockets with TCP_NODELAY, one send per request, one selector. `python -m benchmarks.load` reads a
Job as JSON from its standard input and prints an Outcome as JSON.
"""

import itertools
import json
import random
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

RECEIVE = 1 << 18
API = "/api/2.0/mlflow"


class RequestsFailed(RuntimeError):
    """A load in which a request failed measures nothing."""


@dataclass(frozen=True)
class Job:
    """`kind`: metric, batch, tags, runs or files. Ends after `seconds`, or when `requests` were answered, if given.

    One connection for each of `targets`: ids of runs, or of the experiment for `runs`; for `files` prefixes of paths.
    """

    kind: str
    port: int
    token: str
    targets: list[str]
    seconds: float = 0.0
    requests: int = 0
    keys: int = 10
    points: int = 1_000
    size: int = 0


@dataclass(frozen=True)
class Outcome:
    """`own_share`: processor time of the generator, of the elapsed time. Latencies in milliseconds."""

    requests: int
    seconds: float
    own_share: float
    latency: dict[str, float] = field(default_factory=dict)
    failures: int = 0
    example: str = ""

    @property
    def rate(self) -> float:
        """Requests a second that were answered well."""
        return (self.requests - self.failures) / self.seconds


def generate(job: Job, *, may_fail: bool = False) -> Outcome:
    """Run the job in a process of its own. Raises RequestsFailed, unless single requests `may_fail`."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(job)),
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent.parent,
    )
    if process.returncode:
        raise RequestsFailed(process.stderr[-2_000:])
    outcome = Outcome(**json.loads(process.stdout))
    if outcome.failures and not may_fail:
        raise RequestsFailed(f"{outcome.failures} of {outcome.requests} requests failed: {outcome.example}")
    return outcome


class Connection:
    """One request at a time; what it sends next comes from `requests`."""

    def __init__(self, port: int, requests: Iterator[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = requests
        self._began = 0.0
        self._buffer = b""

    def send_next(self, due: float = 0.0) -> bool:
        """False when there is nothing more to send. Its time counts from `due`, else from now."""
        request = next(self._requests, None)
        if request is None:
            return False
        self._began = due or time.perf_counter()
        self.socket.sendall(request)
        return True

    def receive(self) -> tuple[bytes, float] | None:
        """Answer and seconds it took, or None while it is not complete."""
        piece = self.socket.recv(RECEIVE)
        if not piece:
            raise RequestsFailed("the server closed a connection")
        self._buffer += piece
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or len(self._buffer) < head + 4 + _length(self._buffer[:head]):
            return None
        answer, self._buffer = self._buffer, b""
        return answer, time.perf_counter() - self._began


def _length(head: bytes) -> int:
    _, _, after = head.lower().partition(b"content-length:")
    return int(after.split(b"\r\n", 1)[0] or 0)


def drive(job: Job) -> Outcome:
    make = MAKERS[job.kind]
    connections = [Connection(job.port, make(job, target)) for target in job.targets]
    waiting = selectors.DefaultSelector()
    latencies: list[float] = []
    failures, example = 0, ""
    began, cpu = time.perf_counter(), time.process_time()
    until = began + job.seconds if job.seconds else float("inf")
    for connection in connections:
        if connection.send_next():
            waiting.register(connection.socket, selectors.EVENT_READ, connection)
    while waiting.get_map():
        for key, _ in waiting.select():
            answered = key.data.receive()
            if answered is None:
                continue
            answer, seconds = answered
            latencies.append(seconds)
            if answer[9:10] != b"2":
                failures, example = failures + 1, answer[:500].decode(errors="replace")
            enough = job.requests and len(latencies) + len(waiting.get_map()) > job.requests
            if enough or time.perf_counter() > until or not key.data.send_next():
                waiting.unregister(key.fileobj)
    elapsed = time.perf_counter() - began
    share = (time.process_time() - cpu) / elapsed
    return Outcome(len(latencies), elapsed, share, _percentiles(latencies), failures, example)


def _percentiles(latencies: list[float]) -> dict[str, float]:
    ordered = sorted(latencies)
    return {f"p{each}": ordered[len(ordered) * each // 100] * 1_000 for each in (50, 99)}


def request_bytes(job: Job, method: str, path: str, body: bytes, content_type: str = "application/json") -> bytes:
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{job.port}\r\nContent-Type: {content_type}\r\n"
        f"Authorization: Bearer {job.token}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _metrics(job: Job, run_id: str) -> Iterator[bytes]:
    """One point a request; only step and value change, and their width does not, so that the head stays."""
    body = b'{"run_id":"%s","key":"loss","value":0.%08d,"timestamp":%013d,"step":%9d}'
    sample = body % (run_id.encode(), 0, 0, 0)
    head = request_bytes(job, "POST", f"{API}/runs/log-metric", sample).removesuffix(sample)
    now = time.time_ns() // 1_000_000
    for step in itertools.count(1):
        yield head + body % (run_id.encode(), step * 7919 % 100_000_000, now + step, step)


def _batches(job: Job, run_id: str) -> Iterator[bytes]:
    """`points` points a request, of `keys` metrics; a smooth curve with noise. A few bodies are sent in turn."""
    variants = [_batch(job, run_id, number) for number in range(8 if job.seconds else max(1, min(100, job.requests)))]
    return itertools.cycle(variants)


def _batch(job: Job, run_id: str, number: int) -> bytes:
    steps = job.points // job.keys
    noise = random.Random(number)
    now = time.time_ns() // 1_000_000
    metrics = [
        {"key": f"metric_{key}", "value": 1 / (1 + step) + noise.random(), "timestamp": now + step, "step": step}
        for step in range(number * steps, (number + 1) * steps)
        for key in range(job.keys)
    ]
    body = json.dumps({"run_id": run_id, "metrics": metrics}, separators=(",", ":")).encode()
    return request_bytes(job, "POST", f"{API}/runs/log-batch", body)


def _tags(job: Job, run_id: str) -> Iterator[bytes]:
    """`points` tags a request, each of `size` characters of chance; an even part of `requests` on each
    connection."""
    noise = random.Random(run_id)
    for number in range(job.requests // len(job.targets)):
        values = (noise.randbytes(job.size // 2).hex() for _ in range(job.points))
        tags = [{"key": f"note-{number}-{each}", "value": value} for each, value in enumerate(values)]
        body = json.dumps({"run_id": run_id, "tags": tags}).encode()
        yield request_bytes(job, "POST", f"{API}/runs/log-batch", body)


def _runs(job: Job, experiment_id: str) -> Iterator[bytes]:
    """As MLflow's client creates a run: with a name, a start and the tags that it always sends."""
    tags = [
        {"key": "mlflow.user", "value": "bench"},
        {"key": "mlflow.source.name", "value": "train.py"},
        {"key": "mlflow.source.type", "value": "LOCAL"},
    ]
    for number in itertools.count():
        body = {
            "experiment_id": experiment_id,
            "run_name": f"run-{number}",
            "start_time": time.time_ns() // 1_000_000,
            "tags": tags,
        }
        yield request_bytes(job, "POST", f"{API}/runs/create", json.dumps(body).encode())


def _files(job: Job, prefix: str) -> Iterator[bytes]:
    """Files of `size` bytes, each with content of its own; an even part of `requests` on each connection."""
    content = random.Random(prefix).randbytes(job.size)
    for number in range(job.requests // len(job.targets)):
        body = b"%016d" % number + content[16:]
        path = f"/api/2.0/mlflow-artifacts/artifacts/{prefix}/file-{number:05d}.bin"
        yield request_bytes(job, "PUT", path, body, "application/octet-stream")


MAKERS: dict[str, Callable[[Job, str], Iterator[bytes]]] = {
    "metric": _metrics,
    "batch": _batches,
    "tags": _tags,
    "runs": _runs,
    "files": _files,
}


if __name__ == "__main__":
    print(json.dumps(asdict(drive(Job(**json.load(sys.stdin))))))
