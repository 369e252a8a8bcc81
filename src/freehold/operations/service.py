"""What one can do with operations. A row is the durable queue entry; the engine is only told that it is there.

Who may see or cancel an operation is for the caller to decide: an operation knows its target by a random id only.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import sqlalchemy as sa

from freehold.kit.problems import Conflict, NotFound, Superseded
from freehold.operations import queries
from freehold.operations.model import Operation, Progress, State
from freehold.storage.transaction import Transaction

CAN_CANCEL = "can_cancel"
ASKED = "asked"
"""The server that was asked for the operation, by the name that it has among the workers of a deployment."""


class Operations(Protocol):
    """What the domain knows of the engine: operations are asked for by name only."""

    @property
    def executor(self) -> str: ...

    def knows(self, kind: str) -> bool: ...

    def start_soon(self, operation_id: str, after_seconds: float = 0.0) -> None: ...

    def step_of_retry(self, kind: str, step: str) -> str: ...


def request_operation(
    db: Transaction,
    operations: Operations,
    *,
    kind: str,
    target_id: str,
    scope: str,
    options: Mapping[str, Any] | None = None,
    requested_by: int | None = None,
    can_cancel: bool = True,
    after_seconds: float = 0.0,
) -> Operation:
    """Add an operation in the caller's transaction; it is started once that is durable, or a while after.

    `options` holds settings, counts and random ids, never names or content. Raises ValueError for an unknown kind.
    """
    if not operations.knows(kind):
        raise ValueError(f"No operation of the kind {kind!r} is registered.")
    operation_id = _add(
        db,
        State.NOT_STARTED,
        kind=kind,
        target_id=target_id,
        scope=scope,
        options={**(options or {}), CAN_CANCEL: can_cancel, ASKED: operations.executor},
        requested_by=requested_by,
    )
    db.after_commit(lambda: operations.start_soon(operation_id, after_seconds))
    return get_operation(db, operation_id)


def note_operation(
    db: Transaction, *, kind: str, target_id: str, scope: str, requested_by: int | None = None
) -> Operation:
    """An operation that was done in the caller's transaction, for clients that must have one to look at."""
    operation_id = _add(
        db,
        State.SUCCEEDED,
        kind=kind,
        target_id=target_id,
        scope=scope,
        options={CAN_CANCEL: False},
        requested_by=requested_by,
    )
    return get_operation(db, operation_id)


def get_operation(db: Transaction, operation_id: str) -> Operation:
    """Raises NotFound."""
    operation = queries.find(db, operation_id)
    if operation is None:
        message = "There is no operation with this id. Ids of operations are printed when they are requested."
        raise NotFound("OperationNotFound", message)
    return operation


def list_operations(
    db: Transaction,
    *,
    kind: str | None = None,
    states: Sequence[State] = (),
    target_id: str | None = None,
    requested_by: int | None = None,
    before: str | None = None,
    limit: int = 100,
    visible: sa.ColumnElement[bool] | None = None,
) -> list[Operation]:
    """Newest first, at most `limit`; `before` is the last id of the page before. `visible`: those that count."""
    return queries.select_operations(
        db,
        kind=kind,
        states=states,
        target_id=target_id,
        requested_by=requested_by,
        before=before,
        limit=limit,
        visible=visible,
    )


def was_asked(operation: Operation, executor: str) -> bool:
    """Whether this server was asked for it. Of what an older release has taken in nobody knows."""
    return operation.options.get(ASKED) == executor


def can_be_cancelled(operation: Operation) -> bool:
    return bool(operation.options.get(CAN_CANCEL, True))


def cancel_operation(db: Transaction, operation_id: str, because: Superseded | None = None) -> Operation:
    """Cancel at once: no later step can commit. What was made outside the database is then cleaned up.

    `because`: what the operation says of it, where nobody asked for its end.

    Raises NotFound, or Conflict when it has ended already or may not be cancelled. Cancelling twice is harmless.
    """
    operation = get_operation(db, operation_id)
    if operation.state is State.CANCELED:
        return operation
    if not operation.is_ended and not can_be_cancelled(operation):
        message = "An erasure cannot be cancelled, nor what has done what it was asked for. Wait until it ends."
        raise Conflict("OperationCannotBeCanceled", message)
    ended: dict[str, Any] = {"state": State.CANCELED, "ended_at": db.now(), "fence": operation.fence + 1}
    if because is not None:
        ended |= {"error_code": because.code, "error_message": because.message}
    if operation.is_ended:
        raise Conflict("OperationNotRunning", f"The operation has ended already: {operation.state}.")
    if not queries.change(db, operation_id, ended, fence=operation.fence):
        message = "The operation moved on or ended in this moment. Read it again before cancelling."
        raise Conflict("OperationNotRunning", message)
    return get_operation(db, operation_id)


def retry_operation(db: Transaction, operations: Operations, operation_id: str) -> Operation:
    """Go on with a failed operation where it failed, or before, as its step says. Raises NotFound, Conflict.

    Only for kinds that keep what they had when they fail: those that cannot be cancelled, such as an erasure.
    """
    operation = get_operation(db, operation_id)
    if operation.state is not State.FAILED:
        raise _not_failed(operation.state)
    if can_be_cancelled(operation):
        message = "What this operation had made was cleaned up when it failed. Ask for it anew."
        raise Conflict("OperationCannotBeRetried", message)
    step = operations.step_of_retry(operation.kind, operation.step)
    cursor = operation.cursor if step == operation.step else None
    if not queries.reopen(db, operation_id, step, queries.stored_progress(operation.progress, cursor)):
        raise _not_failed(get_operation(db, operation_id).state)
    db.after_commit(lambda: operations.start_soon(operation_id))
    return get_operation(db, operation_id)


def _not_failed(state: State) -> Conflict:
    return Conflict("OperationNotFailed", f"Only a failed operation can be tried again; this one is {state}.")


def fail_operation(db: Transaction, operation_id: str, code: str, message: str) -> bool:
    """End an unfinished operation as failed. `message` must hold no name and no content. False: it had ended."""
    ended = {"state": State.FAILED, "ended_at": db.now(), "error_code": code, "error_message": message}
    return queries.change(db, operation_id, ended)


def _add(db: Transaction, state: State, *, options: Mapping[str, Any], **given: Any) -> str:
    """The id of a new operation in this state; one that has ended ended now."""
    operation_id, now = db.new_id(), db.now()
    values = given | {
        "operation_id": operation_id,
        "state": state,
        "step": "",
        "fence": 0,
        "options": dict(options),
        "progress": queries.stored_progress(Progress(), None),
        "created_at": now,
        "updated_at": now,
    }
    queries.add(db, values | ({} if state is State.NOT_STARTED else {"ended_at": now}))
    return operation_id
