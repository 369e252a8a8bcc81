"""Purge: what MLflow's delete has set aside is erased at once, whatever restore window there is."""

from typing import NamedTuple

from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.service import allow
from freehold.domain.audit.service import note_interaction
from freehold.domain.clock import service as clock
from freehold.domain.documents.service import require_standing
from freehold.domain.holds.queries import lock_containers
from freehold.domain.retention.due.queries import count_judged, due_roots, lock_roots
from freehold.domain.retention.rules import Verdict
from freehold.kit.problems import Conflict, PreconditionFailed
from freehold.lifecycle.erase import begin, refuse_unless_free
from freehold.lifecycle.gathering import MOST_ROOTS, plan_together, terms_of_purge
from freehold.lifecycle.plan import ErasePlan
from freehold.operations.model import Operation
from freehold.operations.service import Operations
from freehold.storage.transaction import Transaction

PURGE = "purge"
"""The scope of its operations and certificates."""


class PurgePlan(NamedTuple):
    """`total`: how much is set aside and free; `held`: how much a hold keeps. `plan`: of the first of them."""

    before: int
    total: int
    held: int
    plan: ErasePlan


def plan_purge(db: Transaction, workspace: WorkspaceRef, before: int | None = None) -> PurgePlan:
    """What was set aside at `before` (microseconds UTC; None: until now, whatever the clock showed then) or earlier.
    Nothing is changed."""
    before = clock.surely_after(db) if before is None else before
    terms = terms_of_purge(db, workspace.workspace_id, before)
    counts = count_judged(db, workspace.workspace_id, terms)
    numbers = {
        wanted: sum(number for (_, verdict), number in counts.items() if verdict is wanted)
        for wanted in (Verdict.DUE, Verdict.HELD)
    }
    found = due_roots(db, workspace.workspace_id, terms, MOST_ROOTS)
    plan = plan_together(db, workspace, found, PURGE, counts=True)
    return PurgePlan(before, numbers[Verdict.DUE], numbers[Verdict.HELD], plan)


def request_purge(
    db: Transaction,
    operations: Operations,
    actor: Actor,
    workspace: WorkspaceRef,
    *,
    before: int | None = None,
    plan_digest: str | None = None,
    forget_days: int = 3_650,
) -> Operation:
    """Hide at most 200 of what is set aside in this transaction and have them erased; ask again for the rest.

    Raises Forbidden, PreconditionFailed where `plan_digest` is that of another plan, Conflict where there is nothing.
    """
    allow(db, actor, Action.ERASE, workspace)
    require_standing(db, workspace)
    lock_containers(db, workspace.workspace_id)
    terms = terms_of_purge(db, workspace.workspace_id, clock.surely_after(db) if before is None else before)
    found = due_roots(db, workspace.workspace_id, terms, MOST_ROOTS)
    lock_roots(db, workspace.workspace_id, found)
    # Not what has come into the place of one restored meanwhile: nothing keeps that from being restored, too.
    still = due_roots(db, workspace.workspace_id, terms, MOST_ROOTS, among=found) if found else []
    plan = plan_together(db, workspace, still, PURGE, counts=False)
    if plan_digest is not None and plan_digest != plan.digest:
        message = "What is set aside has changed since the dry run. Look at the new plan and confirm that one."
        raise PreconditionFailed("PlanChanged", message)
    if not plan.targets:
        raise Conflict("NothingSetAside", "Nothing is set aside here that could be purged. A dry run counts holds.")
    refuse_unless_free(db, actor, plan)
    operation = begin(db, operations, actor, workspace, plan, forget_days, called=PURGE)
    note_interaction(db, actor, workspace.workspace_id, "purge")
    return operation
