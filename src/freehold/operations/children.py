"""CPU-heavy parts run in a child process: it reads the database and makes files, and dies with its parent.

The child is `python -m freehold.worker TASK`, or one that waits for its task (spare.py). It is given one JSON line on
its standard input, which stays open: when that ends, the child ends. It answers with JSON lines: {"progress": …} any
number of times, then {"result": …} or {"problem": {"code", "message", "sort", "is_plain", "object_key", "place"}};
`sort` is "away", "full" or "". Before it dies of anything else, {"fault": …} says what and where, without its text.
"""

import json
import logging
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import IO, Any

import msgspec

from freehold.kit import breath
from freehold.kit.problems import Away, InsufficientStorage, Problem, Unavailable
from freehold.operations.spare import (
    CAN_STAND_ASIDE,
    WORKER,
    SpareChild,
    end,
    seconds_waited,
    stands_aside,
    start,
)
from freehold.settings import Settings

CHECK_SECONDS = 0.5
ASIDE_SECONDS = 300.0 + breath.PATIENCE
WAITED_SECONDS = 5.0
log = logging.getLogger("freehold.operations")
spare = SpareChild()
"""The server's."""


class TaskRefused(Problem):
    """The task raised a Problem; trying again will not help."""

    status = 422


SORTS: Mapping[str, type[Problem]] = {"away": Away, "full": InsufficientStorage}
"""What a task may raise that is no refusal, by the word that its answer has for it."""


def run_child(
    task: str,
    job: Mapping[str, Any],
    settings: Settings,
    *,
    on_progress: Callable[[Mapping[str, Any]], None] | None = None,
    check: Callable[[], None] | None = None,
    command: Sequence[str] = WORKER,
    aside: bool = False,
) -> Mapping[str, Any]:
    """Run `task` in a child process and return its result. Whatever `check` or `on_progress` raises kills the child.

    `aside`: it runs only when nobody else wants the processor, where the system knows how. On a machine that is never
    idle it would not end, so after ASIDE_SECONDS it is killed, and the task begun again by one that only steps back; so
    it is with one from the reserve that stands aside and need not, once it has waited WAITED_SECONDS for a processor.

    Raises TaskRefused, Away or InsufficientStorage with the task's own code, and Unavailable when the child died
    without an answer.
    """
    order = {"settings": msgspec.to_builtins(settings), "task": task, "job": job}
    watch, tell = check or _pass, on_progress or _ignore
    child = spare.take() if command == WORKER else None
    with suppress(_Starved):
        if aside and settings.niceness and CAN_STAND_ASIDE:
            child = child or start((*command, task), aside=True)
            return _run(child, order | {"aside": True}, tell, _patiently(watch))
        if child is not None:
            return _run(child, order, tell, _unless_it_waits(watch, child.pid) if stands_aside(child.pid) else watch)
    return _run(start((*command, task)), order, tell, watch)


class _Starved(Exception):
    """A child that stands aside has not been let through."""


def _patiently(check: Callable[[], None]) -> Callable[[], None]:
    until = time.monotonic() + ASIDE_SECONDS

    def check_both() -> None:
        check()
        if time.monotonic() > until:
            raise _Starved

    return check_both


def _unless_it_waits(check: Callable[[], None], process: int) -> Callable[[], None]:
    """For a child that need not stand aside and does: it was started beside clients, which may have gone since."""
    longest = seconds_waited(process) + WAITED_SECONDS

    def check_both() -> None:
        check()
        if seconds_waited(process) > longest:
            raise _Starved

    return check_both


def _run(
    child: "subprocess.Popen[bytes]",
    order: Mapping[str, Any],
    on_progress: Callable[[Mapping[str, Any]], None],
    check: Callable[[], None],
) -> Mapping[str, Any]:
    try:
        _send(child, order)
        return _answer(child, on_progress, check)
    finally:
        end(child)
        spare.renew()


def _send(child: "subprocess.Popen[bytes]", message: Mapping[str, Any]) -> None:
    assert child.stdin is not None
    with suppress(BrokenPipeError):  # it died at once: _answer will say so
        child.stdin.write(json.dumps(message).encode() + b"\n")
        child.stdin.flush()


def _answer(
    child: "subprocess.Popen[bytes]",
    on_progress: Callable[[Mapping[str, Any]], None],
    check: Callable[[], None],
) -> Mapping[str, Any]:
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_pump, args=(child.stdout, lines), daemon=True).start()
    while line := _next_line(lines, check):
        message = json.loads(line)
        if "progress" in message:
            on_progress(message["progress"])
            check()
        elif "fault" in message:
            log.warning("a worker process failed", extra={"fault": message["fault"]})
        elif "result" in message:
            result: Mapping[str, Any] = message["result"]
            return result
        else:
            raise _as_fault(message["problem"])
    raise Unavailable("WorkerDied", "A worker process ended without an answer. The step will be tried again.")


def _as_fault(problem: Mapping[str, Any]) -> Problem:
    fault = SORTS.get(problem["sort"], TaskRefused)(problem["code"], problem["message"])
    fault.is_plain, fault.object_key, fault.place = (problem[name] for name in ("is_plain", "object_key", "place"))
    return fault


def _pump(stream: IO[bytes] | None, lines: "queue.SimpleQueue[bytes]") -> None:
    assert stream is not None
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(b"")


def _next_line(lines: "queue.SimpleQueue[bytes]", check: Callable[[], None]) -> bytes:
    while True:
        try:
            return lines.get(timeout=CHECK_SECONDS)
        except queue.Empty:
            check()


def _ignore(progress: Mapping[str, Any]) -> None: ...


def _pass() -> None: ...
