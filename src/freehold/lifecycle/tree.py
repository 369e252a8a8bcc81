"""A container with all that stand below it, as one export takes them and one bag names them."""

import msgspec
import sqlalchemy as sa

from freehold.kit.problems import Conflict
from freehold.records.containers import Workspace
from freehold.storage.transaction import Transaction

CONTAINERS = "containers"
CONTAINER_ID = "container_id"


class TreeContainer(msgspec.Struct, frozen=True):
    """`parent_id` is null at the root of the tree, whatever stands above it. Only `workspace_id` never leaves."""

    workspace_id: int
    container_id: str
    parent_id: str | None
    kind: str
    name: str
    arm_path: str

    @property
    def folder(self) -> str:
        return folder_of(self.container_id)


def folder_of(container_id: str) -> str:
    """Below `data/`. So named, DuckDB, pandas and Spark read the container's id as a column of every table."""
    return f"{CONTAINERS}/{CONTAINER_ID}={container_id}"


def standing_tree(db: Transaction, workspace_id: int) -> list[TreeContainer]:
    """The container, then all below it that no erasure has hidden: in order of their ARM paths, so each behind its
    parent, and equal trees alike whoever made them when. Empty where the container itself is hidden."""
    w = Workspace.c
    columns = (w.workspace_id, w.public_id, w.parent_workspace, w.kind, w.name, w.arm_path, w.arm_path_folded)
    stands = sa.select(*columns).where(w.hidden_at.is_(None))
    found = list(db.execute(stands.where(w.workspace_id == workspace_id)))
    level = found
    while level:
        above = [row.workspace_id for row in level]
        level = list(db.execute(stands.where(w.parent_workspace.in_(above))))
        found += level
    ids = {row.workspace_id: row.public_id for row in found}
    found.sort(key=lambda row: row.arm_path_folded.split("/"))
    return [
        TreeContainer(row.workspace_id, row.public_id, ids.get(row.parent_workspace), row.kind, row.name, row.arm_path)
        for row in found
    ]


def tree_changed() -> Conflict:
    message = "A container was made or erased below while the export began. Ask for a new export."
    return Conflict("ExportTreeChanged", message)
