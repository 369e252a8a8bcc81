"""Tells who asked for an operation how it ended. What is told names nothing that the operation was about."""

from collections.abc import Iterable

from freehold.domain.access.queries import find_member, standing_among
from freehold.domain.notifications.rules import OPERATION
from freehold.domain.notifications.service import News, tell
from freehold.lifecycle.targets import find_targets
from freehold.operations.model import Operation, State
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

RETENTION = "retention"
"""The scope of erasures that a retention policy asked for."""
_OUTCOMES = {State.SUCCEEDED: "succeeded", State.FAILED: "failed"}


def tell_end(db: Transaction, operation: Operation, state: State, workspaces: Iterable[int]) -> None:
    """`workspaces`: those that it was in. Nobody is told in what is being erased itself: that would be a row too late.

    What a policy asked for is told to whoever set it; where they are forgotten, to nobody in particular.
    """
    person, is_by_policy = operation.requested_by, operation.scope == RETENTION
    if person is None and not is_by_policy:
        return
    for workspace_id in standing_among(db, workspaces):
        member = find_member(db, workspace_id, person) if person is not None else None
        word = f"{RETENTION if is_by_policy else operation.kind} {_OUTCOMES[state]}"
        news = News(
            OPERATION,
            state.value,
            word,
            member,
            operation_id=operation.operation_id,
            started_at=operation.created_at,
            ended_at=db.now(),
        )
        tell(db, workspace_id, news)


def tell_failure(db: Transaction, operation: Operation) -> None:
    """Where what it was about still stands: elsewhere there is no one to tell."""
    found = find_targets(db, operation.target_id)
    is_erasure = operation.kind == "erase"
    standing = (t.workspace_id for t in found if not (is_erasure and t.scope is Scope.WORKSPACE))
    tell_end(db, operation, State.FAILED, standing)
