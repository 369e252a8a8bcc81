"""On PostgreSQL, where many write at once: who sets policies, restores and erases see each other."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.domain.retention.service import clear_policy, set_policy
from freehold.records.retention import RetentionPolicy
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
