"""Rows of subscriptions, resource groups and workspaces."""

from typing import Any

import sqlalchemy as sa

from freehold.records.containers import ResourceGroup, Subscription, Workspace
from freehold.storage.transaction import Transaction


def find_group(db: Transaction, subscription_id: str, name: str) -> sa.Row[Any] | None:
    return db.execute(
        sa.select(
            ResourceGroup.c.row_id,
            ResourceGroup.c.name,
            ResourceGroup.c.location,
            Subscription.c.subscription_id,
            Subscription.c.row_id.label("subscription_row"),
        )
        .join(Subscription.table, ResourceGroup.c.subscription_row == Subscription.c.row_id)
        .where(
            Subscription.c.subscription_id == subscription_id.lower(),
            ResourceGroup.c.name_folded == name.casefold(),
        )
    ).first()


def find_in_group(db: Transaction, resource_group_row: int, name: str) -> sa.Row[Any] | None:
    return db.execute(
        sa.select(*Workspace.table.columns).where(
            Workspace.c.resource_group_row == resource_group_row,
            Workspace.c.name_folded == name.casefold(),
        )
    ).first()


def get_row(db: Transaction, workspace_id: int) -> sa.Row[Any] | None:
    return db.execute(
        sa.select(*Workspace.table.columns).where(Workspace.c.workspace_id == workspace_id)
    ).first()


def list_rows(db: Transaction, *, group_rows: list[int], after: int, limit: int) -> list[sa.Row[Any]]:
    """Standing workspaces of resource groups, oldest first, after the integer key `after`."""
    found = (
        sa.select(*Workspace.table.columns)
        .where(
            Workspace.c.resource_group_row.in_(group_rows),
            Workspace.c.hidden_at.is_(None),
            Workspace.c.workspace_id > after,
        )
        .order_by(Workspace.c.workspace_id)
        .limit(limit)
    )
    return list(db.execute(found))


def add(db: Transaction, values: dict[str, Any]) -> int:
    key = db.execute(Workspace.table.insert().values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def change(db: Transaction, workspace_id: int, values: dict[str, Any]) -> None:
    db.execute(Workspace.table.update().where(Workspace.c.workspace_id == workspace_id).values(values))
