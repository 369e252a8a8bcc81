"""The token endpoints: client credentials, in Azure's v2 form (`scope`) and v1 form (`resource`)."""

import asyncio
import base64
import binascii
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus

from starlette.responses import Response

from freehold.api.auth import require_private_channel
from freehold.api.entry import Call
from freehold.api.identity.facade import NO_STORE, identity
from freehold.api.identity.tenants import PREFIXES, base_of, tenant_path
from freehold.api.replies import reply
from freehold.api.routing import Anonymous
from freehold.domain.access.authority import AUDIENCES
from freehold.domain.access.directory.rules import is_secret_of
from freehold.domain.access.directory.service import Client, find_client
from freehold.domain.access.issuer import IssuedToken
from freehold.kit.problems import Invalid, TooManyRequests, Unauthenticated

LARGEST_FORM = 16_384
MOST_WAITING = 64
_CREDENTIALS = Anonymous(because="it is where a token comes from: the client's secret is the proof")
_DEFAULT = "/.default"


class Credentials(NamedTuple):
    client_id: str
    client_secret: str


async def v2_token(call: Call) -> Response:
    """Client credentials for a token; `scope` is an audience with /.default."""
    issued = await _issue(call, "2.0")
    answer = {
        "token_type": "Bearer",
        "expires_in": issued.lifetime,
        "ext_expires_in": issued.lifetime,
        "access_token": issued.token,
    }
    return reply(answer, headers=NO_STORE)


async def v1_token(call: Call) -> Response:
    """Client credentials for a token; `resource` is an audience. Numbers are strings, as Azure's v1 prints them."""
    issued = await _issue(call, "1.0")
    answer = {
        "token_type": "Bearer",
        "expires_in": str(issued.lifetime),
        "ext_expires_in": str(issued.lifetime),
        "expires_on": str(issued.expires_at),
        "not_before": str(issued.not_before),
        "resource": issued.audience,
        "access_token": issued.token,
    }
    return reply(answer, headers=NO_STORE)


for _prefix in PREFIXES:
    identity.route("POST", f"{_prefix}/oauth2/v2.0/token", _CREDENTIALS)(v2_token)
    identity.route("POST", f"{_prefix}/oauth2/token", _CREDENTIALS)(v1_token)


async def _issue(call: Call, version: str) -> IssuedToken:
    require_private_channel(call.request)
    tenant_path(call)
    form = _form(await call.raw_body(LARGEST_FORM))
    if form.get("grant_type") != "client_credentials":
        raise Invalid("unsupported_grant_type", "grant_type must be client_credentials.")
    audience = _audience(form)
    credentials = _credentials(call.request.headers.get("authorization", ""), form)
    client = await _sign_in(call, credentials)
    return call.services.tokens.issuer.issue(
        client.actor,
        client_id=credentials.client_id,
        audience=audience,
        base=base_of(call),
        version=version,
        secret=True,
    )


async def _sign_in(call: Call, credentials: Credentials) -> Client:
    """One answer for an unknown client and a wrong secret: nobody learns which clients there are."""
    client = await call.services.database.read(lambda db: find_client(db, credentials.client_id))
    is_right = await _hashing.check(credentials.client_secret, client.secret_hash if client else None)
    if client is None or not is_right:
        raise Unauthenticated("invalid_client", "There is no client with this id and secret.")
    return client


class _Hashing:
    """A hash takes 20 ms and 19 MB: two at a time, and a queue that anonymous callers cannot fill for ever."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="freehold-secrets")
        self._waiting = 0

    async def check(self, secret: str, secret_hash: str | None) -> bool:
        if self._waiting >= MOST_WAITING:
            raise TooManyRequests("TooManyRequests", "Too many clients sign in at once. Try again in a moment.")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, is_secret_of, secret, secret_hash)
        finally:
            self._waiting -= 1


_hashing = _Hashing()


def _form(body: bytes) -> dict[str, str]:
    """Raises Invalid for a parameter that is there twice (RFC 6749 section 3.2), or a body that is no form."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=50, errors="strict")
    except ValueError:
        raise Invalid("invalid_request", "The body must be an application/x-www-form-urlencoded form.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Invalid("invalid_request", "A parameter is there twice. Send each once.")
    return form


def _audience(form: dict[str, str]) -> str:
    """`scope` is "<audience>/.default" (an audience that ends with a slash gives two); `resource` the audience."""
    if "scope" in form:
        scope = form["scope"]
        if not scope.endswith(_DEFAULT) or scope.removesuffix(_DEFAULT) not in AUDIENCES:
            scopes = ", ".join(sorted(each + _DEFAULT for each in AUDIENCES))
            raise Invalid("invalid_scope", f"scope must be one of: {scopes}.")
        return scope.removesuffix(_DEFAULT)
    resource = form.get("resource")
    if resource is None:
        raise Invalid("invalid_request", "scope (v2) or resource (v1) is missing.")
    if resource not in AUDIENCES:
        raise Invalid("invalid_resource", f"resource must be one of: {', '.join(sorted(AUDIENCES))}.")
    return resource


def _credentials(authorization: str, form: dict[str, str]) -> Credentials:
    """From the form or from HTTP Basic (RFC 6749 section 2.3.1), never from both."""
    if not authorization:
        if "client_id" not in form or "client_secret" not in form:
            raise Invalid("invalid_request", "client_id or client_secret is missing.")
        return _checked(Credentials(form["client_id"], form["client_secret"]))
    if "client_secret" in form:
        raise Invalid("invalid_request", "Send the secret in the form or in the header, not in both.")
    return _checked(_from_basic(authorization))


def _from_basic(authorization: str) -> Credentials:
    scheme, _, encoded = authorization.partition(" ")
    try:
        client_id, colon, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        client_id, colon, secret = "", "", ""
    if scheme.lower() != "basic" or not colon:
        raise Unauthenticated("invalid_client", "The Authorization header must be Basic, with client id and secret.")
    return Credentials(unquote_plus(client_id), unquote_plus(secret))


def _checked(credentials: Credentials) -> Credentials:
    if "\0" in credentials.client_id or len(credentials.client_id) > 200:
        raise Unauthenticated("invalid_client", "There is no client with this id and secret.")
    return credentials
