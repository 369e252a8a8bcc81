"""Roles at their scopes, and the workspaces they reach."""

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceName, WorkspaceRef
from freehold.domain.access.kinds import FACTS, Kind
from freehold.records.containers import ResourceGroup, Subscription, Workspace
from freehold.records.people import Member, MemberAlias, Person, RoleAssignment
from freehold.storage.portable import Prepared, upsert
from freehold.storage.transaction import Transaction

REF = (
    Workspace.c.workspace_id,
    Workspace.c.public_id,
    Subscription.c.subscription_id,
    ResourceGroup.c.name,
    Workspace.c.name,
    Workspace.c.location,
    Workspace.c.kind,
    Workspace.c.arm_path,
)
_TREE = Workspace.table.join(ResourceGroup.table, Workspace.c.resource_group_row == ResourceGroup.c.row_id).join(
    Subscription.table, ResourceGroup.c.subscription_row == Subscription.c.row_id
)
_PARENT = Workspace.table.alias("parent")

AUTHOR_COLUMNS = (
    Person.c.object_id.label("creator_object_id"),
    Person.c.tenant_id.label("creator_tenant_id"),
    Person.c.profile.label("creator_profile"),
    Member.c.member_id.label("creator_member_id"),
)
"""What `authors.author_of` reads from a row."""


def with_authors(source: sa.FromClause, created_by: sa.ColumnElement[int]) -> sa.Join:
    """The source with the member and the person behind `created_by`, if there are any."""
    members = source.outerjoin(Member.table, created_by == Member.c.row_id)
    return members.outerjoin(Person.table, Member.c.person_row == Person.c.row_id)


def find_workspace(db: Transaction, name: WorkspaceName) -> WorkspaceRef | None:
    here = (
        Subscription.c.subscription_id == name.subscription_id.lower(),
        ResourceGroup.c.name_folded == name.resource_group.casefold(),
        Workspace.c.arm_path_folded == name.arm_path.casefold(),
    )
    return _find(db, *here, Workspace.c.hidden_at.is_(None))


def find_default_workspace(db: Transaction) -> WorkspaceRef | None:
    """The oldest workspace named `default`: the one that plain MLflow paths mean."""
    path = FACTS[Kind.WORKSPACE].arm_path(["default"]).casefold()
    return _find(db, Workspace.c.arm_path_folded == path, Workspace.c.hidden_at.is_(None))


def find_workspace_by_key(db: Transaction, workspace_id: int) -> WorkspaceRef | None:
    """Also a hidden one: for operations that are erasing it."""
    return _find(db, Workspace.c.workspace_id == workspace_id)


def standing_among(db: Transaction, workspace_ids: Iterable[int]) -> list[int]:
    """Those that are there and not hidden, in order: one that is being erased may take no rows any more."""
    w = Workspace.c
    wanted = sa.select(w.workspace_id).where(w.workspace_id.in_(sorted(set(workspace_ids))), w.hidden_at.is_(None))
    return list(db.execute(wanted.order_by(w.workspace_id)).scalars())


def find_ref(db: Transaction, public_id: str) -> WorkspaceRef | None:
    """A standing one by the id that clients see."""
    return _find(db, Workspace.c.public_id == public_id, Workspace.c.hidden_at.is_(None))


# allow-workspace: because what was erased in any of them does not come back, wherever it is brought
def all_public_ids(db: Transaction) -> set[str]:
    """Of every container of the server, also of those that are being erased."""
    return set(db.execute(sa.select(Workspace.c.public_id)).scalars())


def ref_of(row: sa.Row[Any]) -> WorkspaceRef:
    """From a row that begins with the columns of `REF`."""
    workspace_id, public_id, subscription_id, group, name, location, kind, arm_path = tuple(row)[: len(REF)]
    return WorkspaceRef(workspace_id, public_id, subscription_id, group, name, location, Kind(kind), arm_path)


def _find(db: Transaction, *conditions: sa.ColumnElement[bool]) -> WorkspaceRef | None:
    found = sa.select(*REF).select_from(_TREE).where(*conditions).order_by(Workspace.c.workspace_id).limit(1)
    row = db.execute(found).first()
    return ref_of(row) if row else None


def roles_in(db: Transaction, person_row: int, workspace_id: int) -> list[str]:
    """Roles that the person holds on the container or on anything above it."""
    held = _held(RoleAssignment.c.role, person_row).where(Workspace.c.workspace_id == workspace_id)
    return list(db.execute(held).scalars())


# allow-workspace: because it finds the workspaces
def workspaces_with(person_row: int, roles: Iterable[str]) -> sa.Select[tuple[int]]:
    """To compare with: the containers on which, or on anything above which, the person holds one of the roles."""
    return _held(Workspace.c.workspace_id, person_row).where(RoleAssignment.c.role.in_(sorted(roles)))


def _held(column: sa.Column[Any], person_row: int) -> sa.Select[Any]:
    """Of the person's roles in each container that they reach."""
    a = RoleAssignment.c
    return (
        sa.select(column)
        .select_from(_TREE.outerjoin(_PARENT, _PARENT.c.workspace_id == Workspace.c.parent_workspace))
        .join(
            RoleAssignment.table,
            sa.or_(
                a.scope_workspace == Workspace.c.workspace_id,
                a.scope_workspace == Workspace.c.parent_workspace,
                a.scope_workspace == _PARENT.c.parent_workspace,
                a.resource_group_row == ResourceGroup.c.row_id,
                a.subscription_row == Subscription.c.row_id,
            ),
        )
        .where(a.person_row == person_row)
    )


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


def roles_in_subscription(db: Transaction, person_row: int, subscription_row: int) -> list[str]:
    a = RoleAssignment.c
    held = sa.select(a.role).where(a.person_row == person_row, a.subscription_row == subscription_row)
    return list(db.execute(held).scalars())


_find_member = Prepared(
    lambda _: sa.select(Member.c.row_id).where(
        Member.c.workspace_id == sa.bindparam("workspace_id"), Member.c.person_row == sa.bindparam("person_row")
    )
)
_find_alias = Prepared(
    lambda _: (
        sa.select(MemberAlias.c.row_id)
        .where(
            MemberAlias.c.workspace_id == sa.bindparam("workspace_id"),
            MemberAlias.c.member_row == sa.bindparam("member_row"),
            MemberAlias.c.alias == sa.bindparam("alias"),
        )
        .with_for_update(read=True, key_share=True)
    )
)
"""Held until the transaction ends: it goes with the last run that has it, and another is about to."""


def find_member(db: Transaction, workspace_id: int, person_row: int) -> int | None:
    row = _find_member.one(db.connection, {"workspace_id": workspace_id, "person_row": person_row})
    return row[0] if row else None


def person_of(db: Transaction, member_row: int | None) -> int | None:
    """The row of the person behind a member; None where they are forgotten."""
    return db.execute(sa.select(Member.c.person_row).where(Member.c.row_id == member_row)).scalar()


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
