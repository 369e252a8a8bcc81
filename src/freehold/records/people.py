"""Persons are stored once; everything else refers to a member, a random id in one workspace."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import key, link, moment, personal, plain, sealed, secret, text, workspace
from freehold.records.rules import (
    EVERYWHERE,
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Rows,
    Rules,
    Withheld,
    Writes,
)


class Person(
    Record,
    table="persons",
    rules=Rules(
        Container.SERVER,
        Withheld(because="the directory belongs to the server; a bag carries members, which are random ids"),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """A human (or app) in the directory. `profile` is sealed JSON: display name and user principal name."""

    row_id = key()
    person_id = text(plain())
    kind = text(plain())
    object_id = text(personal(of="row"))
    tenant_id = text(plain())
    profile = sealed(personal(of="row"))
    created_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("person_id")
        yield UniqueConstraint("tenant_id", "object_id")


class ClientCredential(
    Record,
    table="client_credentials",
    rules=Rules(
        Container.SERVER,
        Withheld(because="it lets its holder sign in"),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """The client id and hashed secret with which an app asks for tokens."""

    row_id = key()
    person_row = link("persons", LinkKind.DEEP, index=True)
    client_id = text(personal(of="person_row"))
    secret_hash = text(secret(because="argon2 hash of a client secret"))
    created_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("client_id")


class RoleAssignment(
    Record,
    table="role_assignments",
    rules=Rules(
        Container.SERVER,
        Withheld(because="roles belong to the server and would give power on another one"),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """A role at one scope, inherited downwards: exactly one of the three scope links is set."""

    row_id = key()
    person_row = link("persons", LinkKind.DEEP, index=True)
    role = text(plain())
    subscription_row = link("subscriptions", LinkKind.DEEP, null=True)
    resource_group_row = link("resource_groups", LinkKind.DEEP, null=True)
    scope_workspace = link("workspaces", LinkKind.DEEP, null=True, target="workspace_id")
    created_at = moment()


class Member(
    Record,
    table="members",
    rules=Rules(
        Container.WORKSPACE,
        Rows(EVERYWHERE),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """A person in one workspace. Forgetting the person clears the link; the member stays as a pseudonym."""

    row_id = key()
    workspace_id = workspace()
    member_id = text(plain())
    person_row = link("persons", LinkKind.SHALLOW, null=True, index=True)
    created_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "member_id")
        yield UniqueConstraint("workspace_id", "person_row")


class MemberAlias(
    Record,
    table="member_aliases",
    rules=Rules(
        Container.WORKSPACE,
        Rows(EVERYWHERE),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """A name that clients themselves write for a person (`mlflow.user`, `user_id`), stored once."""

    row_id = key()
    workspace_id = workspace()
    member_row = link("members", LinkKind.DEEP, index=True)
    alias = text(personal(of="member_row"))

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "member_row", "alias")
