"""Who may see an operation: whoever asked for it, and whoever may do the like where its target still is."""

import sqlalchemy as sa

from freehold.domain.access.actor import Action, Actor
from freehold.domain.access.queries import roles_in, workspaces_with
from freehold.domain.access.rules import actions_of, roles_with
from freehold.kit.problems import Forbidden, NotFound
from freehold.operations.model import Operation
from freehold.operations.queries import find
from freehold.records.operations import Operation as OperationRecord
from freehold.records.operations import OperationTarget
from freehold.storage.transaction import Transaction

_NEEDED = {"export": Action.EXPORT, "erase": Action.ERASE, "import": Action.MANAGE}


def see_operation(db: Transaction, actor: Actor, operation_id: str) -> Operation:
    """Raises NotFound when there is none that this actor may see."""
    operation = find(db, operation_id)
    if operation is None or not may_see(db, actor, operation):
        raise NotFound("OperationNotFound", "There is no operation with this id, or you may not see it.")
    return operation


def visible_to(actor: Actor) -> sa.ColumnElement[bool]:
    """`may_see` as a condition on the rows of operations."""
    o = OperationRecord.c
    others = sa.and_(o.kind.not_in(_NEEDED), _home(o.target_id).in_(_reached(actor, Action.MANAGE)))
    named = (
        sa.and_(o.kind == kind, _home(o.target_id).in_(_reached(actor, action))) for kind, action in _NEEDED.items()
    )
    return sa.or_(o.requested_by == actor.person_row, *named, others)


def may_see(db: Transaction, actor: Actor, operation: Operation) -> bool:
    return operation.requested_by == actor.person_row or _needed(operation) in _actions(db, actor, operation)


def require_to_steer(db: Transaction, actor: Actor, operation: Operation) -> None:
    """To cancel needs the right to do the like, or to have asked for it. Raises Forbidden."""
    if operation.requested_by != actor.person_row and _needed(operation) not in _actions(db, actor, operation):
        raise Forbidden("AuthorizationFailed", "You may see this operation but not steer it.")


def _needed(operation: Operation) -> Action:
    return _NEEDED.get(operation.kind, Action.MANAGE)


def _actions(db: Transaction, actor: Actor, operation: Operation) -> frozenset[Action]:
    found = db.execute(sa.select(_home(sa.literal(operation.target_id)))).scalar()
    return actions_of(roles_in(db, actor.person_row, found)) if found is not None else frozenset()


def _home(target_id: sa.ColumnElement[str]) -> sa.ScalarSelect[int]:
    """Where the first of the things is that a target stands for; nowhere once it is gone."""
    target = OperationTarget.c
    first = sa.select(target.workspace_id).where(target.target_id == target_id).order_by(target.row_id).limit(1)
    return first.scalar_subquery()


def _reached(actor: Actor, action: Action) -> sa.Select[tuple[int]]:
    return workspaces_with(actor.person_row, roles_with(action))
