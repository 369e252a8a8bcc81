"""Writers that never stop, and what the server acknowledged of what they wrote."""

import hashlib
import threading
from dataclasses import dataclass, field

import httpx

from tests.patience import patient
from tests.system.surfaces import make_run
from tests.world import World

BASE = "/api/2.0/mlflow"
STORE = "/api/2.0/mlflow-artifacts/artifacts"


@dataclass
class Acknowledged:
    """What one writer was told is kept, in its own run."""

    run_id: str
    steps: list[int] = field(default_factory=list)
    params: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.steps) + len(self.params) + len(self.files)


def content_of(run_id: str, name: str) -> bytes:
    """Up to 100 kB that depend on the name only."""
    digest = hashlib.sha256(f"{run_id}/{name}".encode()).digest()
    return digest * (1 + digest[0] * 12)


class Load:
    """`writers` threads with a connection each: points, parameters and files in turn, until the server is gone."""

    def __init__(self, world: World, writers: int, first: int = 0) -> None:
        self._world = world
        self._first = first
        self.acknowledged = [Acknowledged(make_run(world, "load")) for _ in range(writers)]
        self._threads = [threading.Thread(target=self._write, args=(mine,)) for mine in self.acknowledged]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _write(self, mine: Acknowledged) -> None:
        number = self._first
        with httpx.Client(base_url=self._world.url, headers=self._world.alice.headers, timeout=patient(30)) as client:
            try:
                while True:
                    self._write_once(client, mine, number)
                    number += 1
            except httpx.TransportError:
                return

    def _write_once(self, client: httpx.Client, mine: Acknowledged, number: int) -> None:
        point = {"run_id": mine.run_id, "key": "m", "value": number, "timestamp": number, "step": number}
        client.post(f"{BASE}/runs/log-metric", json=point).raise_for_status()
        mine.steps.append(number)
        key = f"p{number}"
        body = {"run_id": mine.run_id, "params": [{"key": key, "value": key}]}
        client.post(f"{BASE}/runs/log-batch", json=body).raise_for_status()
        mine.params.append(key)
        name = f"f{number}"
        path = f"{STORE}/1/{mine.run_id}/artifacts/{name}"
        client.put(path, content=content_of(mine.run_id, name)).raise_for_status()
        mine.files.append(name)


def lost(world: World, mine: Acknowledged) -> list[str]:
    """What was acknowledged and cannot be read any more, or reads differently."""
    points = world.mlflow("GET", "metrics/get-history", {"run_id": mine.run_id, "metric_key": "m"}).get("metrics", [])
    data = world.mlflow("GET", "runs/get", {"run_id": mine.run_id})["run"]["data"]
    steps = {point["step"] for point in points if point["value"] == point["step"]}
    params = {param["key"] for param in data.get("params", []) if param["value"] == param["key"]}
    with httpx.Client(base_url=world.url, headers=world.alice.headers, timeout=30) as client:
        files = {
            name
            for name in mine.files
            if client.get(f"{STORE}/1/{mine.run_id}/artifacts/{name}").content == content_of(mine.run_id, name)
        }
    assert len(points) == len(steps), "a point was written twice"
    return [*map(str, set(mine.steps) - steps), *(set(mine.params) - params), *(set(mine.files) - files)]
