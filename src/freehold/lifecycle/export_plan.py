"""The plan of an export: what would leave, how much it is, and what stays and why. Nothing is written."""

from typing import Any

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.lifecycle.plan import Count
from freehold.lifecycle.removal import object_column
from freehold.lifecycle.selection import Selection, key_of, links_of
from freehold.lifecycle.targets import find_root
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import LinkKind, Scope
from freehold.storage.transaction import Transaction

FORMAT = 1


def plan_export(db: Transaction, workspace: WorkspaceRef, scope: Scope, root_id: str | None) -> dict[str, Any]:
    """As JSON: `records` with rows, `points` packed in others, `objects` with bytes, `withheld` with reasons.

    Raises NotFound.
    """
    selection = Selection(find_root(db, workspace.workspace_id, scope, root_id))
    exported = selection.exported()
    return {
        "format": FORMAT,
        "scope": scope.value,
        "records": [{"record": str(each.table.name), "rows": _rows(db, selection, each)} for each in exported],
        "metric_points": sum(_points(db, selection, each) for each in selection.decoded()),
        "objects": [count.as_document("prefix") for count in _objects(db, selection, exported)],
        "withheld": [
            {"record": str(record.table.name), "because": because} for record, because in selection.withheld()
        ],
    }


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
