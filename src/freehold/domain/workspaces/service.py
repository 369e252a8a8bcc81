"""What one can do with containers of every kind and with the subscriptions and resource groups above them.

Names above the content fold case, as ARM's do; answers keep the stored spelling. What one may not see is a 404.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access import queries as access
from freehold.domain.access.actor import Action, Actor, WorkspaceName, WorkspaceRef
from freehold.domain.access.directory.service import find_signed_in
from freehold.domain.access.kinds import FACTS, Kind
from freehold.domain.access.rules import OWNER
from freehold.domain.access.service import allow
from freehold.domain.holds.rules import written_in
from freehold.domain.holds.service import refuse_loss
from freehold.domain.secrets import rules as secret_rules
from freehold.domain.secrets import service as secrets
from freehold.domain.workspaces import queries, rules
from freehold.kit.problems import Conflict, NotFound
from freehold.records.containers import Workspace
from freehold.storage.transaction import Transaction


class SubscriptionView(NamedTuple):
    subscription_id: str
    display_name: str


class GroupView(NamedTuple):
    row_id: int
    subscription_id: str
    subscription_row: int
    name: str
    location: str

    @property
    def path(self) -> str:
        return f"/subscriptions/{self.subscription_id}/resourceGroups/{self.name}"


class WorkspaceView(NamedTuple):
    """Times are microseconds UTC. `properties` are those that clients set and the server only keeps."""

    ref: WorkspaceRef
    parent: int | None
    friendly_name: str
    description: str
    sku: str
    tags: dict[str, str]
    properties: dict[str, Any]
    created_at: int
    updated_at: int


class Wanted(NamedTuple):
    """What a caller asks of a workspace; None leaves a value as it is, or at its default in a new one."""

    location: str | None = None
    friendly_name: str | None = None
    description: str | None = None
    sku: str | None = None
    tags: Mapping[str, str] | None = None
    properties: Mapping[str, Any] | None = None


def list_subscriptions(db: Transaction, actor: Actor) -> list[SubscriptionView]:
    rows = queries.select_subscriptions(db, actor.person_row, rules.SEERS)
    return [SubscriptionView(row.subscription_id, row.display_name) for row in rows]


def get_subscription(db: Transaction, actor: Actor, subscription_id: str) -> SubscriptionView:
    for found in list_subscriptions(db, actor):
        if found.subscription_id == subscription_id.lower():
            return found
    message = "There is no such subscription, or you may not see it. GET /subscriptions lists those you may see."
    raise NotFound("SubscriptionNotFound", message)


def list_groups(db: Transaction, actor: Actor, subscription_id: str) -> list[GroupView]:
    """Raises NotFound for a subscription that the actor may not see."""
    subscription = get_subscription(db, actor, subscription_id)
    rows = queries.select_groups(db, actor.person_row, rules.SEERS, subscription.subscription_id)
    return [_group(row) for row in rows]


def get_group(db: Transaction, actor: Actor, subscription_id: str, name: str) -> GroupView:
    for found in list_groups(db, actor, subscription_id):
        if found.name.casefold() == name.casefold():
            return found
    raise NotFound("ResourceGroupNotFound", "There is no such resource group, or you may not see it.")


def put_group(db: Transaction, actor: Actor, subscription_id: str, name: str, location: str) -> tuple[GroupView, bool]:
    """Make a resource group, or find it standing; True when it was made. Raises Forbidden, Invalid, Conflict."""
    subscription = queries.find_subscription(db, get_subscription(db, actor, subscription_id).subscription_id)
    standing = queries.find_group(db, subscription_id, name)
    roles = access.roles_in_subscription(db, actor.person_row, subscription)
    rules.may_make(roles)
    if standing is not None:
        if _place(location) != _place(standing.location):
            message = f"The resource group is in the location {standing.location!r} and cannot be moved."
            raise Conflict("InvalidResourceGroupLocation", message)
        return _group(standing), False
    rules.check_group_name(name)
    rules.check_location(location)
    queries.add_group(db, subscription, name, location)
    return get_group(db, actor, subscription_id, name), True


def list_in_group(
    db: Transaction, actor: Actor, group: GroupView, kind: Kind, *, parent: int | None = None, after: int, limit: int
) -> list[WorkspaceView]:
    """Oldest first; `after` is the integer key of the last one of the page before. `parent`: only right below it."""
    rows = queries.select_visible(
        db,
        actor.person_row,
        rules.SEERS,
        kind,
        group_row=group.row_id,
        parent=parent,
        after=after,
        limit=limit,
    )
    return [_view(row) for row in rows]


def list_in_subscription(
    db: Transaction, actor: Actor, subscription_id: str, kind: Kind, *, after: int, limit: int
) -> list[WorkspaceView]:
    groups = list_groups(db, actor, subscription_id)
    if not groups:
        return []
    rows = queries.select_visible(
        db, actor.person_row, rules.SEERS, kind, subscription_row=groups[0].subscription_row, after=after, limit=limit
    )
    return [_view(row) for row in rows]


def get_workspace(db: Transaction, workspace: WorkspaceRef) -> WorkspaceView:
    row = queries.get_row(db, workspace.workspace_id)
    if row is None or row.hidden_at is not None:
        raise NotFound("ResourceNotFound", "There is no such workspace, or you may not see it.")
    return _view(row)


def find_workspace(db: Transaction, actor: Actor, name: WorkspaceName) -> WorkspaceView | None:
    """None when the resource group holds none of this name that the actor may see. Raises NotFound for the group."""
    group = get_group(db, actor, name.subscription_id, name.resource_group)
    row = queries.find_in_group(db, group.row_id, name.arm_path)
    if row is None or row.hidden_at is not None or not _is_seen(db, actor, row):
        return None
    return _view(row)


def get_named(db: Transaction, actor: Actor, name: WorkspaceName) -> WorkspaceView:
    """Raises NotFound."""
    found = find_workspace(db, actor, name)
    if found is None:
        message = f"There is no {FACTS[name.kind].called} {name.name[:60]!r} here, or you may not see it."
        raise NotFound("ResourceNotFound", message)
    return found


def put_workspace(db: Transaction, actor: Actor, name: WorkspaceName, wanted: Wanted) -> tuple[WorkspaceView, bool]:
    """Make or change; True when it was made. Whoever makes one owns it.

    Raises NotFound for the group or the parent, Forbidden, Invalid, Conflict while one of this name is being erased.
    """
    group = get_group(db, actor, name.subscription_id, name.resource_group)
    parent = _get_parent(db, actor, name)
    row = queries.find_in_group(db, group.row_id, name.arm_path)
    if row is None:
        return _make(db, actor, group, parent, name, wanted), True
    _check_standing(db, actor, group, parent, name, row)
    return change_workspace(db, actor, _view(row).ref, wanted), False


def check_making(db: Transaction, actor: Actor, name: WorkspaceName) -> None:
    """Whether a PUT of it would make it, or find it standing. Raises as `put_workspace` does, and changes nothing."""
    group = get_group(db, actor, name.subscription_id, name.resource_group)
    parent = _get_parent(db, actor, name)
    row = queries.find_in_group(db, group.row_id, name.arm_path)
    if row is None:
        _check_new(db, actor, group, parent, name)
    else:
        _check_standing(db, actor, group, parent, name, row)


def change_workspace(db: Transaction, actor: Actor, workspace: WorkspaceRef, wanted: Wanted) -> WorkspaceView:
    """Raises Forbidden, Invalid; Conflict when asked to move it."""
    allow_making(db, actor, workspace)
    standing = get_workspace(db, workspace)
    if wanted.location is not None and _place(wanted.location) != _place(workspace.location):
        message = f"It is in the location {workspace.location!r} and cannot be moved."
        raise Conflict("InvalidResourceLocation", message)
    values = _values(workspace.kind, wanted) | {"updated_at": db.now()}
    if wanted.properties is not None:
        values["properties"] = _part_secrets(db, workspace, standing.properties | dict(wanted.properties))
    values.pop("location", None)
    written = written_in(values)
    shown = {name: getattr(standing, name) for name in written}
    refuse_loss(db, workspace, Workspace, workspace.workspace_id, shown, written)
    queries.change(db, workspace.workspace_id, values)
    return get_workspace(db, workspace)


def open_properties(db: Transaction, found: WorkspaceView) -> WorkspaceView:
    """With the secrets back in its properties, for who has the right to them."""
    return found._replace(properties=secret_rules.joined(found.properties, _secrets_of(db, found.ref)))


def ids_above(db: Transaction, workspace: WorkspaceRef) -> list[str]:
    """Public ids of what stands above it, the nearest first."""
    return queries.public_ids_above(db, workspace.workspace_id)


def refuse_nested(db: Transaction, workspace: WorkspaceRef) -> None:
    """ARM's rule for what stands above other resources. Raises Conflict while something stands below."""
    child = queries.find_child(db, workspace.workspace_id)
    if child is not None:
        message = f"Cannot delete resource before nested resources are deleted. Some nested resource: {child}."
        raise Conflict("CannotDeleteResource", message)


