"""kill -9 at any moment of an export or an erasure while others write and read: it ends rightly, at no cost to them.

Every write that was acknowledged is there, nothing of what was erased is back, the bag and the certificate are true.
"""

import random
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
import httpx
import pytest

from freehold.lifecycle import certificate
from freehold.lifecycle.bag.verify import verify_bag
from tests.lifecycle.erase.site import traces
from tests.system.ending import until_ended
from tests.system.load import BASE, STORE, Acknowledged, Load, content_of, lost
from tests.system.surfaces import make_run
from tests.system.test_kill import check_database, ledger, sweep, unowned
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc, by RFC 9864; verifiers know this name
WRITERS, PATIENCE = 2, 120
SEEDS = [pytest.param(1, 1), *(pytest.param(seed, 6, marks=pytest.mark.exhaustive) for seed in range(2, 7))]
FILES, POINTS = 40, 1_000


class Clients:
    """Writers, readers, and somebody who goes on writing to what is being erased; until the server is gone."""

    def __init__(self, world: World, known: list[Acknowledged], doomed: str) -> None:
        self.load = Load(world, WRITERS)
        self.told: list[tuple[bool, int]] = []
        """Of each try of the intruder: whether it began after the operation was answered, and its status."""
        self.is_asked = False
        self._world, self._known, self._doomed = world, known, doomed
        self._threads = [threading.Thread(target=self._go_on, args=(each,)) for each in (self._read, self._intrude)]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        with self.load:
            for thread in self._threads:
                thread.start()
            yield
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()

    def _go_on(self, act: Callable[[httpx.Client], None]) -> None:
        with httpx.Client(base_url=self._world.url, headers=self._world.alice.headers, timeout=30) as client:
            try:
                while True:
                    act(client)
            except httpx.TransportError:
                return

    def _read(self, client: httpx.Client) -> None:
        """What was acknowledged before is read at any time, and a page of what there is."""
        search = {"experiment_ids": ["0", "1"], "max_results": 20}
        client.post(f"{BASE}/runs/search", json=search).raise_for_status()
        for mine in self._known[:2]:
            client.get(f"{BASE}/runs/get", params={"run_id": mine.run_id}).raise_for_status()
            for name in mine.files[:2]:
                answer = client.get(f"{STORE}/1/{mine.run_id}/artifacts/{name}").raise_for_status()
                assert answer.content == content_of(mine.run_id, name)

    def _intrude(self, client: httpx.Client) -> None:
        is_late, number = self.is_asked, len(self.told)
        point = {"run_id": self._doomed, "key": "late", "value": 1, "timestamp": 1, "step": number}
        self.told.append((is_late, client.post(f"{BASE}/runs/log-metric", json=point).status_code))
        path = f"{STORE}/1/{self._doomed}/artifacts/late{number}"
        self.told.append((is_late, client.put(path, content=f"late {self._doomed}".encode() * 500).status_code))
        time.sleep(0.02)


def plant(world: World) -> tuple[str, list[str]]:
    """A run with points, parameters and files, large enough to be killed in; and values that only it has."""
    run_id, marks = make_run(world, "doomed"), [uuid4().hex for _ in range(3)]
    metrics = [{"key": f"m-{marks[0]}", "value": n / 7, "timestamp": n, "step": n} for n in range(POINTS)]
    params = [{"key": f"p{n}", "value": f"{marks[1]} {n}"} for n in range(100)]
    world.mlflow("POST", "runs/log-batch", {"run_id": run_id, "metrics": metrics[: POINTS - 100], "params": params})
    for number in range(FILES):
        path = f"{STORE}/1/{run_id}/artifacts/{number}"
        content = f"{marks[2]} {number} ".encode() * 300
        assert world.request("PUT", path, world.alice, content=content).status_code == 200
    return run_id, [*marks, run_id]


def kill_in(
    world: World, kills: int, seed: int, doomed: str, ask: Callable[[], str]
) -> tuple[str, list[Acknowledged], list[tuple[bool, int]]]:
    """The operation that was asked for, ended; what was acknowledged to writers; what the intruder was told."""
    chance, known, told = random.Random(seed), list[Acknowledged](), list[tuple[bool, int]]()
    operation_id = ""
    for kill in range(kills + 1):
        clients = Clients(world, known, doomed)
        with clients.at_work(), ExitStack() as at_last:
            at_last.callback(world.kill)
            operation_id = operation_id or ask()
            clients.is_asked = True
            if kill < kills:
                time.sleep(chance.uniform(0.05, 1.2))
            else:
                until_ended(world, operation_id, PATIENCE)
        check_database(world.folder)
        known += clients.load.acknowledged
        told += clients.told
        world.start()
    return operation_id, known, told


