"""What every handler can reach. Built once by the composition root."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from freehold.api.routing import Facade
from freehold.domain.access.actor import Actor
from freehold.domain.access.issuer import TokenIssuer
from freehold.kit.clock import Clock
from freehold.kit.ids import IdSource
from freehold.lifecycle.log.service import CertificateLog
from freehold.settings import Settings
from freehold.storage.blobs import ObjectStore
from freehold.storage.database import Database
from freehold.storage.keys import KeyStore


class Tokens(Protocol):
    """Who speaks? Implemented by domain/access (TokenVerifier)."""

    issuer: TokenIssuer

    def known(self, authorization: str) -> Actor | None:
        """The actor of a header that was verified before and still holds: one look-up, no database."""
        ...

    async def authenticate(self, authorization: str) -> Actor:
        """Verify. Raises Unauthenticated with a message that says what is wrong with the token."""
        ...


@dataclass
class Services:
    settings: Settings
    clock: Clock
    ids: IdSource
    keys: KeyStore
    database: Database
    objects: ObjectStore
    tokens: Tokens
    log: CertificateLog
    public_url: str = ""
    """Base of absolute links, such as https://127.0.0.1:8443, without a slash at the end."""
    engine: Any = None
    """The engine of durable operations (operations/engine.py)."""
    facades: Sequence[Facade] = ()
    """Every way of speaking, for the descriptions of them."""
    ready: dict[str, bool] = field(default_factory=dict)
    """What /readyz reports: part → is it ready."""
    keeps: dict[str, str] = field(default_factory=dict)
    """What stores outside this machine keep of what is removed, as it was found at the start; said by /readyz, too."""
