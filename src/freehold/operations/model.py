"""An operation as the rest of the house sees it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class State(StrEnum):
    NOT_STARTED = "NotStarted"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELED = "Canceled"


UNFINISHED = (State.NOT_STARTED, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` units of the kind's choice (rows, bytes, parts); `total` None: not known yet."""

    done: int = 0
    total: int | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def percent(self) -> float | None:
        """0 to 100, or None while the total is not known."""
        if self.total is None:
            return None
        return 100.0 if self.total <= 0 else min(100.0, 100.0 * self.done / self.total)


@dataclass(frozen=True, slots=True)
class Operation:
    """`step` is the step to run next ("": the first), `cursor` where it goes on: ordinals, never names or content.

    `fence` counts committed steps. Times are microseconds UTC; `requested_by` is a row of the directory.
    """

    operation_id: str
    target_id: str
    kind: str
    scope: str
    state: State
    step: str
    fence: int
    options: Mapping[str, Any]
    progress: Progress
    cursor: Any
    result: Mapping[str, Any] | None
    error_code: str | None
    error_message: str | None
    requested_by: int | None
    created_at: int
    updated_at: int
    ended_at: int | None

    @property
    def is_ended(self) -> bool:
        return self.state not in UNFINISHED
