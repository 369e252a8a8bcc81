"""What plans say of bytes: those of texts and of packed data, the same on both databases."""

import pytest

from freehold.domain.experiments.service import create_experiment
from freehold.domain.runs.service import create_run
from freehold.lifecycle.weighing import Weight, weigh
from freehold.records.metrics import MetricSegment
from freehold.records.operations import Operation
from freehold.records.runs import Run, RunTag
from freehold.storage.transaction import Transaction
from tests.conftest import House

TAGS = {"k": "värde 🎉", "empty": "", "back": "\\x00'\""}


@pytest.fixture
def filled(house: House) -> House:
    def fill(db: Transaction) -> None:
        experiment = create_experiment(db, house.alice, house.workspace, "digits")
        create_run(db, house.alice, house.workspace, experiment, tags=TAGS)

    house.database.write_now(fill)
    return house


def test_texts_weigh_their_bytes(filled: House) -> None:
    size = sum(len(f"{key}{value}".encode()) for key, value in TAGS.items())
    tags = RunTag.c.key.in_(list(TAGS))
    assert filled.database.read_now(lambda db: weigh(db, RunTag, tags)) == Weight(len(TAGS), size)


def test_documents_weigh_too_and_numbers_do_not(filled: House) -> None:
    found = filled.database.read_now(lambda db: weigh(db, Run, Run.c.run_number == 1))
    assert found.rows == 1
    assert found.size > 30


def test_nothing_weighs_nothing(house: House) -> None:
    for record in (Run, MetricSegment, Operation):
        assert house.database.read_now(lambda db, r=record: weigh(db, r, r.table.c[0] < 0)) == Weight(0, 0)  # type: ignore[misc]  # binds the loop's value
