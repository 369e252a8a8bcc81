"""Experiments as a team leaves them: runs with parameters, metrics and a file each, logged over MLflow's REST API."""

import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import quote

from benchmarks.servers import Server, ServerFault

CLIENTS = 8
IN_BATCH = 1_000
"""What MLflow takes in one log-batch."""
LONGEST_WAIT = 120


@dataclass(frozen=True)
class Content:
    """Of one experiment: `metrics` keys of `points` points and `params` parameters a run, one file of `size` bytes."""

    runs: int
    metrics: int = 20
    points: int = 100
    params: int = 10
    size: int = 10_000


def fill(server: Server, name: str, content: Content) -> str:
    """A new experiment with that content; its id. Raises ServerFault."""
    experiment = server.new_experiment(name)
    local = threading.local()

    def one(number: int) -> None:
        if not hasattr(local, "client"):
            local.client = _Client(server)
        _log_run(local.client, experiment, number, content)

    with ThreadPoolExecutor(CLIENTS) as pool:
        for _ in pool.map(one, range(content.runs)):
            pass  # what a client raises is raised here
    return experiment


class _Client:
    """One keep-alive connection."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=LONGEST_WAIT)

    def post(self, path: str, body: object) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.send("POST", f"/api/2.0/mlflow/{path}", json.dumps(body).encode()))
        return found

    def send(self, method: str, path: str, body: bytes, content_type: str = "application/json") -> bytes:
        headers = {"Authorization": f"Bearer {self._server.token}", "Content-Type": content_type}
        self._connection.request(method, path, body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status != 200:
            raise ServerFault(f"{self._server.name}: {method} {path} → {answer.status}: {content[:300]!r}")
        return content


def _log_run(client: _Client, experiment: str, number: int, content: Content) -> None:
    now = time.time_ns() // 1_000_000
    body = {"experiment_id": experiment, "run_name": f"run-{number}", "start_time": now}
    info = client.post("runs/create", body)["run"]["info"]  # type: ignore[index]  # JSON
    params = [{"key": f"param_{each}", "value": f"value-{number}-{each}"} for each in range(content.params)]
    client.post("runs/log-batch", {"run_id": info["run_id"], "params": params})
    for metrics in _batches(number, now, content):
        client.post("runs/log-batch", {"run_id": info["run_id"], "metrics": metrics})
    root = info["artifact_uri"].partition("mlflow-artifacts:")[2].lstrip("/")
    path = f"/api/2.0/mlflow-artifacts/artifacts/{quote(root)}/notes.bin"
    client.send("PUT", path, b"%016d" % number * (content.size // 16), "application/octet-stream")


def _batches(number: int, now: int, content: Content) -> Iterator[list[dict[str, object]]]:
    points = [
        {"key": f"metric_{key}", "value": 1 / (1 + step + number), "timestamp": now + step, "step": step}
        for step in range(content.points)
        for key in range(content.metrics)
    ]
    return (points[begin : begin + IN_BATCH] for begin in range(0, len(points), IN_BATCH))


def timed(call: Callable[[], object]) -> float:
    """Seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
