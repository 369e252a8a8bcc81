"""Rests in the middle of work of a process that has stepped aside.

To run only when nobody else wants the processor is not enough: what computes beside them takes their caches and their
disk, and clients wait longer for each answer. Like its niceness this is the process's own, so no call passes it on.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

RESTS = 4.0
"""So many times as long as it computed does a thread rest."""
SHORTEST_WORK, LONGEST_REST = 0.005, 1.0
PATIENCE = 60.0
"""Seconds of rests in all, for whoever asked waits as well; then it goes on without."""
_left = 0.0
_mine = threading.local()


def give_way(patience: float = PATIENCE) -> None:
    """From now on this process's threads rest where they call `breathe`."""
    global _left  # the process's own, as said above
    _left = patience


def breathe() -> None:
    """Between two pieces of work: a rest, for as long as this thread has computed since the last."""
    if _left <= 0.0 or getattr(_mine, "goes_on", False):
        return
    if hasattr(_mine, "began"):
        if time.perf_counter() - _mine.began < SHORTEST_WORK:
            return
        _rest(time.thread_time() - _mine.computed)
    _mine.began, _mine.computed = time.perf_counter(), time.thread_time()


@contextmanager
def in_one_breath() -> Iterator[None]:
    """This thread takes no rest in there: others wait for what it holds."""
    _mine.goes_on = True
    try:
        yield
    finally:
        _mine.goes_on = False


def _rest(computed: float) -> None:
    global _left  # the process's own, as said above
    pause = min(RESTS * computed, LONGEST_REST, max(_left, 0.0))
    _left -= pause  # threads may race for the last of it: then they rest a little longer
    time.sleep(pause)