def ask_for(world: World, what: str, body: dict[str, Any]) -> str:
    answer = world.post(f"/freehold/v1/{what}", body, world.alice)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def check_others(world: World, known: list[Acknowledged]) -> None:
    """Nothing that was acknowledged is lost, and nothing lies about that nobody owns."""
    assert sum(map(len, known)) > 20
    assert [lost(world, mine) for mine in known] == [[] for _ in known]
    world.stop()
    check_database(world.folder)
    sweep(world)
    assert (ledger(world.folder), unowned(world.folder)) == (set(), set())


@pytest.mark.parametrize(("seed", "kills"), SEEDS)
def test_erasure_under_load_ends_and_brings_nothing_back(world: World, seed: int, kills: int) -> None:
    run_id, gone = plant(world)
    operation_id, known, told = kill_in(
        world, kills, seed, run_id, lambda: ask_for(world, "erasures", {"scope": "run", "id": run_id})
    )
    ended = until_ended(world, operation_id, PATIENCE)
    assert (ended["state"], ended["result"]["level"]) == ("Succeeded", "verified"), ended
    assert {status for is_late, status in told if is_late} == {404}
    found = world.get(f"/freehold/v1/certificates/{operation_id}", world.alice).json()
    statement = certificate.verify(world.get("/freehold/v1/certificates/keys").json(), found["jws"])
    assert (statement["level"], statement["search"]["residue"]) == ("verified", 0)
    assert statement["counts"]["run_parameters"] == 100
    assert statement["counts"]["objects"] >= FILES
    check_others(world, known)
    assert traces(world.folder, gone) == {}


@pytest.mark.parametrize(("seed", "kills"), SEEDS)
def test_export_under_load_holds_all_that_was_acknowledged_before(
    world: World, tmp_path: Path, seed: int, kills: int
) -> None:
    run_id, _ = plant(world)
    before: list[Acknowledged] = []

    def ask() -> str:
        before.append(write_some(world))
        return ask_for(world, "exports", {"scope": "workspace"})

    operation_id, known, _ = kill_in(world, kills, seed, run_id, ask)
    assert until_ended(world, operation_id, PATIENCE)["state"] == "Succeeded"
    bag = fetch(world, operation_id, tmp_path)
    assert verify_bag(bag, keys=world.get("/freehold/v1/certificates/keys").json()).faults == []
    check_content(bag, before[0])
    check_others(world, known)


def write_some(world: World) -> Acknowledged:
    mine = Acknowledged(make_run(world, "before"))
    for number in range(5):
        point = {"run_id": mine.run_id, "key": "m", "value": number, "timestamp": number, "step": number}
        world.mlflow("POST", "runs/log-metric", point)
        mine.steps.append(number)
        path = f"{STORE}/1/{mine.run_id}/artifacts/f{number}"
        content = content_of(mine.run_id, f"f{number}")
        assert world.request("PUT", path, world.alice, content=content).status_code == 200
        mine.files.append(f"f{number}")
    return mine


def fetch(world: World, operation_id: str, folder: Path) -> Path:
    answer = world.get(f"/freehold/v1/exports/{operation_id}/bag", world.alice)
    assert answer.status_code == 200
    (folder / "bag.tar").write_bytes(answer.content)
    with tarfile.open(folder / "bag.tar") as archive:
        archive.extractall(folder / "bag", filter="data")
    return next((folder / "bag").iterdir())


def check_content(bag: Path, mine: Acknowledged) -> None:
    tables = bag / "data" / "tables"
    points = f"SELECT step FROM '{tables}/metric_points/*.parquet' WHERE run_id = ? ORDER BY step"
    with duckdb.connect() as connection:
        assert [step for (step,) in connection.execute(points, [mine.run_id]).fetchall()] == mine.steps
    for name in mine.files:
        path = bag / "data" / "artifacts" / "ExperimentRun" / f"dcid.{mine.run_id}" / name
        assert path.read_bytes() == content_of(mine.run_id, name)
