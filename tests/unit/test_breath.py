"""A process that has stepped aside rests in the middle of its work, and no other does."""

import threading
import time
from collections.abc import Iterator

import pytest

from freehold.kit import breath
from freehold.kit.breath import (
    LONGEST_REST,
    PATIENCE,
    PATIENCE_LATER,
    RESTS,
    RESTS_LATER,
    SHORTEST_WORK,
    breathe,
    give_way,
    in_one_breath,
)


@pytest.fixture
def rests(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """What this process's threads have rested, in a time that passes in rests only; afterwards it rests no more."""
    taken: list[float] = []
    monkeypatch.setattr(time, "monotonic", lambda: sum(taken))
    monkeypatch.setattr(time, "sleep", taken.append)
    monkeypatch.setattr(breath, "_mine", threading.local())
    yield taken
    give_way(0.0)


def compute(seconds: float) -> None:
    """At least so long, by this process's own clock."""
    until = time.process_time() + seconds
    while time.process_time() < until:
        pass


def test_a_process_that_has_not_stepped_aside_takes_no_rest(rests: list[float]) -> None:
    breathe()
    compute(2 * SHORTEST_WORK)
    breathe()
    assert rests == []


def test_a_process_rests_several_times_as_long_as_it_computed(rests: list[float]) -> None:
    give_way()
    breathe()
    compute(2 * SHORTEST_WORK)
    breathe()
    assert len(rests) == 1
    assert rests[0] >= RESTS * 2 * SHORTEST_WORK
    breathe()
    assert len(rests) == 1, "it has done next to nothing since"


def test_what_a_thread_waited_for_is_no_work(rests: list[float]) -> None:
    give_way()
    breathe()
    threading.Event().wait(2 * SHORTEST_WORK)
    breathe()
    assert sum(rests) < RESTS * SHORTEST_WORK


def test_the_threads_of_a_process_rest_together(rests: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    """What one of them computes meanwhile would be felt as if none rested."""
    together: list[float] = []
    monkeypatch.setattr(time, "sleep", together.append)
    give_way()
    compute(2 * SHORTEST_WORK)
    for each in (threading.Thread(target=breathe), threading.Thread(target=breathe)):
        each.start()
        each.join()
    assert len(together) == 2
    assert together[0] == together[1] >= RESTS * 2 * SHORTEST_WORK
    monkeypatch.setattr(time, "monotonic", lambda: together[0])
    breathe()
    assert len(together) == 2, "that rest is over, for all of them"


def test_rests_are_few_where_others_wait_for_what_is_held(rests: list[float]) -> None:
    give_way()
    with in_one_breath(2.5 * SHORTEST_WORK):
        for _ in range(4):
            breathe()
            compute(2 * SHORTEST_WORK)
        breathe()
    assert sum(rests) == pytest.approx(2.5 * SHORTEST_WORK)
    breathe()
    compute(2 * SHORTEST_WORK)
    breathe()
    assert rests[-1] >= RESTS * 2 * SHORTEST_WORK


def test_no_rest_is_taken_or_begun_where_others_wait_for_what_is_held(rests: list[float]) -> None:
    give_way()
    compute(2 * SHORTEST_WORK)
    with in_one_breath():
        breathe()
    assert rests == []
    breathe()
    assert len(rests) == 1
    assert rests[0] >= RESTS * 2 * SHORTEST_WORK


def test_what_a_thread_holds_shortens_no_rest_of_another(rests: list[float]) -> None:
    def work() -> None:
        breathe()
        compute(2 * SHORTEST_WORK)
        breathe()

    give_way()
    with in_one_breath():
        other = threading.Thread(target=work)
        other.start()
        other.join()
    assert len(rests) == 1


def test_rests_end_when_patience_does(rests: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(10_000))
    monkeypatch.setattr(time, "process_time", lambda: float(next(moments)))
    give_way()
    for _ in range(500):
        breathe()
    assert set(rests) == {LONGEST_REST}
    assert sum(rests) == pytest.approx(PATIENCE)


def test_rests_are_shorter_after_the_first_minute(rests: list[float]) -> None:
    give_way(PATIENCE_LATER)
    breathe()
    compute(2 * SHORTEST_WORK)
    breathe()
    assert RESTS_LATER * 2 * SHORTEST_WORK <= rests[0] < RESTS * 2 * SHORTEST_WORK