def allow_making(db: Transaction, actor: Actor, workspace: WorkspaceRef) -> None:
    """Raises Forbidden: only who could make a workspace may change or delete it."""
    rules.may_make(access.roles_in(db, actor.person_row, workspace.workspace_id))


def enter_by_id(
    db: Transaction, tenant_id: str, object_id: str, public_id: str, action: Action
) -> tuple[Actor, WorkspaceRef]:
    """For a signed URL: who it was given to, if they still may. Raises NotFound, Forbidden."""
    signed_in = find_signed_in(db, tenant_id, object_id)
    workspace = access.find_ref(db, public_id)
    if signed_in is None or workspace is None:
        raise NotFound("ResourceNotFound", "There is no such workspace, or you may not see it.")
    allow(db, signed_in.actor, action, workspace)
    return signed_in.actor, workspace


def _get_parent(db: Transaction, actor: Actor, name: WorkspaceName) -> WorkspaceRef | None:
    if name.parent is None:
        return None
    found = find_workspace(db, actor, name.parent)
    if found is None:
        message = f"There is no {FACTS[name.parent.kind].called} {name.parent.name[:60]!r} to hold it."
        raise NotFound("ParentResourceNotFound", message)
    return found.ref


def _make(
    db: Transaction,
    actor: Actor,
    group: GroupView,
    parent: WorkspaceRef | None,
    name: WorkspaceName,
    wanted: Wanted,
) -> WorkspaceView:
    roles = _check_new(db, actor, group, parent, name)
    now = db.now()
    arm_path = name.arm_path if parent is None else _below(parent, name)
    defaults: dict[str, Any] = {
        "resource_group_row": group.row_id,
        "parent_workspace": parent.workspace_id if parent else None,
        "kind": name.kind,
        "public_id": db.new_id(),
        "name": name.name,
        "arm_path": arm_path,
        "arm_path_folded": arm_path.casefold(),
        "location": parent.location if parent else group.location,
        "friendly_name": name.name,
        "description": "",
        "sku": rules.DEFAULT_SKU.get(name.kind, ""),
        "tags": {},
        "properties": {},
        "created_at": now,
        "updated_at": now,
    }
    workspace_id = queries.add(db, defaults | _values(name.kind, wanted) | {"properties": {}})
    if OWNER not in roles:
        queries.add_role(db, actor.person_row, workspace_id, OWNER)
    ref = access.find_workspace_by_key(db, workspace_id)
    assert ref is not None, "what was just written is there"
    queries.change(db, workspace_id, {"properties": _part_secrets(db, ref, dict(wanted.properties or {}))})
    return get_workspace(db, ref)


