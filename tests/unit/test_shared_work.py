"""Who shares a search that could not be made waits for what its maker waits for."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from freehold.kit.problems import Away, InsufficientStorage, Problem, Unavailable
from freehold.lifecycle.shared import SharedWork
from tests.patience import patient

SOON = patient(10)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Away("AccessDenied", "It may not."), Away),
        (InsufficientStorage("InsufficientStorage", "It is full."), InsufficientStorage),
        (OSError("broken"), Unavailable),
    ],
)
def test_who_shares_work_is_told_what_it_waits_for(fault: Exception, told: type[Problem]) -> None:
    work: SharedWork[int, int] = SharedWork()
    is_begun, may_go_on = threading.Event(), threading.Event()

    def first(asked: list[int]) -> list[int]:
        is_begun.set()
        assert may_go_on.wait(SOON)
        return asked

    def fail(asked: list[int]) -> list[int]:
        assert asked == [1, 2]
        raise fault

    with ThreadPoolExecutor(3) as threads:
        before = threads.submit(work.ask, 0, first)
        assert is_begun.wait(SOON)
        sharing = [threads.submit(work.ask, number, fail) for number in (1, 2)]
        while len(work._waiting) < 2:
            pass
        may_go_on.set()
        assert before.result() == 0
        faults = [each.exception() for each in sharing]
    assert fault in faults
    assert {type(each) for each in faults} == {type(fault), told}
