"""What an increment moves across the borders of parts and groups stands where a full export would put it."""

import random
from functools import partial
from pathlib import Path

import pytest

from freehold.lifecycle import export_task, snapshot, tables
from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.increments import layout
from freehold.lifecycle.increments.combining import combine
from freehold.lifecycle.points import point_batches
from tests.conftest import House
from tests.lifecycle.export.content import add_experiment, add_run, fill
from tests.lifecycle.increments.edits import Edits, full, increment
from tests.lifecycle.increments.test_combining import same_payload

ROWS, BYTES, GROUP, GROUPS, DOCUMENTS = 4, 180, 8, 2, 3
SEEDS = [pytest.param(n, marks=pytest.mark.exhaustive) if n > 1 else n for n in range(20)]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of 4 rows in batches of 2 or of some bytes, of 16 points in groups of 8, of 3 documents."""
    for module in (snapshot, layout):
        monkeypatch.setattr(module, "BYTES_IN_GROUP", BYTES)
    for module in (tables, snapshot, layout):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", ROWS // 2)
    for module in (snapshot, layout):
        monkeypatch.setattr(module, "ROWS_IN_PART", ROWS)
    monkeypatch.setattr(snapshot, "DOCUMENTS_IN_PART", DOCUMENTS)
    for module in (export_task, layout):
        monkeypatch.setattr(module, "GROUPS_IN_PART", GROUPS)
    monkeypatch.setattr(export_task, "POINTS_IN_PART", GROUP * GROUPS)
    monkeypatch.setattr(export_task, "point_batches", partial(point_batches, size=GROUP))
    monkeypatch.setattr(layout, "POINTS_IN_GROUP", GROUP)


def parts_of(bag: Path, sequence: str) -> int:
    return len(list((bag / "data" / sequence).iterdir()))


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("seed", SEEDS)
def test_borders_of_parts_are_those_of_a_full_export(sqlite_house: House, tmp_path: Path, seed: int) -> None:
    house, chance = sqlite_house, random.Random(seed)
    fill(house)
    base = full(house, "base")
    assert parts_of(base, "tables/metric_points") > 3
    assert parts_of(base, "tables/artifacts") > 3
    Edits(house, chance).some(chance.randrange(1, 25))
    step, whole = increment(house, "step", "base"), full(house, "whole")
    combine(base, [step], tmp_path / "combined")
    assert same_payload(tmp_path / "combined", whole)
    assert verify_bag(tmp_path / "combined").faults == []


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("runs", range(ROWS + 1))
def test_a_part_that_is_just_full_has_another_behind_it(sqlite_house: House, tmp_path: Path, runs: int) -> None:
    """As a full export leaves it: who fills a part cannot know that nothing follows."""
    house = sqlite_house
    experiment = add_experiment(house, "counted")
    add_run(house, experiment, "first", points=GROUP * GROUPS)
    base = full(house, "base")
    for number in range(runs):
        add_run(house, experiment, f"run {number}", points=GROUP)
    step, whole = increment(house, "step", "base"), full(house, "whole")
    assert parts_of(whole, "tables/runs") == (runs + 1) // ROWS + 1
    combine(base, [step], tmp_path / "combined")
    assert same_payload(tmp_path / "combined", whole)
