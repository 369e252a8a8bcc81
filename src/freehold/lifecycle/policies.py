"""A workspace's retention policy at work: what it would erase now, and the erasures that it asks for by itself.

One look at a time: whoever looks holds the policy's row, so of several servers one erases, and what it has hidden
the others no longer find. An operation of a policy must have ended well before the next one begins.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.queries import find_workspace_by_key, person_of
from freehold.domain.access.service import allow
from freehold.domain.clock.rules import LOOK_EVERY, has_gone_back, is_believed, look
from freehold.domain.holds.queries import lock_containers
from freehold.domain.retention import queries, rules
from freehold.domain.retention.due.queries import (
    EXPERIMENTS_ASIDE,
    RUNS_BY_RULE,
    Found,
    count_judged,
    due_roots,
    lock_roots,
    names_of,
    page_of_judged,
)
from freehold.domain.retention.rules import Policy, Verdict
from freehold.domain.retention.service import PolicyView, find_policy
from freehold.lifecycle.erase import WITH_ANOTHER, begin
from freehold.lifecycle.gathering import MOST_ROOTS, free_of, plan_together, terms_of_policy
from freehold.lifecycle.plan import ErasePlan
from freehold.lifecycle.telling import RETENTION
from freehold.operations.model import Operation, State
from freehold.operations.queries import find as find_operation
from freehold.operations.service import Operations
from freehold.records.rules import Scope
from freehold.storage.database import Database
from freehold.storage.transaction import Transaction

# ---- preview


class Judged(NamedTuple):
    """A run or an experiment and what becomes of it. Times are microseconds UTC; `deleted_at`: set aside since."""

    scope: Scope
    root_id: str
    name: str
    experiment: str
    created_at: int
    deleted_at: int | None
    verdict: Verdict
    because: str


class Preview(NamedTuple):
    """`counts`: of all that the policy looks at, by verdict. `plan`: of what of this page goes. `next_place`: behind
    the last one of the page, None where it is the last."""

    as_of: int
    counts: dict[Verdict, int]
    page: list[Judged]
    plan: ErasePlan
    next_place: list[int] | None


def preview(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    policy: Policy,
    *,
    verdicts: Sequence[Verdict],
    after: Sequence[int] | None = None,
    limit: int = MOST_ROOTS,
) -> Preview:
    """What the policy says of everything here at this moment; nothing is changed. Raises Invalid, Forbidden."""
    allow(db, actor, Action.READ, workspace)
    rules.check(policy)
    now = db.now()
    terms = terms_of_policy(db, workspace.workspace_id, policy, now)
    counts: dict[Verdict, int] = dict.fromkeys(Verdict, 0)
    for (_, verdict), number in count_judged(db, workspace.workspace_id, terms).items():
        counts[verdict] += number
    found = page_of_judged(db, workspace.workspace_id, terms, verdicts, after or (-1, 0), limit)
    due = [each for each in found if each.verdict is Verdict.DUE]
    last = [found[-1].part, found[-1].row_id] if len(found) == limit else None
    plan = plan_together(db, workspace, due, RETENTION, counts=True)
    return Preview(now, counts, _spelt(db, workspace, policy, found), plan, last)


def _spelt(db: Transaction, workspace: WorkspaceRef, policy: Policy, found: Sequence[Found]) -> list[Judged]:
    named = names_of(db, workspace.workspace_id, found)
    rows = ((each, named[each.part == EXPERIMENTS_ASIDE, each.row_id]) for each in found)
    return [
        Judged(
            Scope.EXPERIMENT if each.part == EXPERIMENTS_ASIDE else Scope.RUN,
            row.root_id,
            row.name,
            row.experiment,
            row.created_at,
            row.deleted_at,
            each.verdict,
            _because(policy, each),
        )
        for each, row in rows
    ]


def _because(policy: Policy, found: Found) -> str:
    if found.verdict is Verdict.WAITING and policy.restore_days is None:
        return "it was set aside, and the policy has no restore window: a purge takes it"
    if found.verdict is not Verdict.DUE:
        also = "" if found.part != RUNS_BY_RULE else ", or that of its child or parent runs"
        return rules.EXEMPT[found.verdict] + also
    if found.part != RUNS_BY_RULE:
        return f"it was set aside more than {policy.restore_days} days ago"
    return rules.describe(policy.rules[found.rule - 1])


# ---- execution


def carry_out(database: Database, operations: Operations, workspace_id: int, forget_days: int) -> Operation | None:
    """One look. All is judged in a reader first; in the short transaction that hides, only what was found due."""
    is_time, found = database.read_now(lambda db: _look_ahead(db, workspace_id))
    if not is_time:
        return None
    return database.write_now(lambda db: _look(db, operations, workspace_id, found, forget_days))


def _look_ahead(db: Transaction, workspace_id: int) -> tuple[bool, list[Found]]:
    """Whether it is time to look, and what seems to be due."""
    standing = find_policy(db, workspace_id)
    now = db.now()
    if standing is None or not _is_time(standing, now):
        return False, []
    if not is_believed(look(now, standing.looks)) or _is_busy(db, standing):
        return True, []
    terms = terms_of_policy(db, workspace_id, standing.policy, now)
    return True, due_roots(db, workspace_id, terms, MOST_ROOTS)


def _look(
    db: Transaction, operations: Operations, workspace_id: int, found: Sequence[Found], forget_days: int
) -> Operation | None:
    lock_containers(db, workspace_id)  # before the policy's row, as whoever sets one locks them
    standing = find_policy(db, workspace_id, lock=True)
    now = db.now()
    if standing is None or not _is_time(standing, now):
        return None  # it was cleared, or another server has looked in this moment
    looks = look(now, standing.looks)
    is_busy = _is_busy(db, standing)
    may_erase = bool(found) and is_believed(looks) and not is_busy
    operation = _erase(db, operations, workspace_id, standing, found, forget_days, now) if may_erase else None
    is_soon = is_busy or operation is not None  # there may be more than one operation takes
    values: dict[str, Any] = looks._asdict() | {"next_at": now if is_soon else now + LOOK_EVERY}
    if operation is not None:
        values["operation_id"] = operation.operation_id
    queries.change_policy(db, workspace_id, standing.row_id, values)
    return operation


def _erase(
    db: Transaction,
    operations: Operations,
    workspace_id: int,
    standing: PolicyView,
    found: Sequence[Found],
    forget_days: int,
    now: int,
) -> Operation | None:
    """What is still due, now that nobody can restore it any more."""
    workspace = find_workspace_by_key(db, workspace_id)
    assert workspace is not None, "a policy stands no longer than its workspace"
    lock_roots(db, workspace_id, found)
    terms = terms_of_policy(db, workspace_id, standing.policy, now)
    still = due_roots(db, workspace_id, terms, MOST_ROOTS, among=found)
    before = {(each.part, each.row_id) for each in found}
    plan = free_of(db, workspace, [each for each in still if (each.part, each.row_id) in before], RETENTION)
    if plan is None:
        return None
    return begin(
        db,
        operations,
        None,
        workspace,
        plan,
        forget_days,
        called=RETENTION,
        requested_by=person_of(db, standing.changed_by),
        more={"policy": standing.version},
    )


def _is_time(standing: PolicyView, now: int) -> bool:
    """Also when the clock has gone back, which must be noticed before it has caught up."""
    return now >= standing.next_at or has_gone_back(now, standing.looks)


def _is_busy(db: Transaction, standing: PolicyView) -> bool:
    """The erasure before has not ended, or failed and waits for somebody: one at a time, and no heap of failures. Where
    another has erased what it was about, there is nothing to wait for."""
    before = find_operation(db, standing.operation_id) if standing.operation_id else None
    return before is not None and before.state is not State.SUCCEEDED and before.error_code != WITH_ANOTHER
