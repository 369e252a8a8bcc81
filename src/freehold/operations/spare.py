"""A spare child process: it has imported what tasks need and waits for one, which then begins a second earlier.

One at most. The next is started when the last task has ended a while ago, so that it takes nothing from what follows.
"""

import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress

WORKER = (sys.executable, "-m", "freehold.worker")
WAIT = "wait"
"""Instead of a task's name: the order will tell it."""
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

    def keep(self, niceness: int) -> None:
        """From now on have one. It steps back by `niceness` from its first moment on."""
        self._niceness = niceness
        self.renew()

    def take(self) -> "subprocess.Popen[bytes] | None":
        """The one that waits, if it still lives; it is the caller's from now on."""
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
            self._child = start((*self._command, str(self._niceness)))


def start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def end(child: "subprocess.Popen[bytes]") -> None:
    """Kill it, whatever it does."""
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        assert stream is not None
        with suppress(BrokenPipeError):
            stream.close()
