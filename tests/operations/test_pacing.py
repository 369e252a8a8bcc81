"""Long work gives way to clients who write, and to nobody else."""

import os
import sys
import time

import pytest

from freehold.operations import pacing
from freehold.operations.children import run_child
from freehold.operations.pacing import (
    FIRST,
    LONGEST_PAUSE,
    PATIENCE,
    RESTS,
    SHARE,
    SHARE_LATER,
    SHORT,
    SHORTEST_PAUSE,
    SMALLEST,
    Pace,
)
from freehold.settings import Settings


class Counter:
    """As much of a database as a pace looks at."""

    is_embedded = True
    commands = 0


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    moment = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: moment[0])
    return moment


def after_a_step(pace: Pace, counter: Counter, now: list[float], *, clients: int, held: float) -> float:
    """A second in which clients wrote so much and a step held the writer for `held` seconds."""
    now[0] += 1.0
    counter.commands += clients + pacing.OWN
    return pace.pause_after(held)


def test_where_nobody_writes_nothing_is_held_back(now: list[float]) -> None:
    counter = Counter()
    pace = Pace(counter)  # type: ignore[arg-type]  # all that it looks at
    assert pace.factor == FIRST, "it is not known yet"
    assert after_a_step(pace, counter, now, clients=10, held=1.0) == 0.0
    assert pace.factor == 1.0


def test_where_a_step_locks_its_own_rows_only_nothing_is_held_back_from_the_first_on() -> None:
    counter = Counter()
    counter.is_embedded = False
    assert Pace(counter).factor == 1.0  # type: ignore[arg-type]  # all that it looks at


def test_while_clients_write_steps_become_short_and_pauses_follow(now: list[float]) -> None:
    counter = Counter()
    pace = Pace(counter)  # type: ignore[arg-type]  # all that it looks at
    first = after_a_step(pace, counter, now, clients=2_000, held=2 * SHORT)
    assert first == LONGEST_PAUSE
    assert pace.factor == pytest.approx(FIRST / 2)
    second = after_a_step(pace, counter, now, clients=2_000, held=SHORT)
    assert second == pytest.approx(SHORT / SHARE)
    assert pace.factor == pytest.approx(FIRST / 2), "it is as long as it should be"
    third = after_a_step(pace, counter, now, clients=2_000, held=SHORT / 100)
    assert third == SHORTEST_PAUSE
    assert pace.factor == pytest.approx(FIRST), "it grows to the double at most: the next row may cost more"
    after_a_step(pace, counter, now, clients=0, held=SHORT)
    assert pace.factor == 1.0, "full speed again when they have gone"


def test_what_held_nobody_up_is_followed_by_no_pause(now: list[float]) -> None:
    counter = Counter()
    pace = Pace(counter)  # type: ignore[arg-type]  # all that it looks at
    assert after_a_step(pace, counter, now, clients=2_000, held=0.0) == 0.0


def test_long_pauses_end_when_patience_does(now: list[float]) -> None:
    counter = Counter()
    pace = Pace(counter)  # type: ignore[arg-type]  # all that it looks at
    pauses = [after_a_step(pace, counter, now, clients=2_000, held=0.1) for _ in range(200)]
    long = [pause for pause in pauses if pause == LONGEST_PAUSE]
    assert PATIENCE - LONGEST_PAUSE <= sum(long) <= PATIENCE
    assert set(pauses[len(long) :]) == {0.1 / SHARE_LATER}, "clients and the operation take turns from then on"
    assert pace.factor == SMALLEST


def test_work_that_computes_gives_way_to_clients_only(now: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    counter, slept = Counter(), list[float]()
    monkeypatch.setattr(time, "sleep", slept.append)
    pace = Pace(counter)  # type: ignore[arg-type]  # all that it looks at
    now[0] += 0.01
    pace.rest(0.01)
    assert slept == []
    now[0] += 0.01
    counter.commands += 20
    pace.rest(0.01)
    assert slept == [pytest.approx(0.01 * RESTS)]


def test_a_child_steps_back_as_far_as_the_setting_says() -> None:
    command = (sys.executable, "-c", _CHILD)
    found = run_child("niceness", {}, Settings(niceness=7), command=command)
    assert found["niceness"] - os.nice(0) == 7


_CHILD = """
import os, sys
from freehold import worker
sys.modules["niceness_task"] = type(sys)("niceness_task")
sys.modules["niceness_task"].run = lambda bench, job: {"niceness": os.nice(0)}
sys.exit(worker.main({"niceness": "niceness_task:run"}, ["niceness"]))
"""
