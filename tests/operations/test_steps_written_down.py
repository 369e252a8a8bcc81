"""A step counts when the workflow engine has written it down: until then it is run again, unless the server stops."""

from contextlib import nullcontext
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.operations.steps import Stopping
from freehold.operations.workflows import TakenOver, _Steps, _workflow


class FullDisk:
    """An engine that runs steps, and finds room to write them down only from the attempt `until` on."""

    def __init__(self, until: int) -> None:
        self.until = until
        self.attempts = 0

    def run_step(self, options: dict[str, Any], call: Any, *arguments: str) -> Any:
        self.attempts += 1
        result = call(*arguments)
        if self.attempts < self.until:
            raise sa.exc.OperationalError("INSERT", {}, Exception("database or disk is full"))
        return result


def test_step_that_was_not_written_down_is_run_again_with_longer_pauses() -> None:
    engine, pauses, ran = FullDisk(until=9), list[float](), list[str]()

    def wait(seconds: float) -> bool:
        pauses.append(seconds)
        return False

    _Steps(engine, wait).run("slice", ran.append, "one")
    assert ran == ["one"] * 9
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30]


def test_server_that_stops_ends_the_attempts_of_any_step() -> None:
    engine, ran = FullDisk(until=9), list[str]()
    with pytest.raises(Stopping):
        _Steps(engine, lambda seconds: True).run("give up", ran.append, "one")
    assert ran == ["one"]


class Lost(BaseException):
    """What the engine raises where another executor has the workflow by now."""


class TakenAt:
    """An engine that finds out at one of the steps, and whose other steps fail."""

    def __init__(self, step: str) -> None:
        self.step = step

    def run_step(self, options: dict[str, Any], call: Any, *arguments: str) -> Any:
        if options["name"] == self.step:
            raise Lost
        raise RuntimeError


@pytest.mark.parametrize("step", ["slice", "give up"])
def test_a_workflow_that_another_executor_runs_by_now_is_left_at_once(step: str) -> None:
    """At any step, so that no thread waits for what that one will write down."""
    steps = _Steps(TakenAt(step), lambda seconds: False)
    operate = _workflow(lambda operation_id: nullcontext(), steps, lambda _: False, lambda *_: None, Lost)
    with pytest.raises(TakenOver):
        operate("one")
