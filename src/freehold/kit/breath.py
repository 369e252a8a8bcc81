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
"""So many times as long as it computed does a process rest, all its threads at once: of a client's answers one in
twenty at most falls into their work. Later, when the first minute of rests is spent, it is in more of a hurry."""
SHORTEST_WORK, LONGEST_REST = 0.02, 1.0
"""Seconds that the threads compute in all before they rest, and rest at most. Many short pieces of work fall into more
answers than a few longer ones do."""
PATIENCE, PATIENCE_LATER = 180.0, 120.0
"""Seconds of rests in all, for whoever asked waits as well; then it goes on without. And what is left of them when it
begins to hurry."""
_left = 0.0
_began = 0.0
_until = 0.0
_mine = threading.local()


def give_way(patience: float = PATIENCE) -> None:
    """From now on this process rests where its threads call `breathe`."""
    global _left, _began, _until  # the process's own, as said above
    _left, _began, _until = patience, time.process_time(), 0.0


def breathe() -> None:
    """Between two pieces of work: a rest, for as long as this process has computed since the last, or what is left of
    a rest that another of its threads has begun."""
    if _left <= 0.0:
        return
    allowed = getattr(_mine, "allowed", math.inf)
    pause = min(_until - time.monotonic(), allowed)
    if pause <= 0.0 and (computed := time.process_time() - _began) >= SHORTEST_WORK:
        pause = _begin_rest(computed, allowed)
    if pause > 0.0:
        _mine.allowed = allowed - pause
        time.sleep(pause)


def _begin_rest(computed: float, allowed: float) -> float:
    """How long it is. Of two threads that race to begin one, the process rests a little longer."""
    global _left, _began, _until  # the process's own, as said above
    wanted = computed * (RESTS if _left > PATIENCE_LATER else RESTS_LATER)
    pause = min(wanted, LONGEST_REST, allowed, _left)
    if pause > 0.0:
        _left, _began, _until = _left - pause, time.process_time(), time.monotonic() + pause
    return pause


@contextmanager
def in_one_breath(rests: float = 0.0) -> Iterator[None]:
    """This thread rests for `rests` seconds in there at most: others wait for what it holds."""
    _mine.allowed = rests
    try:
        yield
    finally:
        _mine.allowed = math.inf
