"""Planted deaths, for tests: FREEHOLD_FAULT names a place where this process dies at once, as with kill -9.

`FREEHOLD_FAULT="point"` at the first passage, `"point#3"` at the third that this process makes; `"…@group"` takes its
process group along, so that a server and its child processes die together. FREEHOLD_FAULT_TRACE names a file that every
passage is written to, with its process. Without them a passage costs a look into the environment.
"""

import os
import signal
import threading
from collections import Counter

VARIABLE = "FREEHOLD_FAULT"
TRACE = "FREEHOLD_FAULT_TRACE"
EXIT_CODE = 137
GROUP = "@group"
_passages: Counter[str] = Counter()
_lock = threading.Lock()


def passing(point: str) -> None:
    """A place `subject:part:moment` next to a durable effect."""
    if trace := os.environ.get(TRACE):
        _write_down(trace, point)
    planted = os.environ.get(VARIABLE)
    if planted and _is_here(planted.removesuffix(GROUP), point):
        if planted.endswith(GROUP):
            os.killpg(0, signal.SIGKILL)
        os._exit(EXIT_CODE)


def _is_here(planted: str, point: str) -> bool:
    name, _, number = planted.partition("#")
    if name != point:
        return False
    with _lock:
        _passages[point] += 1
        return _passages[point] == int(number or 1)


def _write_down(trace: str, point: str) -> None:
    """One write of a short line, `PID point`: those of several processes do not mix."""
    file = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        # allow-whole: because a test's trace is a line that a page holds
        os.write(file, f"{os.getpid()} {point}\n".encode())
    finally:
        os.close(file)
