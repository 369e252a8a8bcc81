"""After a restore: what was erased since the backup was made is found by the forget list, and erased again."""

from collections.abc import Iterator
from typing import NamedTuple

import sqlalchemy as sa

from freehold.domain.access.queries import find_workspace_by_key
from freehold.domain.forgetting.queries import list_all
from freehold.lifecycle.erase import request_again
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.removal import release
from freehold.lifecycle.selection import HIDDEN, WORKSPACE, Target, deep_owners, key_of
from freehold.lifecycle.targets import public_id, root_of
from freehold.operations.model import Operation
from freehold.operations.service import Operations
from freehold.records.catalogue import catalogue
from freehold.records.containers import Workspace
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction


class Returned(NamedTuple):
    """Something that stands although it was erased."""

    scope: Scope
    workspace_id: int
    root_id: str


def erase_returned(db: Transaction, operations: Operations) -> list[Operation]:
    """In one transaction, before anybody is served: hide whatever came back, and have it erased again."""
    forgotten = {digest for digest, _ in list_all(db)}
    begun: list[Operation] = []
    hidden: list[Target] = []
    for scope in Scope:  # the widest first: what hangs below a returned root is hidden with it, and not found again
        for found in list(_returned(db, scope, forgotten)):
            if not _stands(db, found):
                continue  # it was hidden with what it hangs on
            workspace = find_workspace_by_key(db, found.workspace_id)
            assert workspace is not None, "a row's workspace stands as long as the row"
            root_id = None if scope is Scope.WORKSPACE else found.root_id
            operation, targets = request_again(db, operations, workspace, scope, root_id)
            begun.append(operation)
            hidden.extend(targets)
    for target in hidden:
        release(db, Reach(target))
    return begun


def _stands(db: Transaction, found: Returned) -> bool:
    root = root_of(found.scope)
    mine = (root.table.c[WORKSPACE] == found.workspace_id, public_id(root) == found.root_id)
    return db.execute(sa.select(key_of(root.table)).where(*mine, root.table.c[HIDDEN].is_(None))).first() is not None


def _returned(db: Transaction, scope: Scope, forgotten: set[bytes]) -> Iterator[Returned]:
    digest = db.keys.forgotten.digest
    for workspace_id, container, root_id in _standing(db, scope):
        if digest(scope.value, container, root_id) in forgotten:
            yield Returned(scope, workspace_id, root_id)


def _standing(db: Transaction, scope: Scope) -> list[tuple[int, str, str]]:
    """(workspace, its public id, public id) of every root of this scope that nothing hides."""
    root = root_of(scope)
    here = [root.table.c[HIDDEN].is_(None), Workspace.c.hidden_at.is_(None)]
    source: sa.FromClause = root.table
    if scope is not Scope.WORKSPACE:
        source = root.table.join(Workspace.table, root.table.c[WORKSPACE] == Workspace.c.workspace_id)
    for column, owner in deep_owners(root, catalogue()):
        if HIDDEN in owner.table.c and owner is not root:
            above = owner.table.alias(f"above_{column.name}")
            source = source.outerjoin(above, column == key_of(above))
            here.append(above.c[HIDDEN].is_(None))
    columns = (root.table.c[WORKSPACE], Workspace.c.public_id, public_id(root).label("root_id"))
    found = db.execute(sa.select(*columns).select_from(source).where(*here))
    return [(row[0], row.public_id, row.root_id) for row in found]
