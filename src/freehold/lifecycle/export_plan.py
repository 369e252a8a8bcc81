"""The plan of an export: what would leave, how much it is, and what stays and why. Nothing is written."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.lifecycle.export import require_export
from freehold.lifecycle.plan import Count
from freehold.lifecycle.removal import object_column
from freehold.lifecycle.selection import Selection, Target, key_of, links_of
from freehold.lifecycle.targets import find_root
from freehold.lifecycle.tree import standing_tree
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import LinkKind, Scope
from freehold.storage.transaction import Transaction

FORMAT = 1


def plan_export(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, scope: Scope, root_id: str | None, *, alone: bool = False
) -> dict[str, Any]:
    """As JSON: `containers` in which it is, `records` with rows, `points` packed in others, `objects` with bytes,
    `withheld` with reasons. Raises NotFound, Forbidden as the export itself.
    """
    target = find_root(db, workspace.workspace_id, scope, root_id)
    tree = standing_tree(db, workspace.workspace_id) if scope is Scope.WORKSPACE and not alone else []
    for each in tree[1:]:
        require_export(db, actor, each.workspace_id)
    below = [Target(scope, each.workspace_id, (each.workspace_id,)) for each in tree[1:]]
    selections = [Selection(each) for each in (target, *below)]
    exported, decoded = selections[0].exported(), selections[0].decoded()
    return {
        "format": FORMAT,
        "scope": scope.value,
        "containers": [each.arm_path for each in tree] or [workspace.arm_path],
        "records": [
            {"record": str(each.table.name), "rows": sum(_rows(db, selection, each) for selection in selections)}
            for each in exported
        ],
        "metric_points": sum(_points(db, selection, each) for selection in selections for each in decoded),
        "objects": [count.as_document("prefix") for count in _added(db, selections, exported)],
        "withheld": [
            {"record": str(record.table.name), "because": because} for record, because in selections[0].withheld()
        ],
    }


def _added(db: Transaction, selections: list[Selection], exported: list[type[Record]]) -> Iterator[Count]:
    by_container = [_objects(db, selection, exported) for selection in selections]
    for counts in zip(*by_container, strict=True):
        yield Count(counts[0].name, sum(each.number for each in counts), sum(each.size for each in counts))


def _rows(db: Transaction, selection: Selection, record: type[Record]) -> int:
    found = sa.select(sa.func.count()).select_from(record.table).where(selection.rows(record))
    return int(db.execute(found).scalar_one())


def _points(db: Transaction, selection: Selection, record: type[Record]) -> int:
    found = sa.select(sa.func.coalesce(sa.func.sum(record.table.c["count"]), 0)).where(selection.rows(record))
    return int(db.execute(found).scalar_one())


def _objects(db: Transaction, selection: Selection, exported: list[type[Record]]) -> list[Count]:
    """Of each record that names bytes: an object that two rows name leaves as two files."""
    counts = []
    for record in exported:
        for column, target in links_of(record, catalogue()):
            is_object = object_column(target) is not None and column.info["link"].kind is LinkKind.REFCOUNT
            if is_object:
                counts.append(_count(db, selection, record, column, target))
    return counts


def _count(
    db: Transaction, selection: Selection, record: type[Record], column: sa.Column[Any], target: type[Record]
) -> Count:
    found = (
        sa.select(
            sa.func.count().label("number"), sa.func.coalesce(sa.func.sum(target.table.c["size"]), 0).label("size")
        )
        .select_from(record.table.join(target.table, column == key_of(target.table)))
        .where(selection.rows(record))
    )
    row = db.execute(found).one()
    return Count(str(record.table.name), int(row.number), int(row.size))
