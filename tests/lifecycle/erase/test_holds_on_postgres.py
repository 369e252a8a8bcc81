"""On PostgreSQL, where many write at once: who places a hold and who takes something away see each other."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from freehold.domain.experiments.service import ExperimentView
from freehold.domain.holds.rules import UnderHold
from freehold.domain.runs import service as runs
from freehold.kit.problems import Conflict, NotFound
from freehold.lifecycle import holds
from freehold.lifecycle.deletion import delete
from freehold.lifecycle.erase import request_erasure
from freehold.lifecycle.purge import request_purge
from freehold.lifecycle.sweeps import remove_all_aged
from freehold.records.lifecycle import Hold
from freehold.records.notifications import Task
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.lingering import Lingering
from tests.lifecycle.erase.site import Site, open_site
from tests.postgres import PostgresServer

Taking = Callable[[Transaction, Site, str], object]


@pytest.fixture
def site(tmp_path: Path, postgres: PostgresServer) -> Iterator[Site]:
    made = open_site(tmp_path / "data", url=postgres.make_database())
    yield made
    made.close()


@pytest.fixture
def experiment(site: Site) -> ExperimentView:
    return site.experiment()


@pytest.fixture
def run(site: Site, experiment: ExperimentView) -> str:
    return site.run(experiment, points=500)


def erase_run(db: Transaction, site: Site, run: str) -> object:
    return request_erasure(db, site.engine, site.actor, site.workspace, Scope.RUN, run)


def erase_experiment(db: Transaction, site: Site, run: str) -> object:
    found = runs.get_run(db, site.workspace, run).experiment_id
    return request_erasure(db, site.engine, site.actor, site.workspace, Scope.EXPERIMENT, found)


def erase_workspace(db: Transaction, site: Site, run: str) -> object:
    return request_erasure(db, site.engine, site.actor, site.workspace, Scope.WORKSPACE, None)


def delete_run(db: Transaction, site: Site, run: str) -> object:
    row = runs.get_run(db, site.workspace, run).row_id
    return delete(db, site.engine, site.actor, site.workspace, [(Scope.RUN, row)], forget_days=1)


def set_tag(db: Transaction, site: Site, run: str) -> object:
    runs.set_tags(db, site.actor, site.workspace, run, {"note": "another"})
    return run


def place(db: Transaction, site: Site, run: str) -> object:
    return holds.place(db, site.actor, site.workspace, Scope.RUN, run, "litigation")


@pytest.mark.parametrize("take", [erase_run, erase_experiment, erase_workspace, delete_run, set_tag])
def test_a_hold_that_is_about_to_be_committed_is_waited_for(site: Site, run: str, take: Taking) -> None:
    both = Lingering(site.database)
    both.first(lambda db: place(db, site, run))
    with pytest.raises(UnderHold):
        both.then(lambda db: take(db, site, run))
    kept = site.database.read_now(lambda db: runs.get_run(db, site.workspace, run))
    assert kept.tags["note"] in site.canaries


@pytest.mark.parametrize("take", [erase_run, erase_experiment, erase_workspace, delete_run])
def test_no_hold_is_acknowledged_on_what_is_about_to_go(site: Site, run: str, take: Taking) -> None:
    both = Lingering(site.database)
    both.first(lambda db: take(db, site, run))
    with pytest.raises(NotFound):
        both.then(lambda db: place(db, site, run))
    assert site.database.read_now(lambda db: db.execute(sa.select(Hold.c.row_id)).all()) == []


def test_a_purge_leaves_what_is_about_to_be_held(site: Site, run: str) -> None:
    site.database.write_now(lambda db: runs.delete_run(db, site.workspace, run))
    both = Lingering(site.database)
    both.first(lambda db: holds.place(db, site.actor, site.workspace, Scope.WORKSPACE, None, "litigation"))
    with pytest.raises(Conflict, match="Nothing is set aside"):
        both.then(lambda db: request_purge(db, site.engine, site.actor, site.workspace))
    assert site.database.read_now(lambda db: runs.get_run(db, site.workspace, run)).run_id == run


def test_what_is_held_does_not_go_by_its_age(site: Site, experiment: ExperimentView, run: str) -> None:
    other = site.run(experiment, points=500)

    def end(db: Transaction) -> None:
        for each in (run, other):
            runs.change_run(db, site.workspace, each, {"status": "Completed"})  # its end makes a task
        db.execute(Task.table.update().values(created_at=1))
        place(db, site, run)

    site.database.write_now(end)
    remove_all_aged(site.database)
    left = site.database.read_now(lambda db: db.execute(sa.select(Task.c.run_row)).scalars().all())
    assert left == [site.row_of("runs", "run_id", run)]
