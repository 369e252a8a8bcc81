"""Exports and erasures survive the death of their server at every point, and happen once."""

import os
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.erase import ERASE
from freehold.lifecycle.export import export_kind
from freehold.operations.faults import EXIT_CODE, MOMENTS, VARIABLE
from tests.system.ending import until_ended
from tests.system.load import STORE, content_of
from tests.system.surfaces import make_run
from tests.system.test_kill import check_database, ledger, sweep, unowned
from tests.world import World, make_world

SAMPLE = {"export:write:inside", "erase:rows:inside", "erase:verify:before"}
POINTS = [
    f"{kind.name}:{step.name}:{moment}" for kind in (export_kind(), ERASE) for step in kind.steps for moment in MOMENTS
]
# joserfc warns that RFC 9864 prefers the name Ed25519 over EdDSA; verifiers out there know the older name.
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
WAIT_SECONDS = 90
FILES = 5
KILLS = 4 if os.environ.get("FREEHOLD_TEST_EXHAUSTIVE") else 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("killed") / "data")


@pytest.fixture
def site(folder: World) -> Iterator[World]:
    """One data folder for all kills: what one leaves behind would trouble the next."""
    yield folder
    folder.kill()


@pytest.mark.parametrize(
    "point", [pytest.param(each, marks=[] if each in SAMPLE else pytest.mark.exhaustive) for each in POINTS]
)
def test_killed_at_a_point_it_finishes_once(site: World, point: str) -> None:
    site.start(**{VARIABLE: point})
    run_id = fill(site)
    operation_id = request(site, point.partition(":")[0], run_id)
    assert site.process is not None
    assert site.process.wait(WAIT_SECONDS) == EXIT_CODE
    site.process = None
    check_database(site.folder)
    site.start()
    finished(site, operation_id, run_id)


def test_kills_at_random_moments_finish_once(site: World) -> None:
    chance = random.Random(11)
    for kind in ("export", "erase"):
        site.start()
        run_id = fill(site)
        operation_id = request(site, kind, run_id)
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.0, 0.6))
            site.kill()
            check_database(site.folder)
            site.start()
        finished(site, operation_id, run_id)


def fill(world: World) -> str:
    """A run with points, parameters and files."""
    run_id = make_run(world, "killed")
    metrics = [{"key": "m", "value": n, "timestamp": n, "step": n} for n in range(900)]
    world.mlflow(
        "POST", "runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": [{"key": "p", "value": "v"}]}
    )
    for number in range(FILES):
        path = f"{STORE}/1/{run_id}/artifacts/f{number}"
        answer = world.request("PUT", path, world.alice, content=content_of(run_id, f"f{number}"))
        assert answer.status_code == 200
    return run_id


def request(world: World, kind: str, run_id: str) -> str:
    address = "/freehold/v1/exports" if kind == "export" else "/freehold/v1/erasures"
    answer = world.post(address, {"scope": "run", "id": run_id}, world.alice)
    assert answer.status_code == 202, answer.text
    operation_id: str = answer.json()["id"]
    return operation_id


def finished(world: World, operation_id: str, run_id: str) -> None:
    """It ended well, was certified once, and did what it says."""
    done = until_ended(world, operation_id, WAIT_SECONDS)
    assert done["state"] == "Succeeded", done
    if done["kind"] == "export":
        check_bag(world, operation_id)
    else:
        query = {"run_id": run_id}
        assert world.get("/api/2.0/mlflow/runs/get", world.alice, params=query).status_code == 404
        certificate = world.get(f"/freehold/v1/certificates/{operation_id}", world.alice).json()
        assert certificate["statement"]["level"] == "verified"
    world.stop()
    with closing(sqlite3.connect(world.folder / "freehold.db")) as database:
        rows = database.execute("SELECT count(*) FROM certificates WHERE operation_id = ?", (operation_id,))
        assert rows.fetchone() == (1,)
    check_database(world.folder)
    sweep(world)
    assert (ledger(world.folder), unowned(world.folder)) == (set(), set())


def check_bag(world: World, operation_id: str) -> None:
    bag = Path(world.folder.parent / f"{operation_id}.tar")
    answer = world.get(f"/freehold/v1/exports/{operation_id}/bag", world.alice)
    assert answer.status_code == 200
    bag.write_bytes(answer.content)
    report = verify_bag(bag, keys=world.get("/freehold/v1/certificates/keys").json())
    assert report.faults == []
