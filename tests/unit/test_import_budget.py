"""How much the tables of a bag may become: who is over it hears whether the bag or the disk is why."""

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from freehold.kit.problems import InsufficientStorage
from freehold.lifecycle.imports.budget import FREELY, budget_of
from freehold.lifecycle.imports.refusal import Refused

PLENTY = 1 << 50


class Usage(NamedTuple):
    free: int


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    (tmp_path / "bag").write_bytes(b"small")
    return tmp_path / "bag"


def test_a_bag_that_becomes_too_much_is_refused(bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(PLENTY))
    budget = budget_of(bag, PLENTY)
    budget.spend(FREELY, "runs")
    with pytest.raises(Refused, match="far more bytes than the bag has"):
        budget.spend(1, "runs")


def test_a_disk_that_has_no_room_for_it_is_no_fault_of_the_bag(bag: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(FREELY))
    budget = budget_of(bag, PLENTY)
    budget.spend(FREELY // 2, "runs")
    with pytest.raises(InsufficientStorage, match="Free some space, then import it again"):
        budget.spend(1, "runs")
