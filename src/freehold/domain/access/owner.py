"""How the owner of this machine's server signs in, with nothing but its keys: no database, which takes long to load."""

import msgspec

from freehold.domain.access.actor import Actor
from freehold.domain.access.authority import Authority
from freehold.domain.access.issuer import TokenIssuer
from freehold.kit.clock import Clock
from freehold.kit.problems import Unavailable
from freehold.storage.keys import KeyStore

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


def keep_owner_client(keys: KeyStore, client: OwnerClient) -> None:
    keys.put_secret(_SECRET, msgspec.json.encode(client))


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