def _check_new(
    db: Transaction, actor: Actor, group: GroupView, parent: WorkspaceRef | None, name: WorkspaceName
) -> list[str]:
    """The roles of who may make it. Raises Forbidden, Invalid."""
    if parent is not None:
        roles = access.roles_in(db, actor.person_row, parent.workspace_id)
    else:
        roles = access.roles_in_group(db, actor.person_row, group.row_id)
    rules.may_make(roles)
    rules.check_name(name.kind, name.name)
    return roles


def _check_standing(
    db: Transaction, actor: Actor, group: GroupView, parent: WorkspaceRef | None, name: WorkspaceName, row: sa.Row[Any]
) -> None:
    """Raises Conflict where it is on its way out, or another's; Forbidden before that to who may make none here anyway:
    that a name is taken is not for them to learn."""
    if row.hidden_at is not None or not _is_seen(db, actor, row):
        _check_new(db, actor, group, parent, name)
    if row.hidden_at is not None:
        message = f"Another {FACTS[name.kind].called} of this name is being erased. Try again when that has ended."
        raise Conflict("WorkspaceIsBeingErased", message)
    if not _is_seen(db, actor, row):
        message = f"A {FACTS[name.kind].called} of this name cannot be made here. Choose another name."
        raise Conflict("NameNotAvailable", message)


def _part_secrets(db: Transaction, workspace: WorkspaceRef, properties: dict[str, Any]) -> dict[str, Any]:
    """The properties without their secrets, which are kept sealed; those that are not given again stay."""
    rules.check_properties(properties)
    parted, hidden = secret_rules.part(properties)
    if hidden:
        secrets.keep(db, workspace, None, 0, _secrets_of(db, workspace) | hidden)
    return dict(parted)


def _secrets_of(db: Transaction, workspace: WorkspaceRef) -> dict[str, str]:
    return secrets.secrets_of(db, workspace, None, [0])[0]


def _below(parent: WorkspaceRef, name: WorkspaceName) -> str:
    """The parent's names as they are spelt there, not as this request spells them."""
    return f"{parent.arm_path}/{FACTS[name.kind].collections[-1]}/{name.name}"


def _values(kind: Kind, wanted: Wanted) -> dict[str, Any]:
    given = {name: value for name, value in wanted._asdict().items() if value is not None}
    for name in ("friendly_name", "description", "location"):
        rules.check_text(name, given.get(name, ""))
    if wanted.tags is not None:
        rules.check_tags(wanted.tags)
    if wanted.sku is not None:
        given["sku"] = rules.check_sku(kind, wanted.sku)
    return given


def _is_seen(db: Transaction, actor: Actor, row: sa.Row[Any]) -> bool:
    return not set(rules.SEERS).isdisjoint(access.roles_in(db, actor.person_row, row.workspace_id))


def _place(location: str) -> str:
    """ARM compares locations without case and spaces: `East US 2` is `eastus2`."""
    return location.replace(" ", "").casefold()


def _group(row: sa.Row[Any]) -> GroupView:
    return GroupView(row.row_id, row.subscription_id, row.subscription_row, row.name, row.location)


def _view(row: sa.Row[Any]) -> WorkspaceView:
    return WorkspaceView(
        access.ref_of(row),
        row.parent_workspace,
        row.friendly_name,
        row.description,
        row.sku,
        row.tags,
        row.properties,
        row.created_at,
        row.updated_at,
    )
