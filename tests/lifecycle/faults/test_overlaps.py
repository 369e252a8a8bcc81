"""Two operations on scopes that overlap: each ends clearly, what is certified is true, and nothing else is harmed."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from freehold.kit.problems import Conflict, NotFound
from freehold.operations.model import Operation, State
from tests.lifecycle.faults.overlaps import Pair

SEED, SAMPLE, TURNS = 5, 6, 6
PAIRS = [
    ("export_workspace", "erase_run"),
    ("export_run", "erase_run"),
    ("export_run", "erase_experiment"),
    ("erase_run", "export_workspace"),
    ("erase_run", "erase_experiment"),
    ("purge_run", "erase_experiment"),
    ("export_workspace", "purge_run"),
    ("bring_in", "erase_run"),
    ("erase_experiment", "bring_in"),
    ("export_workspace", "bring_in"),
    ("bring_in", "export_workspace"),
]
pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")  # joserfc, by RFC 9864; verifiers know this name


BY_THEMSELVES = [
    ("retain_run", "erase_experiment"),
    ("erase_run", "retain_experiment"),
    ("purge_run", "retain_experiment"),
    ("retain_run", "purge_experiment"),
    ("erase_run", "purge_experiment"),
    ("export_workspace", "retain_run"),
    ("retain_experiment", "export_workspace"),
    ("bring_in", "retain_run"),
]
"""Retention, which nobody waits for, and purges beside what others ask for."""
UNDER_WAY = ["export_workspace", "export_run", "erase_run", "erase_experiment", "purge_run", "retain_run", "bring_in"]


def cases(pairs: list[tuple[str, str]], sample: int) -> list[Any]:
    every = [(first, second, seed) for seed in range(TURNS) for first, second in pairs]
    chosen = random.Random(SEED).sample(every, sample)
    return [pytest.param(*each, marks=() if each in chosen else pytest.mark.exhaustive) for each in every]


@pytest.mark.parametrize(("first", "second", "seed"), [*cases(PAIRS, SAMPLE), *cases(BY_THEMSELVES, SAMPLE // 2)])
def test_both_end_clearly_and_harm_nothing(tmp_path: Path, first: str, second: str, seed: int) -> None:
    pair = Pair(tmp_path / "data")
    try:
        pair.check(pair.take_turns(seed, getattr(pair, first), getattr(pair, second)))
    finally:
        pair.site.close()


@pytest.mark.parametrize("erase", ["erase_run", "erase_experiment"])
@pytest.mark.parametrize("step", ["", "copies", "rows"])
def test_export_that_begins_after_its_thing_was_hidden_makes_no_bag(tmp_path: Path, erase: str, step: str) -> None:
    pair = Pair(tmp_path / "data")
    try:
        export = pair.export_run()
        erasure = getattr(pair, erase)()
        pair.step_until(erasure, step)
        ended = pair.work_off(export)
        assert (ended.state, ended.error_code) == (State.FAILED, "ExportSuperseded")
        pair.check([ended, pair.site.work_off(erasure)])
    finally:
        pair.site.close()


@pytest.mark.parametrize("erase", ["erase_run", "erase_experiment"])
def test_export_of_what_is_hidden_with_its_experiment_is_of_nothing(tmp_path: Path, erase: str) -> None:
    pair = Pair(tmp_path / "data")
    try:
        erasure = getattr(pair, erase)()
        with pytest.raises(NotFound, match="There is no"):
            pair.export_run()
        pair.check([pair.site.work_off(erasure)])
    finally:
        pair.site.close()


@pytest.mark.parametrize(
    ("first", "second", "seed"), cases([(each, "erase_workspace") for each in UNDER_WAY], len(UNDER_WAY) // 2)
)
def test_what_is_under_way_in_a_workspace_that_goes_ends_clearly(
    tmp_path: Path, first: str, second: str, seed: int
) -> None:
    pair = Pair(tmp_path / "data")
    try:
        pair.check(pair.take_turns(seed, getattr(pair, first), getattr(pair, second)))
    finally:
        pair.site.close()


@pytest.mark.parametrize("late", UNDER_WAY)
def test_nothing_begins_in_a_workspace_that_goes(tmp_path: Path, late: str) -> None:
    pair = Pair(tmp_path / "data")
    try:
        whole = pair.erase_workspace()
        with pytest.raises(NotFound):
            getattr(pair, late)()
        assert pair.site.work_off(whole).state is State.SUCCEEDED
    finally:
        pair.site.close()


def test_erasure_of_what_another_has_erased_says_so(tmp_path: Path) -> None:
    """The run's erasure did not come to note what it would have to prove before the experiment's took everything."""
    pair = Pair(tmp_path / "data")
    try:
        of_run, of_experiment = pair.erase_run(), pair.erase_experiment()
        whole, part = pair.work_off_late(of_experiment), pair.work_off_late(of_run)
        assert whole.state is State.SUCCEEDED
        assert (part.state, part.error_code) == (State.FAILED, "ErasedWithAnother")
        assert part.error_message is not None
        assert "certificate" in part.error_message
        assert pair.site.database.read_now(lambda db: pair.certificates(db, part)) == 0
    finally:
        pair.site.close()


def test_retention_goes_on_after_another_has_erased_what_it_had_found_due(tmp_path: Path) -> None:
    """There is nothing that a retry of it could do, so nobody is waited for."""
    pair = Pair(tmp_path / "data")
    try:
        due, of_experiment = pair.retain_run(), pair.erase_experiment()
        assert pair.work_off_late(of_experiment).state is State.SUCCEEDED
        assert pair.work_off_late(due).error_code == "ErasedWithAnother"
        pair.run_id = pair.site.run(pair.site.experiment(), points=500)
        assert pair.site.work_off(pair.retain_run()).state is State.SUCCEEDED
    finally:
        pair.site.close()


def test_same_erasure_is_refused_a_second_time(tmp_path: Path) -> None:
    pair = Pair(tmp_path / "data")
    try:
        first = pair.erase_run()
        with pytest.raises((Conflict, NotFound)):
            pair.erase_run()
        assert pair.site.work_off(first).state is State.SUCCEEDED
        with pytest.raises(NotFound):
            pair.erase_run()
    finally:
        pair.site.close()


class Meanwhile:
    """A database that somebody else is quicker to write to."""

    def __init__(self, pair: Pair, act: Callable[[], object]) -> None:
        self._database, self._act = pair.site.database, act

    def read_now(self, query: Any) -> Any:
        return self._database.read_now(query)

    def write_now(self, command: Any) -> Any:
        self._act()
        return self._database.write_now(command)


@pytest.mark.parametrize("quicker", ["erase_run", "erase_experiment", "purge_run", "purge_experiment"])
def test_what_another_hides_between_a_look_and_its_writing_is_not_erased_twice(tmp_path: Path, quicker: str) -> None:
    pair, asked = Pair(tmp_path / "data"), list[Operation]()
    try:
        pair.set_aside_long_ago()
        begun = pair.look(Meanwhile(pair, lambda: asked.append(getattr(pair, quicker)())))
        assert begun is None
        assert pair.site.work_off(asked[0]).state is State.SUCCEEDED
        assert pair.look() is None
        pair.check([pair.site.operation(asked[0].operation_id)])
    finally:
        pair.site.close()
