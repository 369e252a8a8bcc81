"""What an operation is made of: named steps, each a transaction that is committed once."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from freehold.operations import queries
from freehold.operations.children import run_child
from freehold.operations.model import Operation, Progress
from freehold.operations.pacing import SMALLEST
from freehold.settings import Settings
from freehold.storage.database import Database
from freehold.storage.transaction import Transaction

T = TypeVar("T")
PORTION = 50


class Stopping(BaseException):
    """The server stops: leave at once and record nothing. Not an Exception, so that nothing takes it for a fault."""


class Overtaken(Exception):
    """The operation has ended, or another process committed its next step first."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a step says at its end. `is_finished` False: run it again, with `cursor`. See `again` and `finished`."""

    is_finished: bool
    cursor: Any = None
    progress: Progress | None = None
    result: Mapping[str, Any] | None = None


def again(cursor: Any, progress: Progress | None = None) -> Turn:
    """The budget is used up: run this step once more. `cursor` holds ordinals, never names or content."""
    return Turn(False, cursor, progress)


def finished(progress: Progress | None = None, *, cursor: Any = None, result: Mapping[str, Any] | None = None) -> Turn:
    """Go on with the next step, which is given `cursor`. `result` is kept; it holds counts and random ids."""
    return Turn(True, cursor, progress, result)


@dataclass(slots=True)
class OperationContext:
    """What a step is given. `found` is what its `work` returned; `held`: seconds that its effect took. `remembered`:
    what steps put there to spare the operation's next ones a second look, as long as this process runs it. `rest`,
    with the seconds that it has computed for, is for work that computes long, to give way to clients."""

    operation: Operation
    database: Database
    settings: Settings
    stopping: threading.Event
    factor: float = 1.0
    found: Any = None
    held: float = 0.0
    remembered: dict[str, Any] = field(default_factory=dict)
    rest: Callable[[float], None] = lambda seconds: None

    @property
    def cursor(self) -> Any:
        return self.operation.cursor

    @property
    def options(self) -> Mapping[str, Any]:
        return self.operation.options

    def at_most(self, budget: int, *, is_new: bool = False) -> int:
        """The part of a step's budget that it may take now: less while clients write, and then the least where it
        `is_new` what a row costs."""
        if is_new and self.factor < 1.0:
            self.factor = SMALLEST
        return max(1, int(budget * self.factor))

    def portions(self, items: Sequence[T]) -> Iterator[Sequence[T]]:
        """What a step's `work` goes through: all at once, or while clients write a few at a time, each with a rest."""
        size = PORTION if self.factor < 1.0 else max(1, len(items))
        for start in range(0, len(items), size):
            began = time.perf_counter()
            yield items[start : start + size]
            self.rest(time.perf_counter() - began)

    def read(self, query: Callable[[Transaction], T]) -> T:
        return self.database.read_now(query)

    def report(self, progress: Progress) -> None:
        """Show progress in the middle of a step's `work`. Raises Overtaken when the operation has been cancelled."""
        operation = self.operation
        values = {"progress": queries.stored_progress(progress, operation.cursor)}
        write = self.database.write_now
        if not write(lambda db: queries.change(db, operation.operation_id, values, fence=operation.fence)):
            raise Overtaken

    def check(self) -> None:
        """For `work` that lasts: raises Stopping when the server stops, Overtaken when the operation has ended."""
        if self.stopping.is_set():
            raise Stopping
        now = self.read(lambda db: queries.find(db, self.operation.operation_id))
        if now is None or now.is_ended or now.fence != self.operation.fence:
            raise Overtaken

    def run_child(
        self,
        task: str,
        job: Mapping[str, Any],
        on_progress: Callable[[Mapping[str, Any]], None] | None = None,
    ) -> Mapping[str, Any]:
        """Run a task of `freehold.worker` in a child process, and kill it when this operation must stop."""
        aside = self.database.clients_write
        return run_child(task, job, self.settings, on_progress=on_progress, check=self.check, aside=aside)


@dataclass(frozen=True, slots=True)
class Step:
    """`work` (if any) runs outside every transaction and may be repeated: files, objects, child processes.

    `effect` then runs in one transaction, with the progress and the fence: it is committed once or not at all.
    `retried_at`: the earlier step that a retry begins with once this one has failed, where it finds what is left by
    looking; else a retry begins with this one. What it failed with may be what only the earlier one can mend.
    `settles`: with it what was asked for is done; from there on the operation cannot be cancelled.
    """

    name: str
    effect: Callable[[Transaction, OperationContext], Turn]
    work: Callable[[OperationContext], Any] | None = None
    retried_at: str = ""
    settles: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """A sort of operation. `clean_up` runs after a failure or a cancellation, outside transactions; repeatable.

    `on_failure` runs in the transaction that ends it as failed. `is_local`: it takes or leaves files in the data
    folder, so of several servers the one runs it that was asked for it.
    """

    name: str
    steps: tuple[Step, ...]
    clean_up: Callable[[OperationContext], None] | None = None
    on_failure: Callable[[Transaction, Operation], None] | None = None
    is_local: bool = False
    _index: dict[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        index = {step.name: number for number, step in enumerate(self.steps)}
        if not self.steps or len(index) != len(self.steps):
            raise ValueError(f"The operation kind {self.name!r} needs steps, each with a name of its own.")
        if any(step.retried_at and index.get(step.retried_at, len(index)) >= index[step.name] for step in self.steps):
            raise ValueError(f"A step of {self.name!r} is retried at a step that is not before it.")
        object.__setattr__(self, "_index", index)

    def step(self, name: str) -> Step | None:
        """The step of this name, the first one for "", None if this release does not know it."""
        return self.steps[0] if name == "" else self.steps[self._index[name]] if name in self._index else None

    def after(self, step: Step) -> Step | None:
        number = self._index[step.name] + 1
        return self.steps[number] if number < len(self.steps) else None
