"""Legal holds: while one is in force, what it covers cannot be erased, by whatever scope or verb it is asked."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.members import member_of
from freehold.domain.access.queries import find_workspace_by_key
from freehold.domain.access.service import allow, may
from freehold.domain.audit.service import record
from freehold.domain.documents.service import require_standing
from freehold.domain.holds.queries import lock_containers
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.lifecycle.reach import stands
from freehold.lifecycle.selection import WORKSPACE, key_of
from freehold.lifecycle.targets import find_standing, public_id, root_of
from freehold.records.lifecycle import Hold
from freehold.records.rules import LinkKind, Scope
from freehold.storage.transaction import Transaction

LONGEST_REASON = 1_000
SCOPES = frozenset({Scope.WORKSPACE}) | {
    Scope(name.removesuffix("_row")) for name, link in Hold.links().items() if link.kind is LinkKind.HOLDS
}
_h = Hold.c


class HoldView(NamedTuple):
    """`root_id` None: the whole workspace. Times are microseconds UTC."""

    hold_id: str
    scope: Scope
    root_id: str | None
    reason: str
    created_at: int
    lifted_at: int | None


def place(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, scope: Scope, root_id: str | None, reason: str
) -> HoldView:
    """Raises NotFound, Forbidden, Invalid."""
    allow(db, actor, Action.MANAGE, workspace)
    if scope not in SCOPES:
        names = ", ".join(sorted(SCOPES))
        raise Invalid("InvalidScope", f"A hold is placed on one of: {names}.", target="scope")
    if not reason.strip() or len(reason) > LONGEST_REASON:
        message = f"A hold gives its reason, in at most {LONGEST_REASON} characters."
        raise Invalid("InvalidReason", message, target="reason")
    lock_containers(db, workspace.workspace_id)
    require_standing(db, workspace)
    root = find_standing(db, workspace.workspace_id, scope, root_id)
    link = {} if scope is Scope.WORKSPACE else {f"{scope.value}_row": root.root_row}
    hold_id = db.new_id()
    values = {
        "workspace_id": workspace.workspace_id,
        "hold_id": hold_id,
        "reason": reason,
        "created_by": member_of(db, actor, workspace.workspace_id),
        "created_at": db.now(),
    }
    db.execute(Hold.table.insert().values(values | link))
    record(db, actor, workspace.workspace_id, "hold placed", hold_id)
    return get(db, actor, workspace, hold_id)


def lift(db: Transaction, actor: Actor, workspace: WorkspaceRef, hold_id: str) -> HoldView:
    """Raises NotFound, Forbidden; Conflict when it was lifted already."""
    allow(db, actor, Action.MANAGE, workspace)
    get(db, actor, workspace, hold_id)
    here = sa.and_(_h.workspace_id == workspace.workspace_id, _h.hold_id == hold_id, _h.lifted_at.is_(None))
    if db.execute(Hold.table.update().where(here).values(lifted_at=db.now())).rowcount == 0:
        raise Conflict("HoldLifted", "This hold was lifted already.")
    record(db, actor, workspace.workspace_id, "hold lifted", hold_id)
    return get(db, actor, workspace, hold_id)


def get(db: Transaction, actor: Actor, workspace: WorkspaceRef, hold_id: str) -> HoldView:
    found = [each for each in list_all(db, actor, workspace) if each.hold_id == hold_id]
    if not found:
        raise NotFound("HoldNotFound", "There is no hold with this id in the workspace.")
    return found[0]


def list_all(db: Transaction, actor: Actor, workspace: WorkspaceRef) -> list[HoldView]:
    """Newest first, lifted ones too, but not those of what an erasure has hidden."""
    allow(db, actor, Action.READ, workspace)
    here = (_h.workspace_id == workspace.workspace_id, *_about_what_stands())
    rows = db.execute(sa.select(Hold.table).where(*here).order_by(_h.row_id.desc()))
    return [_view(db, row) for row in rows]


def seen_by(db: Transaction, actor: Actor, hold_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Of the holds those that the actor may list, each with the ARM path of its container: it may be one above."""
    where = sa.select(_h.hold_id, _h.workspace_id).where(_h.hold_id.in_(hold_ids)).order_by(_h.row_id)
    homes = [(row.hold_id, find_workspace_by_key(db, row.workspace_id)) for row in db.execute(where)]
    return [(hold, home.path) for hold, home in homes if home and may(db, actor, Action.READ, home.workspace_id)]


def _about_what_stands() -> Iterator[sa.ColumnElement[bool]]:
    for scope in SCOPES - {Scope.WORKSPACE}:
        column, root = Hold.table.c[f"{scope.value}_row"], root_of(scope)
        yield sa.or_(column.is_(None), column.in_(sa.select(key_of(root.table)).where(stands(root))))


def _view(db: Transaction, row: sa.Row[tuple[object, ...]]) -> HoldView:
    values = row._mapping
    scope = next((each for each in SCOPES - {Scope.WORKSPACE} if values[f"{each.value}_row"]), Scope.WORKSPACE)
    root_id = None
    if scope is not Scope.WORKSPACE:
        root = root_of(scope)
        mine = (root.table.c[WORKSPACE] == values[WORKSPACE], root.table.c.row_id == values[f"{scope.value}_row"])
        root_id = db.execute(sa.select(public_id(root)).where(*mine)).scalar()
    return HoldView(values["hold_id"], scope, root_id, values["reason"], values["created_at"], values["lifted_at"])
