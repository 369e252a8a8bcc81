"""DELETE as the published pages have it: hidden before it answers, erased soon after, verified by the next sweep.

Deletions of one person in one workspace that come within a moment of each other are one erasure, with one search and
one certificate: a script that deletes a thousand models begins a few operations, not a thousand.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.audit.service import record
from freehold.domain.documents.service import require_standing
from freehold.domain.holds.queries import lock_containers
from freehold.lifecycle.erase import KIND, hide, refuse_unless_free
from freehold.lifecycle.plan import plan_targets
from freehold.lifecycle.selection import Target
from freehold.lifecycle.targets import name_targets
from freehold.operations.model import Operation, State
from freehold.operations.service import Operations, get_operation, request_operation
from freehold.records.operations import Operation as OperationRecord
from freehold.records.operations import OperationTarget
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

SCOPE = "documents"
GATHERING_SECONDS = 2.0
MOST_TOGETHER = 500


def delete(
    db: Transaction,
    operations: Operations,
    actor: Actor,
    workspace: WorkspaceRef,
    roots: Sequence[tuple[Scope, int]],
    *,
    forget_days: int,
) -> Operation:
    """Hide the roots now and have them erased. The caller has made sure that the actor may delete them.

    Raises StillNeeded where something that stays refers to one, UnderHold.
    """
    require_standing(db, workspace)
    lock_containers(db, workspace.workspace_id)
    targets = [Target(scope, workspace.workspace_id, (row,)) for scope, row in roots]
    root = db.keys.forgotten.digest(SCOPE, workspace.public_id, repr(sorted(roots))).hex()
    plan = plan_targets(db, targets[0].scope, targets, root, counts=False)
    refuse_unless_free(db, actor, plan)
    open_one = _find_open(db, actor, workspace.workspace_id)
    target_id = name_targets(db, plan.targets, open_one.target_id if open_one else None)
    hide(db, workspace, plan, forget_days)
    record(db, actor, workspace.workspace_id, f"{targets[0].scope.value} deleted", target_id)
    if open_one is not None:
        return open_one
    return request_operation(
        db,
        operations,
        kind=KIND,
        target_id=target_id,
        scope=SCOPE,
        requested_by=actor.person_row,
        can_cancel=False,
        after_seconds=GATHERING_SECONDS,
    )


def _find_open(db: Transaction, actor: Actor, workspace_id: int) -> Operation | None:
    """A deletion of this actor in this workspace that has not begun to run, locked so that it does not begin meanwhile.
    One that is to be retried has noted already what it erases, and would say of the rest that it is gone, too.

    Somebody else's is not for them to see: neither how it ends nor what its certificate counts.
    """
    o, t = OperationRecord.c, OperationTarget.c
    mine = sa.select(t.target_id).where(t.workspace_id == workspace_id)
    waiting = (
        sa.select(o.operation_id, o.target_id)
        .where(o.kind == KIND, o.scope == SCOPE, o.state == State.NOT_STARTED, o.step == "", o.target_id.in_(mine))
        .where(o.requested_by == actor.person_row)
        .with_for_update(of=OperationRecord.table)
    )
    found = db.execute(waiting.order_by(o.row_id.desc()).limit(1)).first()
    if found is None:
        return None
    number = db.execute(sa.select(sa.func.count()).where(t.target_id == found.target_id)).scalar_one()
    return get_operation(db, found.operation_id) if number < MOST_TOGETHER else None
