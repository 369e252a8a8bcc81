"""A clock that jumps by an hour or by years, forth or back: nothing is lost, ends early or comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from freehold.domain.clock import rules
from freehold.domain.clock.rules import Extremes, Looks
from freehold.domain.experiments.service import create_experiment
from freehold.domain.runs import service as runs
from freehold.kit.problems import NotFound
from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.certificate import JUMPED, find_certificate, verify
from freehold.lifecycle.export import request_export
from freehold.lifecycle.idempotency import once
from freehold.operations.model import Operation, State
from freehold.records.lifecycle import KeptBag
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction
from tests.lifecycle.faults.clocks import (
    DAY,
    HOUR,
    YEAR,
    Server,
    finished,
    killed_at,
    prepare_export,
    serve,
    without_keys,
)
from tests.lifecycle.faults.kills import Bench
from tests.lifecycle.faults.work import ask_export
from tests.sent_bags import as_sent

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc, by RFC 9864; verifiers know this name
JUMPS = [(YEAR, -YEAR), (-YEAR, YEAR), (HOUR, 20 * YEAR), (-20 * YEAR, HOUR), (2 * DAY, -3 * DAY)]
POINTS = [
    ("export", "export:lease:after#1"),
    ("export", "export:stage:settled#1"),
    ("export", "export:child:answered#1"),
    ("import", "import:child:answered#1"),
    ("import", "import:conflicts:after#1"),
    ("import", "store:object:adopted#2"),
    ("import", "import:objects:after#1"),
    ("import", "import:rows:after#1"),
    ("erase", "erase:collect:before#1"),
    ("erase", "erase:evidence:saved#1"),
    ("erase", "erase:rows:after#2"),
    ("erase", "erase:objects:before#1"),
    ("erase", "erase:search:answered#1"),
    ("erase", "erase:verify:after#1"),
]
EVERYDAY = {("import", "store:object:adopted#2", JUMPS[0]), ("erase", "erase:rows:after#2", JUMPS[1])}


def cases() -> list[Any]:
    every = [(variant, point, jumps) for variant, point in POINTS for jumps in JUMPS]
    return [
        pytest.param(*each, id=f"{each[1]} {each[2]}", marks=() if each in EVERYDAY else pytest.mark.exhaustive)
        for each in every
    ]


@pytest.mark.parametrize(("variant", "point", "jumps"), cases())
def test_killed_and_started_at_another_time_it_finishes_as_it_would_have(
    bench: Bench, tmp_path: Path, variant: str, point: str, jumps: tuple[int, int]
) -> None:
    base, undisturbed = bench.base(variant)
    killed_at(base, tmp_path / "data", point)
    assert finished(base, tmp_path / "data", jumps) == without_keys(undisturbed)


@pytest.mark.parametrize(
    "jump", [*(pytest.param(each, marks=pytest.mark.exhaustive) for each in (HOUR, -HOUR, 2 * YEAR)), -2 * YEAR]
)
def test_nothing_that_an_export_reads_is_removed_because_the_clock_jumps(tmp_path: Path, jump: int) -> None:
    base, replace = prepare_export(tmp_path / "base")
    manifests = []
    for name, by in (("even", 0), ("jumped", jump)):
        killed_at(base, tmp_path / name, "export:stage:settled#1")
        server = serve(tmp_path / name, by)
        replace(server.site)
        server.sweep()
        server.jump(by)
        server.work_off()
        ended = server.site.operation(base.operation_id)
        server.stop()
        assert ended.state is State.SUCCEEDED, ended.error_message
        bag = tmp_path / name / "exports" / base.operation_id
        assert verify_bag(as_sent(bag)).faults == []
        manifests.append((bag / "manifest-sha256.txt").read_bytes())
    assert manifests[0] == manifests[1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = serve(tmp_path / "data")
    yield made
    made.stop()


def bags(server: Server) -> list[str]:
    here = [path.name for path in (server.site.folder / "exports").iterdir()]
    rows = server.site.database.read_now(lambda db: list(db.execute(sa.select(KeptBag.c.operation_id)).scalars()))
    assert rows == here
    return here


def test_a_bag_that_is_kept_goes_after_its_time_and_by_no_jump(server: Server) -> None:
    server.site.run(server.site.experiment(), points=0)
    kept = [ask_export(server.site, Scope.WORKSPACE, None).operation_id]
    server.work_off()
    for jump in (YEAR, -YEAR, -YEAR, YEAR):
        server.jump(jump)
        assert bags(server) == kept
    server.pass_days(6)
    assert bags(server) == kept
    server.pass_days(2)
    assert bags(server) == []


def test_a_bag_is_not_too_old_before_it_is_finished(server: Server) -> None:
    server.site.run(server.site.experiment(), points=0)
    asked = ask_export(server.site, Scope.WORKSPACE, None).operation_id
    server.work_off(lambda: server.pass_days(30))
    assert server.site.operation(asked).state is State.SUCCEEDED
    server.pass_days(6)
    assert bags(server) == [asked]


def comes_back(server: Server, run_id: str) -> bool:
    """Whether somebody can write to a run of this id again."""
    site = server.site
    try:
        experiment = site.database.write_now(
            lambda db: create_experiment(db, site.actor, site.workspace, f"again {uuid4()}")
        )
        site.database.write_now(lambda db: runs.create_run(db, site.actor, site.workspace, experiment, run_id=run_id))
    except NotFound:
        return False
    return True


@pytest.mark.parametrize("behind", [0, 40 * YEAR])
def test_what_was_erased_does_not_come_back_when_the_clock_jumps(server: Server, behind: int) -> None:
    """It is forgotten for ten years; neither a clock that runs ahead of that nor one that was behind ends them."""
    run_id = server.site.run(server.site.experiment(), points=0)
    server.jump(-behind)
    server.site.erase(Scope.RUN, run_id)
    server.jump(behind)
    server.pass_days(3)
    assert not comes_back(server, run_id)
    server.jump(20 * YEAR)
    assert not comes_back(server, run_id)
    server.stop()
    server.site, server.clock = (again := serve(server.site.folder, server.clock.ahead)).site, again.clock
    assert not comes_back(server, run_id), "nor does a start at the wrong time end them"
    again.jump(-20 * YEAR)
    again.pass_days(3)
    assert not comes_back(server, run_id)


def test_what_a_clock_made_in_the_past_is_still_searched_for_mentions(tmp_path: Path) -> None:
    """A report on the run, by somebody else, with a time before the run's own."""
    mentions = []
    for name, jump in (("even", 0), ("behind", -YEAR)):
        server = serve(tmp_path / name)
        site = server.site
        going = site.run(site.experiment(), run_id="run-5b1d7c0e9f3a4d2886aa01", points=0)
        other = site.run(site.experiment(), points=0)
        server.jump(jump)
        site.artifact(other, "report.txt", f"see {going}, it was better".encode())
        ended = site.erase(Scope.RUN, going)
        assert ended.result is not None
        assert (ended.state, ended.result["level"]) == (State.SUCCEEDED, "verified")
        mentions.append(ended.result["scan"]["mentions"])
        server.stop()
    assert mentions[0] == mentions[1] >= 1


