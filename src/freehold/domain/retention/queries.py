"""Rows of retention policies."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from freehold.records.containers import Workspace
from freehold.records.lifecycle import Hold
from freehold.records.retention import RetentionPolicy
from freehold.records.rules import LinkKind
from freehold.storage.portable import one_inserter_at_a_time
from freehold.storage.transaction import Transaction

_p, _h = RetentionPolicy.c, Hold.c


def find_policy(db: Transaction, workspace_id: int, *, lock: bool = False) -> sa.Row[Any] | None:
    """The version in force. `lock`: nobody else changes it, or erases by it, until this transaction ends."""
    found = sa.select(RetentionPolicy.table).where(_p.workspace_id == workspace_id, _p.ended_at.is_(None))
    return db.execute(found.with_for_update() if lock else found).first()


def last_version(db: Transaction, workspace_id: int) -> int:
    found = sa.select(sa.func.max(_p.version)).where(_p.workspace_id == workspace_id)
    return db.execute(found).scalar() or 0


def add_policy(db: Transaction, workspace_id: int, values: dict[str, Any]) -> None:
    """The next version. Two that are set at the same moment follow each other."""
    one_inserter_at_a_time(db.connection, RetentionPolicy.table)
    version = last_version(db, workspace_id) + 1
    db.execute(RetentionPolicy.table.insert().values(values | {"workspace_id": workspace_id, "version": version}))


def change_policy(db: Transaction, workspace_id: int, row_id: int, values: dict[str, Any]) -> None:
    here = sa.and_(_p.workspace_id == workspace_id, _p.row_id == row_id)
    db.execute(RetentionPolicy.table.update().where(here).values(values))


# allow-workspace: because the sweeper goes through all workspaces that have a policy
def workspaces_with_policy(db: Transaction) -> list[int]:
    standing = Workspace.table.join(RetentionPolicy.table, _p.workspace_id == Workspace.c.workspace_id)
    found = (
        sa.select(_p.workspace_id).select_from(standing).where(_p.ended_at.is_(None), Workspace.c.hidden_at.is_(None))
    )
    return list(db.execute(found.order_by(_p.workspace_id)).scalars())


def is_held_whole(db: Transaction, workspace_ids: Collection[int]) -> bool:
    """Whether a hold in force covers one of these containers as a whole."""
    links = [Hold.table.c[name] for name, link in Hold.links().items() if link.kind is LinkKind.HOLDS]
    whole = sa.and_(_h.lifted_at.is_(None), *(column.is_(None) for column in links))
    return (
        db.execute(sa.select(_h.row_id).where(_h.workspace_id.in_(workspace_ids), whole).limit(1)).first() is not None
    )
