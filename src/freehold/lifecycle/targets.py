"""What an operation is about: a random id for the paperwork, and the row that maps it to the real thing.

The row is itself erased with the thing; from then on nothing can tell what the id stood for.
"""

import sqlalchemy as sa

from freehold.kit.problems import NotFound
from freehold.lifecycle.selection import HIDDEN, WORKSPACE, Target, key_of
from freehold.records.catalogue import Record, catalogue
from freehold.records.operations import OperationTarget
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

PUBLIC_ID = "public_id"


def root_of(scope: Scope) -> type[Record]:
    """A scope is named after the record at its root."""
    return catalogue()[f"{scope.value}s"]


def public_id(record: type[Record]) -> sa.Column[str]:
    """The column by which clients name a root: `run_id`, `experiment_id`; of the workspace `public_id`."""
    columns = record.table.c
    return columns[PUBLIC_ID] if PUBLIC_ID in columns else columns[f"{record.table.name.removesuffix('s')}_id"]


def find_root(db: Transaction, workspace_id: int, scope: Scope, root_id: str | None) -> Target:
    """The standing root of this public id; of the workspace itself for None. Raises NotFound."""
    if scope is Scope.WORKSPACE:
        return Target(scope, workspace_id, workspace_id)
    root = root_of(scope)
    table = root.table
    found = sa.select(key_of(table)).where(
        table.c[WORKSPACE] == workspace_id, public_id(root) == root_id, table.c[HIDDEN].is_(None)
    )
    row = db.execute(found).scalar()
    if row is None:
        raise NotFound("ResourceNotFound", f"There is no {scope.value} with this id in the workspace.")
    return Target(scope, workspace_id, int(row))


def name_target(db: Transaction, target: Target) -> str:
    """A fresh random id for the target, and its row."""
    target_id = db.new_id()
    link = {} if target.scope is Scope.WORKSPACE else {f"{target.scope.value}_row": target.root_row}
    db.execute(OperationTarget.table.insert().values(workspace_id=target.workspace_id, target_id=target_id, **link))
    return target_id


def find_target(db: Transaction, target_id: str) -> Target | None:
    """None once the thing is erased."""
    columns = OperationTarget.c
    row = db.execute(sa.select(OperationTarget.table).where(columns.target_id == target_id)).first()
    if row is None:
        return None
    if row.run_row is not None:
        return Target(Scope.RUN, row.workspace_id, row.run_row)
    if row.experiment_row is not None:
        return Target(Scope.EXPERIMENT, row.workspace_id, row.experiment_row)
    return Target(Scope.WORKSPACE, row.workspace_id, row.workspace_id)
