"""Where the containers of a bag go: the root into one that stands, those below it into new ones, in the same order."""

import msgspec
import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.access.kinds import FACTS, Kind
from freehold.domain.access.queries import find_workspace_by_key
from freehold.lifecycle.imports.spool import BagContainer, ContainerSpool, ImportSpool
from freehold.records.columns import Json
from freehold.records.containers import Workspace
from freehold.storage.transaction import Transaction

NOT_MADE = 0
"""The integer key of a container that does not stand yet: no row has it."""


def places_of(workspace: WorkspaceRef, spool: ImportSpool) -> list[WorkspaceRef]:
    """As they will be called; `workspace` itself for a bag of one container."""
    tree = spool.tree()
    places = [workspace]
    for each, container in zip(tree[1:], spool.containers()[1:], strict=True):
        above = places[_parent(each)]
        places.append(
            above._replace(
                workspace_id=NOT_MADE,
                public_id=str(_row(container)["public_id"]),
                name=each.name,
                kind=Kind(each.kind),
                arm_path=_below(above, each),
            )
        )
    return places


def make_below(db: Transaction, above: WorkspaceRef, each: BagContainer, container: ContainerSpool) -> WorkspaceRef:
    """A new container as the bag has it: id, settings, times. Who owns the one above owns it too."""
    w = Workspace.c
    group = db.execute(sa.select(w.resource_group_row).where(w.workspace_id == above.workspace_id)).scalar_one()
    path = _below(above, each)
    values = _decoded(_row(container)) | {
        "resource_group_row": group,
        "parent_workspace": above.workspace_id,
        "name": each.name,
        "arm_path": path,
        "arm_path_folded": path.casefold(),
    }
    key = db.execute(Workspace.table.insert().values(values)).inserted_primary_key
    assert key is not None, "a container has a key of its own"
    made = find_workspace_by_key(db, int(key[0]))
    assert made is not None, "what was just written is there"
    return made


def _below(above: WorkspaceRef, each: BagContainer) -> str:
    return f"{above.arm_path}/{FACTS[Kind(each.kind)].collections[-1]}/{each.name}"


def _parent(each: BagContainer) -> int:
    assert each.parent is not None, "only the root has none"
    return each.parent


def _row(container: ContainerSpool) -> dict[str, object]:
    row = container.prepared().container
    assert row is not None, "a bag of a tree holds whole containers"
    return row


def _decoded(row: dict[str, object]) -> dict[str, object]:
    """A bag has documents as text."""
    is_json = {column.name for column in Workspace.table.columns if isinstance(column.type, Json)}
    return {name: msgspec.json.decode(str(value)) if name in is_json else value for name, value in row.items()}
