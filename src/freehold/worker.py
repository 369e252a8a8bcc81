"""The other composition root: a child process for CPU-heavy tasks. It reads the database and makes files, no more.

`python -m freehold.worker TASK` reads one JSON line, {"settings": …, "task": …, "job": …}, from its standard input, and
answers on its standard output with JSON lines: {"progress": …} as often as the task likes, at the end {"result": …} or
{"problem": …} or {"fault": …} (operations/children.py). Its standard input stays open as long as its parent lives; when
it ends, so does this process. `python -m freehold.worker wait NICENESS` imports what all tasks need before it reads
that line, and does the task that the line names.
"""

import gc
import importlib
import json
import os
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from freehold.kit import breath
from freehold.kit.clock import SystemClock
from freehold.kit.ids import UuidSource
from freehold.kit.logs import place_of
from freehold.kit.problems import Problem
from freehold.operations.children import SORTS
from freehold.operations.spare import WAIT, stand_aside
from freehold.records.places import TEMPORARY
from freehold.settings import Settings
from freehold.storage.database import Database, open_database
from freehold.storage.denied import telling_the_systems
from freehold.storage.keys import KeyStore
from freehold.storage.transaction import Transaction

T = TypeVar("T")
LOST_PARENT = 3
GARBAGE = 50_000
"""So many new objects are left before a look for cycles."""

# Task names and where their functions are; imported only when asked for, because some need pyarrow.
TASKS: dict[str, str] = {
    "export": "freehold.worker:export",
    "import": "freehold.worker:bring_in",
    "search": "freehold.lifecycle.search:search",
}
NEEDED_BY_TASKS = (
    "freehold.api.azure2018.documents",
    "freehold.api.azure2018.stored",
    "freehold.api.azure2020.documents",
    "freehold.api.azure2020.stored",
    "freehold.lifecycle.imports.task",
    "freehold.lifecycle.increments.task",
    "pyarrow.compute",
)


class Bench:
    """What a task is given beside its job: the settings, the database to read from, a line to its parent."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._database: Database | None = None

    def read(self, query: Callable[[Transaction], T]) -> T:
        """One snapshot for the whole query. There is no way to write."""
        if self._database is None:
            self._database = self._open()
        return self._database.read_now(query)

    def _open(self) -> Database:
        """An export sorts what it reads, which may be a whole workspace."""
        clock, scratch = SystemClock(), self.settings.data_folder / TEMPORARY
        scratch.mkdir(exist_ok=True, mode=0o700)
        keys = KeyStore(self.settings.key_folder, clock)
        return open_database(self.settings, clock, UuidSource(clock), keys, scratch=scratch)

    def report(self, progress: Mapping[str, Any]) -> None:
        """Tell the parent how far the task is, a few times a second at most. Counts and keys of rows: no content."""
        _say({"progress": dict(progress)})

    def close(self) -> None:
        if self._database is not None:
            self._database.close()


Task = Callable[[Bench, Mapping[str, Any]], Mapping[str, Any]]


def export(bench: Bench, job: Mapping[str, Any]) -> Mapping[str, Any]:
    """The export, given the writers of the documents that the façades answer."""
    from freehold.api.azure2018.documents import WRITERS as OF_2018
    from freehold.api.azure2020.documents import WRITERS as OF_2020
    from freehold.lifecycle.increments.task import run

    return run(bench, job, (*OF_2020, *OF_2018))


def bring_in(bench: Bench, job: Mapping[str, Any]) -> Mapping[str, Any]:
    """The import, given what the façades need of the documents that they read."""
    from freehold.api.azure2018.stored import SHAPES as OF_2018
    from freehold.api.azure2020.stored import SHAPES as OF_2020
    from freehold.lifecycle.imports.task import run

    return run(bench, job, (OF_2020, OF_2018))


def main(tasks: Mapping[str, str], arguments: list[str]) -> int:
    """Run the one task named in `arguments`. A fault is told by its type only: its text may hold content."""
    sys.meta_path.insert(0, _NoPandas())
    is_spare = arguments[0] == WAIT
    if is_spare:
        _give_way(int(arguments[1]))
        _load(tasks)
    line = sys.stdin.buffer.readline()
    if not line:
        return LOST_PARENT
    order = json.loads(line)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    settings = msgspec.convert(order["settings"], Settings)
    if not is_spare:
        _give_way(settings.niceness)
    if order.get("aside"):
        _step_aside()
    _collect_seldom()
    bench = Bench(settings)
    try:
        with telling_the_systems(settings):
            _say({"result": dict(_find(tasks, order["task"] if is_spare else arguments[0])(bench, order["job"]))})
        return 0
    except Problem as problem:
        return _refuse(problem)
    except Exception as fault:
        _say({"fault": place_of(fault)})
        raise
    finally:
        bench.close()


def _refuse(problem: Problem) -> int:
    sort = next((word for word, kind in SORTS.items() if isinstance(problem, kind)), "")
    told = {"code": problem.code, "message": problem.message, "sort": sort, "is_plain": problem.is_plain}
    _say({"problem": told | {"object_key": problem.object_key, "place": place_of(problem)}})
    return 1


def _give_way(niceness: int) -> None:
    """Whoever waits for an answer comes first; where nobody does, this costs nothing."""
    os.nice(niceness)
    if niceness and hasattr(os, "sched_setscheduler") and os.sched_getscheduler(0) == os.SCHED_OTHER:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


def _step_aside() -> None:
    """Who waits for an answer gets the processor at once, and not when this process has used up its slice."""
    stand_aside()
    breath.give_way()


def _collect_seldom() -> None:
    """A task makes many objects and hardly a cycle of them: to look for those, also among all that was imported, took a
    quarter of the time in which rows are read."""
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)


class _NoPandas:
    """pyarrow imports pandas at its first array, wherever it is installed: a second and 45 MB for nothing."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _load(tasks: Mapping[str, str]) -> None:
    """All that tasks import when they begin, and what libraries do at their first use."""
    for name in tasks:
        _find(tasks, name)
    for module in NEEDED_BY_TASKS:
        importlib.import_module(module)


def _find(tasks: Mapping[str, str], name: str) -> Task:
    module, _, function = tasks[name].partition(":")
    found: Task = getattr(importlib.import_module(module), function)
    return found


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


def _die_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1024):
        pass
    os._exit(LOST_PARENT)


if __name__ == "__main__":
    sys.exit(main(TASKS, sys.argv[1:]))
