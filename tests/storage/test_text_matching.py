"""Texts are matched alike on both databases: by case, by pattern, by beginning."""

import pytest
import sqlalchemy as sa

from freehold.domain.experiments.service import create_experiment
from freehold.records.experiments import Experiment
from freehold.storage.portable import begins_with, matches
from freehold.storage.transaction import Transaction
from tests.conftest import House

NAMES = [
    "a",
    "A",
    "ab",
    "aB",
    "a%",
    "a_",
    "a*",
    "a?",
    "a[b]",
    "a\\b",
    "b",
    "\ud7ff",
    "\ue000",
    "z\U0010ffff",
    "z\U0010ffffy",
    "é",
]


@pytest.fixture
def named(house: House) -> House:
    def make(db: Transaction) -> None:
        for name in NAMES:
            create_experiment(db, house.alice, house.workspace, name)

    house.database.write_now(make)
    return house


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("a", {"a"}),
        ("a_", {"ab", "aB", "a%", "a_", "a*", "a?"}),
        ("%b", {"ab", "a\\b", "b"}),
        ("a[b]", {"a[b]"}),
        ("a*", {"a*"}),
        ("a?", {"a?"}),
        ("a\\b", {"a\\b"}),
        ("%", set(NAMES)),
        ("", set()),
    ],
)
def test_like_knows_case_and_two_signs_only(named: House, pattern: str, found: set[str]) -> None:
    assert _names(named, pattern=pattern, ignoring_case=False) == found


def test_ilike_folds_case(named: House) -> None:
    assert _names(named, pattern="A_", ignoring_case=True) == {"ab", "aB", "a%", "a_", "a*", "a?"}
    assert _names(named, pattern="A\\%", ignoring_case=True) == {"a\\b"}


@pytest.mark.parametrize("prefix", ["", "a", "A", "a%", "ab", "\ud7ff", "z\U0010ffff", "\U0010ffff", "é", "zz"])
def test_beginnings_are_ranges(named: House, prefix: str) -> None:
    condition = begins_with(Experiment.c.name, prefix)
    found = named.database.read_now(
        lambda db: db.execute(sa.select(Experiment.c.name).where(condition)).scalars().all()
    )
    assert set(found) == {name for name in NAMES if name.startswith(prefix)}


def _names(house: House, *, pattern: str, ignoring_case: bool) -> set[str]:
    def read(db: Transaction) -> set[str]:
        condition = matches(db.connection, Experiment.c.name, pattern, ignoring_case=ignoring_case)
        return set(db.execute(sa.select(Experiment.c.name).where(condition)).scalars())

    return house.database.read_now(read)
