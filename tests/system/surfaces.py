"""One address of every façade that takes a JSON body, and how each prints an error."""

import json
import socket
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx

from tests.world import Person, World


class Told(NamedTuple):
    code: str
    message: str


@dataclass(frozen=True)
class Surface:
    """`path` may hold {workspace}: the ARM path of one."""

    name: str
    method: str
    path: str
    read: Callable[[httpx.Response], Told]

    def send(self, world: World, body: bytes, person: Person | None = None, workspace: str = "") -> httpx.Response:
        path = self.path.format(workspace=workspace or world.workspace)
        headers = {"content-type": "application/json"}
        return world.request(self.method, path, person or world.alice, content=body, headers=headers)


def _mlflow(answer: httpx.Response) -> Told:
    body = answer.json()
    assert set(body) == {"error_code", "message"}
    return Told(body["error_code"], body["message"])


def _freehold(answer: httpx.Response) -> Told:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return Told(body["code"], body["detail"])


def _arm(answer: httpx.Response) -> Told:
    error = answer.json()["error"]
    return Told(error["code"], error["message"])


def _history(answer: httpx.Response) -> Told:
    error = answer.json()["error"]
    assert isinstance(error["details"], list)
    return Told(error["innerError"]["code"], error["message"])


def blob_error(answer: httpx.Response) -> Told:
    root = ElementTree.fromstring(answer.content)
    told = Told(root.findtext("Code") or "", root.findtext("Message") or "")
    assert answer.headers["x-ms-error-code"] == told.code
    return told


MLFLOW = Surface("mlflow", "POST", "/mlflow/v2.0{workspace}/api/2.0/mlflow/runs/log-batch", _mlflow)
HISTORY = Surface("history", "PATCH", "/history/v1.0{workspace}/experiments/surfaces/runs/surface-run", _history)
SURFACES = [
    MLFLOW,
    HISTORY,
    Surface("freehold", "POST", "/freehold/v1{workspace}/exports", _freehold),
    Surface("arm", "PUT", "{workspace}?api-version=2020-03-01", _arm),
    Surface("metric", "POST", "/metric/v2.0{workspace}/runs/surface-run/batch", _history),
    Surface("artifact", "POST", "/artifact/v2.0{workspace}/artifacts/register", _history),
]


def talk(world: World, request: bytes, *, finish: bool = False) -> bytes:
    """Send raw bytes over plain HTTP; all that comes back until the server closes or is silent for a second."""
    address = urlsplit(world.url)
    with socket.create_connection((address.hostname, address.port or 80), 30) as connection:
        connection.settimeout(30)
        answer = b""
        try:
            connection.sendall(request)
            if finish:
                connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65_536):
                answer += piece
                connection.settimeout(1)
        except (TimeoutError, ConnectionError):
            pass
        return answer


def make_run(world: World, name: str, person: Person | None = None) -> str:
    """A run in an experiment of this name; its id."""
    found = world.post("/api/2.0/mlflow/experiments/create", {"name": name}, person or world.alice)
    if found.status_code == 200:
        experiment = found.json()["experiment_id"]
    else:
        query = {"experiment_name": name}
        experiment = world.mlflow("GET", "experiments/get-by-name", query)["experiment"]["experiment_id"]
    run_id: str = world.mlflow("POST", "runs/create", {"experiment_id": experiment})["run"]["info"]["run_id"]
    return run_id


def data_of(world: World, run_id: str) -> dict[str, Any]:
    data: dict[str, Any] = world.mlflow("GET", "runs/get", {"run_id": run_id})["run"]["data"]
    return data


def packed(document: Any) -> bytes:
    return json.dumps(document).encode()
