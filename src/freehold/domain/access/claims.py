"""The claims of a token, as Azure's: made and checked. Times in them are whole seconds since 1970."""

from typing import Any

import msgspec

from freehold.domain.access.actor import Actor
from freehold.domain.access.authority import AUDIENCES, Authority
from freehold.kit.problems import Unauthenticated

LIFETIME = 3600
LEEWAY = 30
"""Seconds by which clocks may differ."""


class Claims(msgspec.Struct, frozen=True):
    """What the server reads of a token. Never a name or UPN: those can be given to another person."""

    aud: str
    iss: str
    tid: str
    oid: str
    iat: int
    nbf: int
    exp: int


def make_claims(
    actor: Actor, client_id: str, *, audience: str, issuer: str, version: str, now: int, token_id: str, secret: bool
) -> dict[str, Any]:
    """`version`: "1.0" names the client `appid`, "2.0" names it `azp`. `secret`: whether the client showed one."""
    proof = "1" if secret else "0"
    client = {"azp": client_id, "azpacr": proof} if version == "2.0" else {"appid": client_id, "appidacr": proof}
    return {
        "aud": audience,
        "iss": issuer,
        "iat": now,
        "nbf": now,
        "exp": now + LIFETIME,
        **client,
        "idtyp": "app" if actor.kind == "app" else "user",
        "oid": actor.object_id,
        "sub": actor.object_id,
        "tid": actor.tenant_id,
        "uti": token_id,
        "ver": version,
    }


def check_claims(found: object, authority: Authority, now: int) -> Claims:
    """Raises Unauthenticated with ARM's codes."""
    try:
        claims = msgspec.convert(found, Claims, strict=True)
    except msgspec.ValidationError:
        raise invalid("It lacks a claim, or a claim has the wrong type.") from None
    if claims.aud not in AUDIENCES:
        accepted = ", ".join(sorted(AUDIENCES))
        raise _refused("InvalidAuthenticationTokenAudience", f"The token is for another audience than: {accepted}.")
    if claims.tid != authority.tenant_id:
        raise _refused("InvalidAuthenticationTokenTenant", "The token is of another tenant than this server's.")
    if not authority.is_issuer(claims.iss):
        raise _refused("InvalidAuthenticationTokenIssuer", "The token was issued by another authority.")
    if now >= claims.exp + LEEWAY:
        raise _refused("ExpiredAuthenticationToken", "The token has expired. Ask for a new one.")
    if now < claims.nbf - LEEWAY:
        raise _refused("InvalidAuthenticationToken", "The token is not valid yet. Compare the clocks.")
    return claims


def invalid(why: str) -> Unauthenticated:
    return Unauthenticated("InvalidAuthenticationToken", f"The token is invalid. {why} Ask for a new one.")


def _refused(code: str, message: str) -> Unauthenticated:
    return Unauthenticated(code, message)
