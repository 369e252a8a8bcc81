"""Many roots that go together: from what was judged due to one planned erasure. For retention and purge."""

from collections.abc import Iterable, Sequence

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.clock.service import surely_until
from freehold.domain.holds.queries import line_of
from freehold.domain.retention.due.queries import EXPERIMENTS_ASIDE, Found, Terms
from freehold.domain.retention.queries import is_held_whole
from freehold.domain.retention.rules import DAY, Policy
from freehold.lifecycle.plan import ErasePlan, plan_targets
from freehold.lifecycle.selection import Target
from freehold.lifecycle.targets import roots_named
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

MOST_ROOTS = 200
"""Of one erasure: it is planned and hidden in one transaction, which others wait for."""


def terms_of_policy(db: Transaction, workspace_id: int, policy: Policy, now: int) -> Terms:
    until = None if policy.restore_days is None else surely_until(db, now - policy.restore_days * DAY)
    return Terms(policy, now, until, _is_held(db, workspace_id))


def terms_of_purge(db: Transaction, workspace_id: int, before: int) -> Terms:
    """Everything that was set aside until then, whatever the policy says."""
    return Terms(Policy(), before, before, _is_held(db, workspace_id))


def plan_together(
    db: Transaction, workspace: WorkspaceRef, found: Sequence[Found], called: str, *, counts: bool
) -> ErasePlan:
    """The same plan for preview and execution, which counts nothing. `called`: in what name they go together."""
    targets = [
        Target(scope, workspace.workspace_id, rows)
        for scope, rows in (
            (Scope.EXPERIMENT, _rows(each for each in found if each.part == EXPERIMENTS_ASIDE)),
            (Scope.RUN, _rows(each for each in found if each.part != EXPERIMENTS_ASIDE)),
        )
        if rows
    ]
    names = "\n".join(roots_named(db, targets))
    root = db.keys.forgotten.digest(called, workspace.public_id, names).hex()
    return plan_targets(db, targets[0].scope if targets else Scope.RUN, targets, root, counts=counts)


def free_of(db: Transaction, workspace: WorkspaceRef, found: Sequence[Found], called: str) -> ErasePlan | None:
    """The plan of those that nothing refuses to lose; None where there are none."""
    whole = plan_together(db, workspace, found, called, counts=False)
    if not whole.holds and not whole.conflicts:
        return whole if whole.targets else None
    plans = ((each, plan_together(db, workspace, [each], called, counts=False)) for each in found)
    free = [each for each, plan in plans if not plan.holds and not plan.conflicts]
    return plan_together(db, workspace, free, called, counts=False) if free else None


def _rows(found: Iterable[Found]) -> tuple[int, ...]:
    return tuple(each.row_id for each in found)


def _is_held(db: Transaction, workspace_id: int) -> bool:
    return is_held_whole(db, line_of(db, workspace_id))
