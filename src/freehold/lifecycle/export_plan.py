"""The plan of an export: what would leave, how much it is, and what stays and why. Nothing is written."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.kit.canonical import canonical_json
from freehold.kit.digests import sha256_hex
from freehold.lifecycle.export import require_export
from freehold.lifecycle.plan import Count, plan_changed
from freehold.lifecycle.removal import object_column
from freehold.lifecycle.selection import Selection, Target, key_of, links_of
from freehold.lifecycle.targets import find_leaving, roots_named
from freehold.lifecycle.tree import TreeContainer, standing_tree
from freehold.lifecycle.weighing import Weight, weigh
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import LinkKind, Scope
from freehold.storage.transaction import Transaction

FORMAT = 1


class Chosen(NamedTuple):
    """What an export takes from: a target in each container. `tree`: the containers, none where it takes one."""

    targets: list[Target]
    tree: list[TreeContainer]


def plan_export(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, scope: Scope, root_id: str | None, *, alone: bool = False
) -> dict[str, Any]:
    """As JSON: `digest` of what is decided on, `containers` in which it is, `records` with rows and the bytes that they
    have in the database (a bag packs them), `metric_points` and the bytes in which they are packed, `objects` with
    bytes, `withheld` with reasons. Raises NotFound, Conflict, Forbidden as the export itself.
    """
    chosen = _choose(db, workspace, scope, root_id, alone=alone)
    for each in chosen.tree[1:]:
        require_export(db, actor, each.workspace_id)
    selections = [Selection(each) for each in chosen.targets]
    exported, decoded = selections[0].exported(), selections[0].decoded()
    return {
        "format": FORMAT,
        "scope": scope.value,
        "digest": _digest(db, chosen),
        "containers": [each.arm_path for each in chosen.tree] or [workspace.arm_path],
        "records": [
            _leaving(each, [weigh(db, each, selection.rows(each)) for selection in selections]) for each in exported
        ],
        "metric_points": sum(_points(db, selection, each) for selection in selections for each in decoded),
        "metric_bytes": sum(weigh(db, each, selection.rows(each)).size for selection in selections for each in decoded),
        "objects": [count.as_document("prefix") for count in _added(db, selections, exported)],
        "withheld": _withheld(chosen),
    }


def refuse_changed(
    db: Transaction, workspace: WorkspaceRef, scope: Scope, root_id: str | None, *, alone: bool, expected: str
) -> None:
    """`expected`: the digest of a dry run. Raises as `plan_export`; PreconditionFailed where the plan is another."""
    if _digest(db, _choose(db, workspace, scope, root_id, alone=alone)) != expected:
        raise plan_changed()


def _choose(db: Transaction, workspace: WorkspaceRef, scope: Scope, root_id: str | None, *, alone: bool) -> Chosen:
    target = find_leaving(db, workspace.workspace_id, scope, root_id)
    tree = standing_tree(db, workspace.workspace_id) if scope is Scope.WORKSPACE and not alone else []
    below = [Target(scope, each.workspace_id, (each.workspace_id,)) for each in tree[1:]]
    return Chosen([target, *below], tree)


def _digest(db: Transaction, chosen: Chosen) -> str:
    """SHA-256 of the canonical JSON of what is decided on, in hex: the roots and what stays. What grows below a root
    belongs to the plan."""
    roots = db.keys.forgotten.digest("roots of an export", "", "\n".join(roots_named(db, chosen.targets))).hex()
    scope = chosen.targets[0].scope.value
    decided = {"format": FORMAT, "scope": scope, "roots": roots, "withheld": _withheld(chosen)}
    return sha256_hex(canonical_json(decided))


def _withheld(chosen: Chosen) -> list[dict[str, str]]:
    reasons = Selection(chosen.targets[0]).withheld()
    return [{"record": str(record.table.name), "because": because} for record, because in reasons]


def _added(db: Transaction, selections: list[Selection], exported: list[type[Record]]) -> Iterator[Count]:
    by_container = [_objects(db, selection, exported) for selection in selections]
    for counts in zip(*by_container, strict=True):
        yield Count(counts[0].name, sum(each.number for each in counts), sum(each.size for each in counts))


def _leaving(record: type[Record], weights: list[Weight]) -> dict[str, Any]:
    rows, size = (sum(each) for each in zip(*weights, strict=True))
    return {"record": str(record.table.name), "rows": rows, "bytes": size}


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
