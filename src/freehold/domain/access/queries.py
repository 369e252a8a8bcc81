"""Roles at their scopes, and the workspaces they reach."""

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceName, WorkspaceRef
from freehold.records.containers import ResourceGroup, Subscription, Workspace
from freehold.records.people import Member, MemberAlias, RoleAssignment
from freehold.storage.portable import Prepared, upsert
from freehold.storage.transaction import Transaction

_REF = (
    Workspace.c.workspace_id,
    Workspace.c.public_id,
    Subscription.c.subscription_id,
    ResourceGroup.c.name,
    Workspace.c.name,
    Workspace.c.location,
)
_TREE = Workspace.table.join(ResourceGroup.table, Workspace.c.resource_group_row == ResourceGroup.c.row_id).join(
    Subscription.table, ResourceGroup.c.subscription_row == Subscription.c.row_id
)


def find_workspace(db: Transaction, name: WorkspaceName) -> WorkspaceRef | None:
    found = (
        sa.select(*_REF)
        .select_from(_TREE)
        .where(
            Subscription.c.subscription_id == name.subscription_id.lower(),
            ResourceGroup.c.name_folded == name.resource_group.casefold(),
            Workspace.c.name_folded == name.name.casefold(),
            Workspace.c.hidden_at.is_(None),
        )
    )
    row = db.execute(found).first()
    return WorkspaceRef(*tuple(row)) if row else None


def find_default_workspace(db: Transaction) -> WorkspaceRef | None:
    """The oldest workspace named `default`: the one that plain MLflow paths mean."""
    found = (
        sa.select(*_REF)
        .select_from(_TREE)
        .where(Workspace.c.name_folded == "default", Workspace.c.hidden_at.is_(None))
        .order_by(Workspace.c.workspace_id)
        .limit(1)
    )
    row = db.execute(found).first()
    return WorkspaceRef(*tuple(row)) if row else None


def find_workspace_by_key(db: Transaction, workspace_id: int) -> WorkspaceRef | None:
    """Also a hidden one: for operations that are erasing it."""
    row = db.execute(sa.select(*_REF).select_from(_TREE).where(Workspace.c.workspace_id == workspace_id)).first()
    return WorkspaceRef(*tuple(row)) if row else None


def roles_in(db: Transaction, person_row: int, workspace_id: int) -> list[str]:
    """Roles that the person holds on the workspace or on anything above it."""
    a = RoleAssignment.c
    held = (
        sa.select(a.role)
        .select_from(_TREE)
        .join(
            RoleAssignment.table,
            sa.or_(
                a.scope_workspace == Workspace.c.workspace_id,
                a.resource_group_row == ResourceGroup.c.row_id,
                a.subscription_row == Subscription.c.row_id,
            ),
        )
        .where(a.person_row == person_row, Workspace.c.workspace_id == workspace_id)
    )
    return list(db.execute(held).scalars())


def roles_in_group(db: Transaction, person_row: int, resource_group_row: int) -> list[str]:
    """Roles held on a resource group or on its subscription."""
    a = RoleAssignment.c
    held = (
        sa.select(a.role)
        .join(
            ResourceGroup.table,
            sa.or_(
                a.resource_group_row == ResourceGroup.c.row_id,
                a.subscription_row == ResourceGroup.c.subscription_row,
            ),
        )
        .where(a.person_row == person_row, ResourceGroup.c.row_id == resource_group_row)
    )
    return list(db.execute(held).scalars())


_find_member = Prepared(
    lambda _: sa.select(Member.c.row_id).where(
        Member.c.workspace_id == sa.bindparam("workspace_id"), Member.c.person_row == sa.bindparam("person_row")
    )
)
_find_alias = Prepared(
    lambda _: sa.select(MemberAlias.c.row_id).where(
        MemberAlias.c.workspace_id == sa.bindparam("workspace_id"),
        MemberAlias.c.member_row == sa.bindparam("member_row"),
        MemberAlias.c.alias == sa.bindparam("alias"),
    )
)


def find_member(db: Transaction, workspace_id: int, person_row: int) -> int | None:
    row = _find_member.one(db.connection, {"workspace_id": workspace_id, "person_row": person_row})
    return row[0] if row else None


def add_member(db: Transaction, workspace_id: int, person_row: int) -> None:
    """Harmless when another request made the membership in the same moment."""
    member = {"workspace_id": workspace_id, "person_row": person_row, "member_id": db.new_id(), "created_at": db.now()}
    db.execute(upsert(db.connection, Member.table).values(member).on_conflict_do_nothing())


def find_alias(db: Transaction, workspace_id: int, member_row: int, alias: str) -> int | None:
    row = _find_alias.one(db.connection, {"workspace_id": workspace_id, "member_row": member_row, "alias": alias})
    return row[0] if row else None


def add_alias(db: Transaction, workspace_id: int, member_row: int, alias: str) -> None:
    values = {"workspace_id": workspace_id, "member_row": member_row, "alias": alias}
    db.execute(upsert(db.connection, MemberAlias.table).values(values).on_conflict_do_nothing())
