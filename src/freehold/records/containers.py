"""Where content lives: subscription, resource group, workspace. Their names fold case, as ARM's do."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import integer, json, key, link, moment, plain, text
from freehold.records.rules import (
    KEPT_UNTIL_ERASED,
    WORKSPACE_ONLY,
    Container,
    LinkKind,
    Removed,
    Retained,
    Rows,
    Rules,
    Withheld,
    Writes,
)

_DIRECTORY = Withheld(because="it describes this server, not the workspace")
_SERVER_FRAME = Retained(
    because="it is the frame of the server, without content",
    basis="operation of the service",
)


class Server(
    Record,
    table="servers",
    rules=Rules(Container.SERVER, _DIRECTORY, _SERVER_FRAME, Writes.GROWING, KEPT_UNTIL_ERASED),
):
    """One row: what this server is. `format_version` is the newest stored form it writes.

    Of its clock: `looked_at` is the last look, `even_since` the moment from which on no jump was seen, `latest_at` the
    latest time ever shown, `gone_back_to` the earliest to which it has gone back, `put_right_at` when it had last
    caught up with what it had shown, `fell_from` what it showed before it last went back.
    """

    row_id = key()
    server_id = text(plain())
    tenant_id = text(plain())
    format_version = integer()
    created_at = moment()
    looked_at = moment(null=True)
    even_since = moment(null=True)
    latest_at = moment(null=True)
    gone_back_to = moment(null=True)
    put_right_at = moment(null=True)
    fell_from = moment(null=True)


class Subscription(
    Record,
    table="subscriptions",
    rules=Rules(Container.SERVER, _DIRECTORY, _SERVER_FRAME, Writes.GROWING, KEPT_UNTIL_ERASED),
):
    row_id = key()
    subscription_id = text(plain())
    display_name = text(plain())
    created_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("subscription_id")


class ResourceGroup(
    Record,
    table="resource_groups",
    rules=Rules(Container.SERVER, _DIRECTORY, _SERVER_FRAME, Writes.GROWING, KEPT_UNTIL_ERASED),
):
    row_id = key()
    subscription_row = link("subscriptions", LinkKind.DEEP)
    name = text(plain())
    name_folded = text(plain())
    location = text(plain())
    created_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("subscription_row", "name_folded")


class Workspace(
    Record,
    table="workspaces",
    rules=Rules(
        Container.WORKSPACE,
        Rows(WORKSPACE_ONLY),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """A home of content, or what stands above some: `kind` is a word of `domain/access/kinds.py`.

    `workspace_id` is the integer key; `public_id` is the id that clients see (`properties.workspaceId`). `arm_path`
    is the ARM id below the resource group, as it was first spelt; it is compared without case.
    """

    workspace_id = key()
    resource_group_row = link("resource_groups", LinkKind.DEEP)
    parent_workspace = link("workspaces", LinkKind.DEEP, null=True, target="workspace_id", index=True)
    kind = text(plain())
    public_id = text(plain())
    name = text(plain())
    arm_path = text(plain())
    arm_path_folded = text(plain())
    location = text(plain())
    friendly_name = text(plain())
    description = text(plain(), address=True)
    sku = text(plain())
    tags = json(plain())
    properties = json(plain())
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("public_id")
        yield UniqueConstraint("resource_group_row", "arm_path_folded")
