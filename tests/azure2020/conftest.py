"""A workspace as the Azure clients address it."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.patience import patient
from tests.world import Person, World

_NUMBERS = itertools.count(1)


@dataclass
class Azure:
    """Calls of one person in one workspace; `experiment` is one of their own."""

    world: World
    client: httpx.Client
    person: Person
    workspace: str
    experiment: str

    @property
    def history(self) -> str:
        return f"/history/v1.0{self.workspace}"

    @property
    def artifacts(self) -> str:
        return f"/artifact/v2.0{self.workspace}/artifacts"

    @property
    def models(self) -> str:
        """Model management as the SDK addresses it; the published pages' addresses are `/api…`."""
        return f"/modelmanagement/v1.0{self.workspace}"

    def metrics(self, run: str) -> str:
        return f"/metric/v2.0{self.workspace}/runs/{run}"

    def call(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        headers = self.person.headers | more.pop("headers", {})
        return self.client.request(method, path, json=body, headers=headers, **more)

    def ok(self, method: str, path: str, body: Any = None, *, status: int = 200, **more: Any) -> Any:
        """The JSON of an answer that must have this status; None when it is empty."""
        response = self.call(method, path, body, **more)
        assert response.status_code == status, f"{method} {path}: {response.status_code} {response.text}"
        return response.json() if response.content else None

    def make_experiment(self, name: str | None = None) -> Any:
        return self.ok("POST", f"{self.history}/experiments/{name or self.experiment}")

    def put_run(self, run: str, **body: Any) -> Any:
        return self.ok("PATCH", f"{self.history}/experiments/{self.experiment}/runs/{run}", body)

    def report(self, run: str, word: str, **data: Any) -> None:
        event = {
            "name": f"Microsoft.MachineLearning.Run.{word}",
            "timestamp": "2026-03-01T10:00:00Z",
            "data": {"RunId": run, **data},
        }
        self.ok("POST", f"{self.history}/experiments/{self.experiment}/runs/{run}/events", event)

    def new_run(self, **body: Any) -> str:
        run = f"run-{next(_NUMBERS)}"
        self.put_run(run, **body)
        return run

    def name(self, stem: str) -> str:
        return f"{stem}-{next(_NUMBERS)}"

    def upload(self, origin: str, container: str, **contents: bytes) -> None:
        """Small artifacts by name; `__` stands for a slash."""
        for name, content in contents.items():
            where = f"{self.artifacts}/content/{origin}/{container}/{name.replace('__', '/')}"
            answer = self.client.post(where, content=content, headers=self.person.headers)
            assert answer.status_code == 200, answer.text

    def content(self, origin: str, container: str, path: str) -> bytes | None:
        """None: there is none."""
        answer = self.call("GET", f"{self.artifacts}/content/{origin}/{container}/{path}")
        return answer.content if answer.status_code == 200 else None

    def erased(self, within: float = 60) -> None:
        """Waits until every erasure that was begun in this workspace has ended, and verified."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            operations = self.ok("GET", "/freehold/v1/operations?kind=erase&limit=100")["value"]
            running = [each for each in operations if each["state"] != "Succeeded"]
            if not running:
                return
            assert all(each["state"] in {"NotStarted", "Running"} for each in running), running
            time.sleep(0.2)
        raise AssertionError(f"not erased in {within} s: {running}")

    def ids(self, filter_: str | None = None, **body: Any) -> list[str]:
        found = self.ok("POST", f"{self.history}/experiments/{self.experiment}/runs:query", {"filter": filter_, **body})
        return [run["runId"] for run in found["value"]]


@pytest.fixture(scope="session")
def client(shared_world: World) -> Iterator[httpx.Client]:
    """One connection for all calls: a new one for each costs more than the call."""
    with httpx.Client(base_url=shared_world.url, timeout=patient(60)) as made:
        yield made


@pytest.fixture
def azure(shared_world: World, client: httpx.Client) -> Azure:
    """Alice in the default workspace, with an experiment of her own."""
    made = Azure(shared_world, client, shared_world.alice, shared_world.workspace, f"exp-{next(_NUMBERS)}")
    made.make_experiment()
    return made
