"""Long work gives way to clients who write, and to nobody else."""

import os
import sys
import time

import pytest

from freehold.operations import pacing
from freehold.operations.children import run_child
from freehold.operations.pacing import LONGEST_PAUSE, PATIENCE, SHORT, SMALLEST, Pace
from freehold.settings import Settings


class Counter:
    """As much of a database as a pace looks at."""

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
    assert after_a_step(pace, counter, now, clients=10, held=1.0) == 0.0
    assert pace.factor == 1.0


def test_while_clients_write_steps_become_short_and_pauses_follow(now: list[float]) -> None:
    counter = Counter()
    pace = Pace(counter)  # type: ignore[arg-type]  # all that it looks at
    first = after_a_step(pace, counter, now, clients=2_000, held=0.1)
    assert first == LONGEST_PAUSE
    assert pace.factor == pytest.approx(SHORT / 0.1)
    second = after_a_step(pace, counter, now, clients=2_000, held=SHORT)
    assert second == pytest.approx(SHORT * 9)
    assert pace.factor == pytest.approx(SHORT / 0.1), "it is as long as it should be"
    after_a_step(pace, counter, now, clients=0, held=SHORT)
    assert pace.factor == 1.0, "full speed again when they have gone"


def test_pauses_end_when_patience_does(now: list[float]) -> None:
    counter = Counter()
    pace = Pace(counter)  # type: ignore[arg-type]  # all that it looks at
    pauses = [after_a_step(pace, counter, now, clients=2_000, held=1.0) for _ in range(200)]
    assert sum(pauses) == pytest.approx(PATIENCE)
    assert pauses[-1] == 0.0
    assert pace.factor == SMALLEST


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