@pytest.mark.parametrize(("jump", "told"), [(0, "even"), (YEAR, JUMPED), (-HOUR, JUMPED)])
def test_a_certificate_tells_that_the_clock_jumped(server: Server, jump: int, told: str) -> None:
    site = server.site
    asked = site.request(Scope.RUN, site.run(site.experiment(), points=0))
    server.jump(jump)
    server.work_off()
    row = site.database.read_now(lambda db: find_certificate(db, asked.operation_id))
    keys = site.database.read_now(lambda db: db.keys.certificates.jwks())
    assert verify(keys, row.jws)["clock"] == told


@pytest.mark.parametrize("jump", [3 * DAY, -3 * DAY, YEAR])
def test_a_repeated_request_is_not_done_twice_because_the_clock_jumps(server: Server, jump: int) -> None:
    site = server.site

    def ask() -> str:
        return site.database.write_now(
            lambda db: once(db, site.actor, "key", b"export", lambda _: ask_in(server, db)).operation_id
        )

    first = ask()
    server.jump(jump)
    assert ask() == first


def ask_in(server: Server, db: Transaction) -> Operation:
    site = server.site
    return request_export(db, site.engine, site.actor, site.workspace, Scope.WORKSPACE)


def test_what_is_remembered_of_the_clock() -> None:
    looks, extremes = rules.first_look(10 * YEAR), Extremes(10 * YEAR)
    assert rules.is_believed(looks)
    seen = []
    for now in (10 * YEAR + HOUR, 5 * YEAR, 5 * YEAR + HOUR, 11 * YEAR):
        extremes, looks = rules.widened(now, looks, extremes), rules.look(now, looks)
        seen.append((rules.is_believed(looks), extremes))
    assert seen == [
        (True, Extremes(10 * YEAR + HOUR)),
        (False, Extremes(10 * YEAR + HOUR, 5 * YEAR, None, 10 * YEAR + HOUR)),
        (False, Extremes(10 * YEAR + HOUR, 5 * YEAR, None, 10 * YEAR + HOUR)),
        (False, Extremes(11 * YEAR, 5 * YEAR, 11 * YEAR, 10 * YEAR + HOUR)),
    ]
    assert looks == Looks(11 * YEAR, 11 * YEAR)
