"""What the server answers, as typed documents. Fields that a newer server adds are ignored."""

from typing import Any

import msgspec

ENDED = frozenset({"Succeeded", "Failed", "Canceled"})


class Progress(msgspec.Struct):
    done: int
    total: int | None
    percent: float | None
    counts: dict[str, int]


class Fault(msgspec.Struct):
    code: str
    message: str


class Operation(msgspec.Struct):
    id: str
    kind: str
    scope: str
    state: str
    step: str
    target_id: str
    progress: Progress
    result: dict[str, Any] | None
    error: Fault | None
    created_at: str
    updated_at: str
    ended_at: str | None

    @property
    def is_ended(self) -> bool:
        return self.state in ENDED


class OperationPage(msgspec.Struct):
    value: list[Operation]
    next: str | None


class Certificate(msgspec.Struct):
    """`log_closed`: why it does not stand in a log that can be fetched now."""

    id: str
    operation_id: str
    kind: str
    jws: str
    statement: dict[str, Any]
    created_at: str
    log_closed: Fault | None = None


Plan = dict[str, Any]
