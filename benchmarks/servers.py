"""The servers that are measured: Freehold, and MLflow's, each on a folder of its own with real sockets."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

LONGEST_START = 300.0
LOOK_EVERY = 0.002


class ServerFault(RuntimeError):
    """A server did not start, or answered something else than expected."""


@dataclass
class Server:
    """`started_in`: seconds from the start of the process to the first 200 of its health address."""

    name: str
    folder: Path
    command: list[str]
    port: int
    health: str
    is_peer: bool = False
    token: str = ""
    started_in: float = 0.0
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        assert self.process is not None, "the server is not running"
        return self.process.pid

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        with (self.folder / "output.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdout=log, stderr=log, cwd=self.folder, env=_environment(), start_new_session=True
            )
        while not self._answers():
            if self.process.poll() is not None or time.perf_counter() - began > LONGEST_START:
                raise ServerFault(f"{self.name} did not start: {self._last_words()}")
            time.sleep(LOOK_EVERY)
        self.started_in = time.perf_counter() - began

    def stop(self) -> None:
        """The whole session that `start` made: MLflow's workers outlive a parent that is killed alone."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(20)
        self.process = None

    def call(self, method: str, path: str, body: Any = None, expect: tuple[int, ...] = (200,)) -> Any:
        """One request on a connection of its own; its JSON. Raises ServerFault."""
        return json.loads(self.fetch(method, path, body, expect) or b"null")

    def fetch(self, method: str, path: str, body: Any = None, expect: tuple[int, ...] = (200,)) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status not in expect:
            raise ServerFault(f"{self.name}: {method} {path} → {answer.status}: {content[:500]!r}")
        return content

    def mlflow(self, method: str, path: str, body: dict[str, Any]) -> Any:
        if method == "GET":
            return self.call(method, f"/api/2.0/mlflow/{path}?{urlencode(body)}")
        return self.call(method, f"/api/2.0/mlflow/{path}", body)

    def new_experiment(self, name: str) -> str:
        return str(self.mlflow("POST", "experiments/create", {"name": name})["experiment_id"])

    def new_runs(self, experiment_id: str, count: int) -> list[str]:
        body = {"experiment_id": experiment_id, "start_time": time.time_ns() // 1_000_000}
        return [str(self.mlflow("POST", "runs/create", body)["run"]["info"]["run_id"]) for _ in range(count)]

    def _last_words(self) -> str:
        return (self.folder / "output.log").read_text(errors="replace")[-2_000:]

    def _answers(self) -> bool:
        try:
            self.fetch("GET", self.health)
            return True
        except (OSError, http.client.HTTPException, ServerFault):
            return False


class Freehold(Server):
    def start(self) -> None:
        super().start()
        command = [sys.executable, "-m", "freehold.cli.main", "token", "--data", str(self.folder / "data")]
        self.token = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def freehold(folder: Path) -> Freehold:
    port = _free_port()
    command = [sys.executable, "-m", "freehold.cli.main", "serve", "--data", str(folder / "data")]
    command += ["--http-port", str(port), "--https-port", "0"]
    return Freehold("Freehold", folder, command, port, "/readyz")


def bare(folder: Path) -> Server:
    port = _free_port()
    command = [sys.executable, str(Path(__file__).parent / "bare_server.py"), str(port)]
    return Server("this machine", folder, command, port, "/")


def mlflow(folder: Path, workers: int) -> Server:
    """As its users start it, on SQLite (whose default is a rollback journal with durable commits)."""
    port = _free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", str(workers)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", f"{folder}/files"]
    return Server(
        f"MLflow, {workers} worker{'s' if workers > 1 else ''}", folder, command, port, "/health", is_peer=True
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    return os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
