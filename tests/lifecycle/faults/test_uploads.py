"""kill -9 while a file is uploaded, at every durable effect: the next start leaves it whole or not at all."""

from functools import cache
from signal import SIGKILL

import pytest
import sqlalchemy as sa

from freehold.domain.artifacts.queries import doom_unfinished
from freehold.domain.artifacts.transfer import reap
from freehold.kit.clock import SystemClock
from freehold.records.artifacts import ObjectLedgerEntry, StoredObject
from freehold.storage.blobs import open_objects
from tests.lifecycle.faults.conftest import Benches
from tests.lifecycle.faults.kills import Bench, as_planted
from tests.lifecycle.faults.work import LARGE, Base, in_a_process, open_whole, upload

# moto's server leaves the socket of a client that was killed to the garbage collector, which says so as a warning
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
SMALL = 1_000
POINTS = {"store:object:putting": 1, "store:object:put": 1, "store:part:written": 15, "store:parts:completing": 1}
"""Of a large file, and the last passage of each that there is a death at."""
REQUESTS = {
    "s3": {"begin-upload": 1, "put-part": 3, "complete-upload": 1},
    "s3-versioned": {"begin-upload": 1, "put-part": 3, "complete-upload": 1},
    "azure": {"put-part": 3, "complete-upload": 1},
}
DAILY = {("s3", LARGE, "request:put-part:after#2"), ("s3", LARGE, "request:complete-upload:after#1")}


def deaths() -> list[object]:
    short = [f"{point}#1" for point in ("store:object:putting", "store:object:put")]
    short += [f"request:put:{moment}#1" for moment in ("before", "after")]
    long = [f"{point}#{last}" for point, last in POINTS.items()] + ["store:part:written#8"]
    every = [(name, SMALL, death) for name in REQUESTS for death in short]
    every += [(name, LARGE, death) for name in REQUESTS for death in long]
    every += [
        (name, LARGE, f"request:{request}:{moment}#{number}")
        for name, requests in REQUESTS.items()
        for request, last in requests.items()
        for number in range(1, last + 1)
        for moment in ("before", "after")
    ]
    return [
        pytest.param(*each, id="+".join(map(str, each)), marks=() if each in DAILY else pytest.mark.exhaustive)
        for each in every
    ]


@pytest.mark.parametrize(("name", "size", "death"), deaths())
def test_an_upload_that_was_killed_leaves_nothing(clouds: Benches, name: str, size: int, death: str) -> None:
    bench = clouds.of(f"{name}-upload")
    folder = bench.copy(with_a_run(bench))
    rest = bench.place.rest(folder)
    fault, _, at_request = as_planted(death)
    environment = bench.place.environment(folder)
    with bench.struck(at_request) as strike:
        assert in_a_process(upload, folder, size, fault, environment, on_start=strike) == -SIGKILL
    with bench.opened(folder):
        site = open_whole(folder)
        site.database.write_now(doom_unfinished)
        reap(site.database, open_objects(site.settings), SystemClock())
        owned = set(site.database.read_now(lambda db: db.execute(sa.select(StoredObject.c.object_key)).scalars().all()))
        waiting = site.database.read_now(lambda db: db.execute(sa.select(ObjectLedgerEntry.c.object_key)).all())
        site.close()
    assert waiting == []
    assert bench.place.keys(folder) == owned
    assert bench.place.rest(folder) == rest
    assert in_a_process(upload, folder, size, "", environment) == 0, "the next one comes in"
    assert len(bench.place.keys(folder)) == len(owned) + 1
    bench.remove(folder)


@cache
def with_a_run(bench: Bench) -> Base:
    folder = bench.fresh()
    with bench.opened(folder):
        site = open_whole(folder)
        site.run(site.experiment(), points=1)
        site.close()
    return Base(folder, "", [], [])
