"""On PostgreSQL, where many write at once: who sets policies, restores and erases see each other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.domain.retention.service import clear_policy, set_policy
from freehold.domain.runs.service import restore_run
from freehold.kit.problems import NotFound
from freehold.lifecycle.erase import request_erasure
from freehold.lifecycle.purge import request_purge
from freehold.records.retention import RetentionPolicy
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction
from tests.conftest import open_house
from tests.lifecycle.erase.lingering import Lingering
from tests.lifecycle.retention.place import Place, Policy, Rule
from tests.postgres import PostgresServer

OLD = Policy(rules=[Rule(older_than_days=90)])
WINDOW = Policy(restore_days=30)


@pytest.fixture
def place(tmp_path: Path, postgres: PostgresServer) -> Iterator[Place]:
    yield from map(Place, open_house(tmp_path, database=postgres.make_database()))


def _set(place: Place, policy: Policy) -> Any:
    return lambda db: set_policy(db, place.house.alice, place.house.workspace, policy)


def _in_force(place: Place) -> list[int]:
    def query(db: Transaction) -> list[int]:
        c = RetentionPolicy.c
        return list(db.execute(sa.select(c.version).where(c.ended_at.is_(None))).scalars())

    return list(place.read(query))


@pytest.mark.parametrize("before", [0, 1])
def test_of_two_policies_set_at_once_the_second_is_in_force_alone(place: Place, before: int) -> None:
    for _ in range(before):
        place.set_policy(OLD)
    both = Lingering(place.house.database)
    both.first(_set(place, OLD))
    both.then(_set(place, WINDOW))
    assert _in_force(place) == [before + 2]


def test_who_clears_while_a_policy_is_being_set_clears_that_one(place: Place) -> None:
    place.set_policy(OLD)
    both = Lingering(place.house.database)
    both.first(_set(place, WINDOW))
    both.then(lambda db: clear_policy(db, place.house.alice, place.house.workspace))
    assert _in_force(place) == []


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.EXPERIMENT, Scope.WORKSPACE])
def test_a_run_that_is_about_to_be_erased_is_not_said_to_be_restored(place: Place, scope: Scope) -> None:
    h, digits = place.house, place.experiment()
    run = place.run(digits)
    place.delete(run)
    root = {Scope.RUN: run, Scope.EXPERIMENT: digits.experiment_id, Scope.WORKSPACE: None}[scope]
    both = Lingering(h.database)
    both.first(lambda db: request_erasure(db, place.engine, h.alice, h.workspace, scope, root))
    with pytest.raises(NotFound):
        both.then(lambda db: restore_run(db, h.workspace, run))


def test_a_run_that_is_about_to_be_restored_is_not_purged(place: Place) -> None:
    h, digits = place.house, place.experiment()
    restored, gone = place.run(digits), place.run(digits)
    place.delete(restored, gone)
    both = Lingering(h.database)
    both.first(lambda db: restore_run(db, h.workspace, restored))
    both.then(lambda db: request_purge(db, place.engine, h.alice, h.workspace))
    assert place.standing() == [restored]
