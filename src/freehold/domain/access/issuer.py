"""Makes tokens: RS256 JWTs with Azure's claims."""

import base64
import secrets
from typing import NamedTuple

from joserfc import jwt

from freehold.domain.access.actor import Actor
from freehold.domain.access.authority import OWN_AUDIENCE, Authority
from freehold.domain.access.claims import LIFETIME, make_claims
from freehold.kit.clock import MICROSECONDS, Clock
from freehold.storage.keys import TokenKeys

LOCAL_BASE = "https://localhost"


class IssuedToken(NamedTuple):
    """Times in whole seconds since 1970."""

    token: str
    audience: str
    not_before: int
    expires_at: int
    lifetime: int


class TokenIssuer:
    def __init__(self, authority: Authority, keys: TokenKeys, clock: Clock) -> None:
        self.authority = authority
        self._keys = keys
        self._clock = clock

    def issue(
        self,
        actor: Actor,
        *,
        client_id: str,
        audience: str = OWN_AUDIENCE,
        base: str = LOCAL_BASE,
        version: str = "1.0",
        secret: bool = False,
    ) -> IssuedToken:
        """`base` is the URL base under which the client asked (Authority.base_of)."""
        now = self._clock.now() // MICROSECONDS
        claims = make_claims(
            actor,
            client_id,
            audience=audience,
            issuer=self.authority.issuer(base, version),
            version=version,
            now=now,
            token_id=base64.urlsafe_b64encode(secrets.token_bytes(16)).rstrip(b"=").decode(),
            secret=secret,
        )
        key = self._keys.signing_key()
        header = {"typ": "JWT", "alg": "RS256", "kid": key.kid}
        token = jwt.encode(header, claims, key, algorithms=["RS256"])
        return IssuedToken(token, audience, now, now + LIFETIME, LIFETIME)
