"""Long work gives way to clients who write, and to nobody else."""

import os
import sys
import time

import pytest

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


class Clients:
    """As much of a database as a pace looks at."""

    def __init__(self, clients_write: bool) -> None:
        self.clients_write = clients_write


def pace_beside(clients: Clients) -> Pace:
    return Pace(clients)  # type: ignore[arg-type]  # all that it looks at


def test_where_nobody_writes_nothing_is_held_back() -> None:
    pace = pace_beside(Clients(False))
    assert pace.factor == 1.0
    assert pace.pause_after(1.0) == 0.0
    assert pace.factor == 1.0


def test_while_clients_write_steps_become_short_and_pauses_follow() -> None:
    clients = Clients(True)
    pace = pace_beside(clients)
    assert pace.factor == FIRST, "the first step is short already"
    assert pace.pause_after(3 * SHORT) == LONGEST_PAUSE
    assert pace.factor == pytest.approx(max(SMALLEST, FIRST / 3))
    before = pace.factor
    assert pace.pause_after(SHORT) == pytest.approx(SHORT / SHARE)
    assert pace.factor == pytest.approx(before), "it is as long as it should be"
    assert pace.pause_after(SHORT / 100) == SHORTEST_PAUSE
    assert pace.factor == pytest.approx(2 * before), "it grows to the double at most: the next row may cost more"
    clients.clients_write = False
    assert pace.pause_after(SHORT) == 0.0
    assert pace.factor == 1.0, "full speed again when they have gone"


def test_clients_that_come_in_the_middle_are_given_way_to() -> None:
    clients = Clients(False)
    pace = pace_beside(clients)
    clients.clients_write = True
    assert pace.pause_after(10 * SHORT) == LONGEST_PAUSE
    assert pace.factor == pytest.approx(0.1)


def test_what_a_step_did_before_its_transaction_is_followed_by_a_pause_too() -> None:
    pace = pace_beside(Clients(True))
    assert pace.pause_after(SHORT / 100, worked=1.0) == LONGEST_PAUSE


def test_what_held_nobody_up_is_followed_by_no_pause() -> None:
    assert pace_beside(Clients(True)).pause_after(0.0) == 0.0


def test_long_pauses_end_when_patience_does() -> None:
    pace = pace_beside(Clients(True))
    pauses = [pace.pause_after(0.1) for _ in range(200)]
    long = [pause for pause in pauses if pause == LONGEST_PAUSE]
    assert PATIENCE - LONGEST_PAUSE <= sum(long) <= PATIENCE
    assert set(pauses[len(long) :]) == {0.1 / SHARE_LATER}, "the operation takes more of the time from then on"
    assert pace.factor == SMALLEST


def test_work_that_computes_gives_way_to_clients_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clients, slept = Clients(False), list[float]()
    monkeypatch.setattr(time, "sleep", slept.append)
    pace = pace_beside(clients)
    pace.rest(0.01)
    assert slept == []
    clients.clients_write = True
    pace.rest(0.01)
    assert slept == [pytest.approx(0.01 * RESTS)]


def test_rests_end_when_patience_does_and_leave_none_for_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    pace = pace_beside(Clients(True))
    while sum(slept) <= PATIENCE - LONGEST_PAUSE:
        pace.rest(LONGEST_PAUSE / RESTS)
    pace.rest(LONGEST_PAUSE / RESTS)
    assert slept[-1] == pytest.approx(LONGEST_PAUSE / RESTS / SHARE_LATER)
    assert pace.pause_after(0.1) == pytest.approx(0.1 / SHARE_LATER)


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
