"""The first start: tenant, subscription, resource group, workspace `default`, and an owner with a way in."""

from typing import NamedTuple

import msgspec

from freehold.domain.access.actor import Actor
from freehold.domain.access.authority import Authority
from freehold.domain.access.directory import queries as rows
from freehold.domain.access.directory import service as directory
from freehold.domain.access.issuer import TokenIssuer
from freehold.domain.access.kinds import FACTS, Kind
from freehold.domain.access.rules import OWNER
from freehold.domain.workspaces import queries as workspaces
from freehold.kit.clock import Clock
from freehold.kit.problems import Unavailable
from freehold.storage.keys import KeyStore, KeysUnusable
from freehold.storage.transaction import Transaction

FORMAT = 1
RESOURCE_GROUP = "freehold"
WORKSPACE = "default"
LOCATION = "local"
_SECRET = "owner-client"


class OwnerClient(msgspec.Struct, frozen=True):
    """How the owner signs in. Kept sealed in the key store, for `freehold token` on this machine."""

    format: int
    tenant_id: str
    subscription_id: str
    object_id: str
    client_id: str
    client_secret: str

    def __repr__(self) -> str:
        return f"OwnerClient(client_id={self.client_id!r})"


class Place(NamedTuple):
    subscription_row: int
    subscription_id: str


def bootstrap(db: Transaction) -> bool:
    """A command for every start. True at the first one. Raises KeysUnusable where the keys are another server's."""
    server = directory.find_server(db)
    if server is None and _claim(db):
        _found(db)
        return True
    server = server or directory.find_server(db)
    if server is None or server.server_id != db.keys.store_id:
        message = "This key folder belongs to other data. Name the folder that was made with it: --keys."
        raise KeysUnusable("KeysOfAnotherServer", message)
    return False


def owner_client(keys: KeyStore) -> OwnerClient:
    """Raises Unavailable before the first start."""
    document = keys.find_secret(_SECRET)
    if document is None:
        raise Unavailable("NotBootstrapped", "There is no owner yet. Start the server once.")
    return msgspec.json.decode(document, type=OwnerClient)


def mint_for_owner(keys: KeyStore, clock: Clock, audience: str) -> str:
    """A token for the owner, made with nothing but the key folder: whoever reads that owns the server anyway."""
    owner = owner_client(keys)
    issuer = TokenIssuer(Authority.of(owner.tenant_id, ()), keys.tokens, clock)
    actor = Actor(0, "", owner.object_id, owner.tenant_id, "app")
    return issuer.issue(actor, client_id=owner.client_id, audience=audience).token


def _claim(db: Transaction) -> bool:
    server = {"server_id": db.keys.store_id, "tenant_id": db.new_id(), "format_version": FORMAT}
    return rows.claim_server(db, server | {"created_at": db.now()})


def _found(db: Transaction) -> None:
    place = _make_places(db)
    owner = directory.add_person(db, kind="app", display_name="owner")
    directory.grant(db, owner, OWNER, subscription_row=place.subscription_row)
    client = directory.add_client(db, owner)
    # Before the commit: after a crash between the two, the next start finds no server and does all of it again.
    document = OwnerClient(FORMAT, owner.tenant_id, place.subscription_id, owner.object_id, *client)
    db.keys.put_secret(_SECRET, msgspec.json.encode(document))


def _make_places(db: Transaction) -> Place:
    now, subscription_id = db.now(), db.new_id()
    subscription = {"subscription_id": subscription_id, "display_name": "Freehold", "created_at": now}
    subscription_row = rows.add_subscription(db, subscription)
    group = {"subscription_row": subscription_row, "name": RESOURCE_GROUP, "name_folded": RESOURCE_GROUP}
    group_row = rows.add_group(db, group | {"location": LOCATION, "created_at": now})
    arm_path = FACTS[Kind.WORKSPACE].arm_path([WORKSPACE])
    workspace = {
        "resource_group_row": group_row,
        "kind": Kind.WORKSPACE,
        "public_id": db.new_id(),
        "name": WORKSPACE,
        "arm_path": arm_path,
        "arm_path_folded": arm_path.casefold(),
        "location": LOCATION,
        "friendly_name": WORKSPACE,
        "description": "",
        "sku": "Basic",
        "tags": {},
        "properties": {},
        "created_at": now,
        "updated_at": now,
    }
    workspaces.add(db, workspace)
    return Place(subscription_row, subscription_id)
