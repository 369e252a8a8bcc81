"""Says who speaks: verifies bearer tokens, and remembers for a moment those it verified."""

import hashlib
import socket

from joserfc import jws, jwt
from joserfc.errors import JoseError

from freehold.domain.access.actor import Actor
from freehold.domain.access.authority import Authority
from freehold.domain.access.claims import Claims, check_claims, invalid
from freehold.domain.access.directory.service import Server, find_server, find_signed_in
from freehold.domain.access.issuer import TokenIssuer
from freehold.kit.clock import MICROSECONDS, Clock
from freehold.kit.problems import Unauthenticated, Unavailable
from freehold.kit.sharing import SharedLooks
from freehold.settings import Settings
from freehold.storage.database import Database
from freehold.storage.keys import KeyGone, KeyStore

REMEMBERED = 5 * MICROSECONDS
"""How long a verified token is believed without a look at the directory: an erasure on another server of
the same database is seen after this. On this one `forget_person` ends it at once."""
LARGEST_CACHE = 10_000
LONGEST_TOKEN = 16_384


class TokenVerifier:
    def __init__(self, keys: KeyStore, database: Database, clock: Clock, hosts: frozenset[str] = frozenset()) -> None:
        """`hosts`: names under which this server is reached, beyond loopback. The database is bootstrapped."""
        self._keys = keys.tokens
        self._database = database
        self._clock = clock
        self._known: dict[bytes, tuple[int, Actor]] = {}
        self._looks: SharedLooks[Actor] = SharedLooks()
        self.issuer = TokenIssuer(Authority.of(_server(database).tenant_id, hosts), keys.tokens, clock)

    def known(self, authorization: str) -> Actor | None:
        """The actor of a header that was verified a moment ago: one look-up, no database."""
        found = self._known.get(_digest(authorization))
        return found[1] if found and 0 < found[0] - self._clock.now() <= REMEMBERED else None

    async def authenticate(self, authorization: str) -> Actor:
        """Verify a header. Raises Unauthenticated with a message that says what is wrong with the token."""
        remembered = self._known  # an erasure meanwhile puts a new one in its place, and this one is lost with it
        key = (id(remembered), _digest(authorization))
        return await self._looks.ask(key, self._authenticate(authorization, remembered))

    async def _authenticate(self, authorization: str, remembered: dict[bytes, tuple[int, Actor]]) -> Actor:
        claims = self._verify(_bearer(authorization))
        found = await self._database.read(lambda db: find_signed_in(db, claims.tid, claims.oid))
        if found is None or claims.iat < found.created_at // MICROSECONDS:
            # An object id that comes again after an erasure is a new person: the tokens of the old one are not theirs.
            raise Unauthenticated("InvalidAuthenticationToken", "The account of this token no longer exists here.")
        if len(remembered) >= LARGEST_CACHE:
            remembered.clear()
        until = min(self._clock.now() + REMEMBERED, claims.exp * MICROSECONDS)
        remembered[_digest(authorization)] = (until, found.actor)
        return found.actor

    def forget_person(self) -> None:
        """Call after a person was erased, once that is committed: every live token is verified anew."""
        self._known = {}

    def _verify(self, token: str) -> Claims:
        try:
            header = jws.extract_compact(token.encode()).headers()
            if header.get("alg") != "RS256":
                raise invalid("It must be signed with RS256.")
            key = self._keys.find(str(header.get("kid")))
            claims = jwt.decode(token, key, algorithms=["RS256"]).claims
        except KeyGone:
            raise invalid("It is signed with a key that is not in use here.") from None
        except (JoseError, ValueError):
            raise invalid("It is malformed, or its signature does not fit.") from None
        return check_claims(claims, self.issuer.authority, self._clock.now() // MICROSECONDS)


def own_hosts(settings: Settings) -> frozenset[str]:
    return frozenset({settings.host, settings.public_host, socket.gethostname()} - {"", "0.0.0.0", "::"})


def _server(database: Database) -> Server:
    found = database.read_now(find_server)
    if found is None:
        raise Unavailable("NotBootstrapped", "The database has no tenant yet. Start the server once.")
    return found


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated("AuthenticationFailed", "Send the header `Authorization: Bearer TOKEN`.")
    if len(token) > LONGEST_TOKEN or not token.isascii() or token.count(".") != 2:
        raise invalid("It is no signed JWT.")
    return token


def _digest(authorization: str) -> bytes:
    """Tokens themselves are not kept in memory."""
    return hashlib.sha256(authorization.encode("utf-8", "surrogateescape")).digest()
