"""What one can do with a workspace's retention policy."""

from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.members import member_of
from freehold.domain.access.service import allow
from freehold.domain.audit.service import record
from freehold.domain.clock.rules import Looks, first_look, look
from freehold.domain.holds.queries import lock_containers
from freehold.domain.retention import queries, rules
from freehold.domain.retention.rules import Policy
from freehold.kit.problems import NotFound, PreconditionFailed
from freehold.storage.transaction import Transaction


class PolicyView(NamedTuple):
    """The version in force. Times are microseconds UTC. `changed_by`: a member's row. `next_at`: of the next look."""

    row_id: int
    version: int
    policy: Policy
    changed_by: int | None
    operation_id: str | None
    created_at: int
    next_at: int
    looks: Looks


def find_policy(db: Transaction, workspace_id: int, *, lock: bool = False) -> PolicyView | None:
    """`lock`: nobody else changes it or erases by it until this transaction ends."""
    row = queries.find_policy(db, workspace_id, lock=lock)
    return _view(row) if row is not None else None


def get_policy(db: Transaction, actor: Actor, workspace: WorkspaceRef) -> PolicyView:
    """Raises NotFound, Forbidden."""
    allow(db, actor, Action.READ, workspace)
    found = find_policy(db, workspace.workspace_id)
    if found is None:
        message = "This workspace has no retention policy: its runs are kept until somebody erases them."
        raise NotFound("NoRetentionPolicy", message)
    return found


def set_policy(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, policy: Policy, *, version: int | None = None
) -> PolicyView:
    """It takes the place of the one in force, and what is due is looked for at once.

    `version`: refuse unless that one is in force (0: none). Raises Forbidden, Invalid, PreconditionFailed.
    """
    allow(db, actor, Action.MANAGE, workspace)
    rules.check(policy)
    standing = _end_standing(db, workspace, version)
    now = db.now()
    looks = look(now, standing.looks) if standing else first_look(now)
    values: dict[str, Any] = {
        "document": {"format": rules.FORMAT, **msgspec.to_builtins(policy)},
        "changed_by": member_of(db, actor, workspace.workspace_id),
        "operation_id": standing.operation_id if standing else None,
        "created_at": now,
        "next_at": now,
    }
    queries.add_policy(db, workspace.workspace_id, values | looks._asdict())
    record(db, actor, workspace.workspace_id, "retention policy set")
    return get_policy(db, actor, workspace)


def clear_policy(db: Transaction, actor: Actor, workspace: WorkspaceRef, *, version: int | None = None) -> None:
    """From now on nothing is erased by itself. Raises Forbidden, NotFound, PreconditionFailed."""
    allow(db, actor, Action.MANAGE, workspace)
    get_policy(db, actor, workspace)
    _end_standing(db, workspace, version)
    record(db, actor, workspace.workspace_id, "retention policy cleared")


def _end_standing(db: Transaction, workspace: WorkspaceRef, version: int | None) -> PolicyView | None:
    lock_containers(db, workspace.workspace_id)  # one that is being set now has no row yet that could be waited for
    standing = find_policy(db, workspace.workspace_id, lock=True)
    if version is not None and version != (standing.version if standing else 0):
        message = "The policy has changed meanwhile. Look at the new one, and set yours over that."
        raise PreconditionFailed("PolicyChanged", message)
    if standing is not None:
        queries.change_policy(db, workspace.workspace_id, standing.row_id, {"ended_at": db.now()})
    return standing


def _view(row: sa.Row[Any]) -> PolicyView:
    document = {name: value for name, value in row.document.items() if name != "format"}
    return PolicyView(
        row.row_id,
        row.version,
        msgspec.convert(document, Policy),
        row.changed_by,
        row.operation_id,
        row.created_at,
        row.next_at,
        Looks(row.looked_at, row.even_since),
    )
