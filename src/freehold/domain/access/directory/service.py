"""Persons, their clients and their roles."""

import secrets
from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from freehold.domain.access.actor import Actor
from freehold.domain.access.directory import queries
from freehold.domain.access.directory.rules import hash_secret
from freehold.storage.transaction import Transaction

PROFILE_CONTEXT = b"freehold.person.profile.v1"


class Server(NamedTuple):
    server_id: str
    tenant_id: str


class NewClient(NamedTuple):
    """The only moment at which a client's secret can be read."""

    client_id: str
    client_secret: str


class Client(NamedTuple):
    actor: Actor
    secret_hash: str


class SignedIn(NamedTuple):
    actor: Actor
    created_at: int


def find_server(db: Transaction) -> Server | None:
    row = queries.find_server(db)
    return Server(row.server_id, row.tenant_id) if row else None


def add_person(
    db: Transaction, *, kind: str, display_name: str, object_id: str | None = None, tenant_id: str | None = None
) -> Actor:
    """`kind`: "person" or "app". Without `tenant_id` the person belongs to the server's own tenant."""
    server = queries.find_server(db)
    person = {
        "person_id": db.new_id(),
        "kind": kind,
        "object_id": object_id or db.new_id(),
        "tenant_id": tenant_id or (server.tenant_id if server else ""),
    }
    profile = msgspec.json.encode({"display_name": display_name})
    sealed = db.keys.envelope.seal(profile, PROFILE_CONTEXT)
    row = queries.add_person(db, person | {"profile": sealed, "created_at": db.now()})
    return Actor(row, person["person_id"], person["object_id"], person["tenant_id"], kind)


def find_signed_in(db: Transaction, tenant_id: str, object_id: str) -> SignedIn | None:
    """The person whom a token names, and since when the directory holds them."""
    row = queries.find_person(db, tenant_id, object_id)
    return SignedIn(_actor(row), row.created_at) if row else None


def grant(
    db: Transaction,
    actor: Actor,
    role: str,
    *,
    subscription_row: int | None = None,
    resource_group_row: int | None = None,
    workspace_id: int | None = None,
) -> None:
    """Give a role at exactly one scope; it is inherited downwards."""
    scopes = (subscription_row, resource_group_row, workspace_id)
    assert sum(scope is not None for scope in scopes) == 1, "a role is granted at exactly one scope"
    queries.add_role(
        db,
        {
            "person_row": actor.person_row,
            "role": role,
            "subscription_row": subscription_row,
            "resource_group_row": resource_group_row,
            "scope_workspace": workspace_id,
            "created_at": db.now(),
        },
    )


def add_client(db: Transaction, actor: Actor) -> NewClient:
    """A client id and secret with which an app asks for tokens as `actor`."""
    client = NewClient(db.new_id(), secrets.token_urlsafe(32))
    queries.add_client(
        db,
        {
            "person_row": actor.person_row,
            "client_id": client.client_id,
            "secret_hash": hash_secret(client.client_secret),
            "created_at": db.now(),
        },
    )
    return client


def find_client(db: Transaction, client_id: str) -> Client | None:
    row = queries.find_client(db, client_id)
    return Client(_actor(row), row.secret_hash) if row else None


def _actor(row: "sa.Row[tuple[object, ...]]") -> Actor:
    return Actor(row.row_id, row.person_id, row.object_id, row.tenant_id, row.kind)
