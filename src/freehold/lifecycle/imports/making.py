"""The container that an import makes for its bag; it goes again where nothing came into it.

It is made as a PUT of it would make it, by the same rule, in the transaction in which the import begins: what its
paperwork hangs on must stand. An import that fails leaves it for as long as its report is kept, one that is cancelled
not at all.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceName, WorkspaceRef
from freehold.domain.access.ages import changed
from freehold.domain.workspaces import queries as containers
from freehold.domain.workspaces import service as workspaces
from freehold.domain.workspaces.service import Wanted
from freehold.lifecycle.imports.conflicts import is_unused
from freehold.lifecycle.plan import holds_on
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.removal import Removal
from freehold.lifecycle.selection import Target
from freehold.operations import queries as operations
from freehold.operations.model import State
from freehold.records.containers import Workspace
from freehold.records.lifecycle import KeptBag
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

MADE = "made"
"""In an import's options: the container that it goes into was made by it."""
SETTINGS = frozenset(
    {"location", "friendly_name", "description", "sku", "tags", "properties", "created_at", "updated_at"}
)
"""Columns of a container that say what it is like, and not which."""
ROWS_AT_ONCE = 1_000


def make_home(db: Transaction, actor: Actor, name: WorkspaceName) -> tuple[WorkspaceRef, bool]:
    """The container of this name, and whether an import made it, this one or one that failed before.

    Raises NotFound, Forbidden, Invalid, Conflict, as a PUT of it does.
    """
    found = workspaces.find_workspace(db, actor, name)
    if found is not None:
        return found.ref, _is_left(db, found.ref.workspace_id)
    made, _ = workspaces.put_workspace(db, actor, name, Wanted())
    return made.ref, True


def unmake(db: Transaction, operation_id: str, homes: Iterable[int]) -> None:
    """The container that an import made and brought nothing into; one that somebody has come to use or hold stays.

    `homes`: where files of the import were kept.
    """
    operation = operations.find(db, operation_id)
    if operation is None or not operation.options.get(MADE) or operation.state not in (State.FAILED, State.CANCELED):
        return
    for workspace_id in homes:
        if _is_untouched(db, workspace_id):
            _remove(db, workspace_id)


def _is_left(db: Transaction, workspace_id: int) -> bool:
    """An import that made it has failed, and its report is still here."""
    kept = db.execute(sa.select(KeptBag.c.operation_id).where(KeptBag.c.workspace_id == workspace_id)).scalars()
    found = [operations.find(db, each) for each in kept]
    made = any(each is not None and each.options.get(MADE) for each in found)
    return made and is_as_made(db, workspace_id)


def is_as_made(db: Transaction, workspace_id: int) -> bool:
    """Nobody has used it since, or made it their own by a PUT."""
    c = Workspace.c
    as_made = sa.select(c.workspace_id).where(c.workspace_id == workspace_id, c.created_at == c.updated_at)
    is_unchanged = db.execute(as_made.where(c.hidden_at.is_(None))).first() is not None
    return is_unchanged and is_unused(db, workspace_id)


def _is_untouched(db: Transaction, workspace_id: int) -> bool:
    others = sa.select(KeptBag.c.row_id).where(KeptBag.c.workspace_id == workspace_id).limit(1)
    is_needed = db.execute(others).first() is not None or containers.find_child(db, workspace_id) is not None
    is_held = any(True for _ in holds_on(db, _reach(workspace_id)))
    return not is_needed and not is_held and is_as_made(db, workspace_id)


def _remove(db: Transaction, workspace_id: int) -> None:
    """At once: nothing was ever in it but paperwork of the import."""
    reach = _reach(workspace_id)
    also = frozenset(str(record.table.name) for record in reach.records())
    for record in reach.records():
        going = Removal(record, reach.rows(record), also=also)
        while going.remove(db, ROWS_AT_ONCE):
            pass
    db.after_commit(changed)


def _reach(workspace_id: int) -> Reach:
    return Reach(Target(Scope.WORKSPACE, workspace_id, (workspace_id,)), hidden_only=False)
