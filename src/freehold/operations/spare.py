"""A spare child process: it has imported what tasks need and waits for one, which then begins a second earlier.

One at most. The next is started when the last task has ended a while ago, so that it takes nothing from what follows.
Where clients write at that moment it stands aside from the first, and it takes rights that few have to come back.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

WORKER = (sys.executable, "-m", "freehold.worker")
WAIT = "wait"
"""Instead of a task's name: the order will tell it."""
CAN_STAND_ASIDE = hasattr(os, "SCHED_IDLE")
PAUSE = 2.0
"""Seconds between a task's end, or the server's start, and the start of the next spare."""


class SpareChild:
    """`keep` and `close` are the server's; a process that never calls them has no spare."""

    def __init__(self, command: Sequence[str] = WORKER, pause: float = PAUSE) -> None:
        self._command = (*command, WAIT)
        self._pause = pause
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._timer: threading.Timer | None = None
        self._niceness: int | None = None
        self._clients_write: Callable[[], bool] = bool

    def keep(self, niceness: int, clients_write: Callable[[], bool] = bool) -> None:
        """From now on have one. It steps back by `niceness` from its first moment on, aside where `clients_write`."""
        self._niceness, self._clients_write = niceness, clients_write
        self.renew()

    def take(self) -> "subprocess.Popen[bytes] | None":
        """The one that waits, if it still lives; it is the caller's from now on. It may stand aside."""
        with self._lock:
            child, self._child = self._child, None
            if self._timer is not None:
                self._timer.cancel()
        if child is not None and child.poll() is not None:
            end(child)
            return None
        return child

    def renew(self) -> None:
        """Start another after the pause, where one is kept."""
        with self._lock:
            if self._niceness is None or self._child is not None:
                return
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._pause, self._start)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """No more: the one that waits is killed."""
        self._niceness = None
        child = self.take()
        if child is not None:
            end(child)

    def _start(self) -> None:
        with self._lock:
            if self._niceness is None or self._child is not None:
                return
            aside = CAN_STAND_ASIDE and bool(self._niceness) and self._clients_write()
            self._child = start((*self._command, str(self._niceness)), aside=aside)


def start(command: Sequence[str], *, aside: bool = False) -> "subprocess.Popen[bytes]":
    """`aside`: it is told so before it has imported anything, which is a second's work."""
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if aside:
        stand_aside(child.pid)
    return child


def stand_aside(process: int = 0) -> None:
    """The process, 0 for this one, runs only when nobody else wants the processor. Where CAN_STAND_ASIDE only."""
    with suppress(ProcessLookupError):
        os.sched_setscheduler(process, os.SCHED_IDLE, os.sched_param(0))


def stands_aside(process: int) -> bool:
    with suppress(ProcessLookupError):
        return CAN_STAND_ASIDE and os.sched_getscheduler(process) == os.SCHED_IDLE
    return False


def seconds_waited(process: int) -> float:
    """How long its threads have waited for a processor in all (Linux, Documentation/scheduler/sched-stats.rst); 0 where
    the system does not tell."""
    waited = 0
    for each in Path(f"/proc/{process}/task").glob("*/schedstat"):
        with suppress(OSError):  # that thread has ended
            waited += int(each.read_text().split()[1])
    return waited / 1e9


def end(child: "subprocess.Popen[bytes]") -> None:
    """Kill it, whatever it does."""
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        assert stream is not None
        with suppress(BrokenPipeError):
            stream.close()
