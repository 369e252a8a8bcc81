"""The first start: tenant, subscription, resource group, workspace `default`, and an owner with a way in."""

from typing import NamedTuple

from freehold.domain.access.directory import queries as rows
from freehold.domain.access.directory import service as directory
from freehold.domain.access.kinds import FACTS, Kind
from freehold.domain.access.owner import OwnerClient, keep_owner_client
from freehold.domain.access.rules import OWNER
from freehold.domain.workspaces import queries as workspaces
from freehold.storage.keys import KeysUnusable
from freehold.storage.transaction import Transaction

FORMAT = 1
RESOURCE_GROUP = "freehold"
WORKSPACE = "default"
LOCATION = "local"


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
    keep_owner_client(db.keys, document)


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
