"""Who may see an operation: whoever asked for it, and whoever may do the like where its target still is."""

import sqlalchemy as sa

from freehold.domain.access.actor import Action, Actor
from freehold.domain.access.queries import roles_in
from freehold.domain.access.rules import actions_of
from freehold.kit.problems import Forbidden, NotFound
from freehold.operations.model import Operation
from freehold.operations.service import get_operation
from freehold.records.operations import OperationTarget
from freehold.storage.transaction import Transaction

_NEEDED = {"export": Action.EXPORT, "erase": Action.ERASE, "import": Action.MANAGE}


def see_operation(db: Transaction, actor: Actor, operation_id: str) -> Operation:
    """Raises NotFound when there is none that this actor may see."""
    operation = get_operation(db, operation_id)
    if not may_see(db, actor, operation):
        raise NotFound("OperationNotFound", "There is no operation with this id, or you may not see it.")
    return operation


def may_see(db: Transaction, actor: Actor, operation: Operation) -> bool:
    return operation.requested_by == actor.person_row or _needed(operation) in _actions(db, actor, operation)


def require_to_steer(db: Transaction, actor: Actor, operation: Operation) -> None:
    """To cancel needs the right to do the like, or to have asked for it. Raises Forbidden."""
    if operation.requested_by != actor.person_row and _needed(operation) not in _actions(db, actor, operation):
        raise Forbidden("AuthorizationFailed", "You may see this operation but not steer it.")


def _needed(operation: Operation) -> Action:
    return _NEEDED.get(operation.kind, Action.MANAGE)


def _actions(db: Transaction, actor: Actor, operation: Operation) -> frozenset[Action]:
    target = OperationTarget.c
    found = db.execute(sa.select(target.workspace_id).where(target.target_id == operation.target_id)).scalar()
    return actions_of(roles_in(db, actor.person_row, found)) if found is not None else frozenset()
