"""Rows of subscriptions, resource groups and workspaces, and which of them a person may see."""

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from freehold.domain.access.kinds import Kind
from freehold.domain.access.queries import REF
from freehold.records.containers import ResourceGroup, Subscription, Workspace
from freehold.records.people import RoleAssignment
from freehold.storage.transaction import Transaction

_w, _g, _s, _a = Workspace.c, ResourceGroup.c, Subscription.c, RoleAssignment.c
_GROUPS = ResourceGroup.table.join(Subscription.table, _g.subscription_row == _s.row_id)
_TREE = Workspace.table.join(_GROUPS, _w.resource_group_row == _g.row_id)
_PARENT = Workspace.table.alias("parent")
_GROUP_COLUMNS = (
    _g.row_id,
    _g.name,
    _g.location,
    _s.subscription_id,
    _s.row_id.label("subscription_row"),
)
_COLUMNS = (
    *REF,
    _w.parent_workspace,
    _w.friendly_name,
    _w.description,
    _w.sku,
    _w.tags,
    _w.properties,
    _w.created_at,
    _w.updated_at,
    _w.hidden_at,
)


def find_group(db: Transaction, subscription_id: str, name: str) -> sa.Row[Any] | None:
    found = (
        sa.select(*_GROUP_COLUMNS)
        .select_from(_GROUPS)
        .where(_s.subscription_id == subscription_id.lower(), _g.name_folded == name.casefold())
    )
    return db.execute(found).first()


def find_subscription(db: Transaction, subscription_id: str) -> int:
    """The row of one that stands."""
    return int(db.execute(sa.select(_s.row_id).where(_s.subscription_id == subscription_id)).scalar_one())


def add_group(db: Transaction, subscription_row: int, name: str, location: str) -> None:
    values = {"subscription_row": subscription_row, "name": name, "name_folded": name.casefold()}
    db.execute(ResourceGroup.table.insert().values(values | {"location": location, "created_at": db.now()}))


def find_in_group(db: Transaction, resource_group_row: int, arm_path: str) -> sa.Row[Any] | None:
    """Also a hidden one: its row stands until the erasure has removed it."""
    found = (
        sa.select(*_COLUMNS)
        .select_from(_TREE)
        .where(_w.resource_group_row == resource_group_row, _w.arm_path_folded == arm_path.casefold())
    )
    return db.execute(found).first()


def get_row(db: Transaction, workspace_id: int) -> sa.Row[Any] | None:
    found = sa.select(*_COLUMNS).select_from(_TREE).where(_w.workspace_id == workspace_id)
    return db.execute(found).first()


def public_ids_above(db: Transaction, workspace_id: int) -> list[str]:
    above = (
        sa.select(_PARENT.c.public_id, _PARENT.c.parent_workspace)
        .join(Workspace.table, _w.parent_workspace == _PARENT.c.workspace_id)
        .where(_w.workspace_id == workspace_id)
    )
    row = db.execute(above).first()
    if row is None:
        return []
    beyond = sa.select(_w.public_id).where(_w.workspace_id == row.parent_workspace)
    return [row.public_id, *db.execute(beyond).scalars()]


def find_child(db: Transaction, workspace_id: int) -> str | None:
    """The ARM path of something that stands right below."""
    below = sa.select(_w.arm_path).where(_w.parent_workspace == workspace_id, _w.hidden_at.is_(None))
    return db.execute(below.order_by(_w.workspace_id).limit(1)).scalar()


def select_visible(
    db: Transaction,
    person_row: int,
    roles: Sequence[str],
    kind: Kind,
    *,
    subscription_row: int | None = None,
    group_row: int | None = None,
    parent: int | None = None,
    after: int,
    limit: int,
) -> list[sa.Row[Any]]:
    """Standing ones of the kind where the person holds one of `roles`, oldest first, after the integer key `after`."""
    scopes = (
        _a.scope_workspace == _w.workspace_id,
        _a.scope_workspace == _w.parent_workspace,
        _a.scope_workspace == _PARENT.c.parent_workspace,
        _a.resource_group_row == _g.row_id,
        _a.subscription_row == _s.row_id,
    )
    found = (
        sa.select(*_COLUMNS)
        .select_from(_TREE.outerjoin(_PARENT, _PARENT.c.workspace_id == _w.parent_workspace))
        .where(
            _w.kind == kind,
            _w.hidden_at.is_(None),
            _w.workspace_id > after,
            _g.row_id == group_row if group_row is not None else sa.true(),
            _s.row_id == subscription_row if subscription_row is not None else sa.true(),
            _w.parent_workspace == parent if parent is not None else sa.true(),
            _holds(person_row, roles, scopes),
        )
        .order_by(_w.workspace_id)
        .limit(limit)
    )
    return list(db.execute(found))


def select_groups(db: Transaction, person_row: int, roles: Sequence[str], subscription_id: str) -> list[sa.Row[Any]]:
    """Resource groups of a subscription that the person may see: by a role above, there, or on a workspace in it.

    What is two selects deep must be told which outer table it means: alone it would look into every group.
    """
    here = sa.and_(_w.resource_group_row == _g.row_id, _w.hidden_at.is_(None))
    below = sa.select(_w.workspace_id).where(here).correlate(ResourceGroup.table)
    scopes = (
        _a.scope_workspace.in_(below),
        _a.resource_group_row == _g.row_id,
        _a.subscription_row == _s.row_id,
    )
    found = (
        sa.select(*_GROUP_COLUMNS)
        .select_from(_GROUPS)
        .where(_s.subscription_id == subscription_id.lower(), _holds(person_row, roles, scopes))
        .order_by(_g.row_id)
    )
    return list(db.execute(found))


def select_subscriptions(db: Transaction, person_row: int, roles: Sequence[str]) -> list[sa.Row[Any]]:
    """Subscriptions that the person may see: by a role on them or on anything below."""
    groups = sa.select(_g.row_id).where(_g.subscription_row == _s.row_id).correlate(Subscription.table)
    below = (
        sa.select(_w.workspace_id)
        .join(ResourceGroup.table, _w.resource_group_row == _g.row_id)
        .where(_g.subscription_row == _s.row_id, _w.hidden_at.is_(None))
        .correlate(Subscription.table)
    )
    scopes = (_a.scope_workspace.in_(below), _a.resource_group_row.in_(groups), _a.subscription_row == _s.row_id)
    found = sa.select(*Subscription.table.columns).where(_holds(person_row, roles, scopes)).order_by(_s.row_id)
    return list(db.execute(found))


def add(db: Transaction, values: dict[str, Any]) -> int:
    key = db.execute(Workspace.table.insert().values(values)).inserted_primary_key
    assert key is not None
    return int(key[0])


def change(db: Transaction, workspace_id: int, values: dict[str, Any]) -> None:
    db.execute(Workspace.table.update().where(_w.workspace_id == workspace_id).values(values))


def add_role(db: Transaction, person_row: int, workspace_id: int, role: str) -> None:
    values = {"person_row": person_row, "role": role, "scope_workspace": workspace_id, "created_at": db.now()}
    db.execute(RoleAssignment.table.insert().values(values))


def _holds(person_row: int, roles: Sequence[str], scopes: Iterable[sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    held = sa.select(_a.row_id).where(_a.person_row == person_row, _a.role.in_(roles), sa.or_(*scopes))
    return held.correlate(Workspace.table, ResourceGroup.table, Subscription.table, _PARENT).exists()
