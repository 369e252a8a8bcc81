"""Rests in the middle of work of a process that has stepped aside.

To run only when nobody else wants the processor is not enough: what computes beside them takes their caches and their
disk, and clients wait longer for each answer. Like its niceness this is the process's own, so no call passes it on.
"""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

RESTS, RESTS_LATER = 20.0, 4.0
"""So many times as long as it computed does a thread rest: of a client's answers one in twenty at most falls into its
work. Later, when the first minute of rests is spent, it is in more of a hurry."""
SHORTEST_WORK, LONGEST_REST = 0.02, 1.0
"""Seconds that a thread computes before it rests, and rests at most. Many short pieces of work fall into more answers
than a few longer ones do."""
PATIENCE, PATIENCE_LATER = 180.0, 120.0
"""Seconds of rests in all, for whoever asked waits as well; then it goes on without. And what is left of them when it
begins to hurry."""
_left = 0.0
_mine = threading.local()


def give_way(patience: float = PATIENCE) -> None:
    """From now on this process's threads rest where they call `breathe`."""
    global _left  # the process's own, as said above
    _left = patience


def breathe() -> None:
    """Between two pieces of work: a rest, for as long as this thread has computed since the last."""
    if _left <= 0.0:
        return
    now = time.thread_time()
    computed = now - _mine.__dict__.setdefault("began", now)
    if computed >= SHORTEST_WORK:
        _rest(computed)
        _mine.began = time.thread_time()


@contextmanager
def in_one_breath(rests: float = 0.0) -> Iterator[None]:
    """This thread rests for `rests` seconds in there at most: others wait for what it holds."""
    _mine.allowed = rests
    try:
        yield
    finally:
        _mine.allowed = math.inf


def _rest(computed: float) -> None:
    global _left  # the process's own, as said above
    wanted = computed * (RESTS if _left > PATIENCE_LATER else RESTS_LATER)
    allowed = getattr(_mine, "allowed", math.inf)
    pause = min(wanted, LONGEST_REST, allowed, max(_left, 0.0))
    if pause <= 0.0:
        return
    _left -= pause  # threads may race for the last of it: then they rest a little longer
    _mine.allowed = allowed - pause
    time.sleep(pause)
