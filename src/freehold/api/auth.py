"""Who speaks: the bearer token of a request."""

import ipaddress
from functools import lru_cache

from starlette.requests import Request

from freehold.api.services import Services
from freehold.domain.access.actor import Actor
from freehold.kit.problems import Forbidden, Unauthenticated


async def authenticate(request: Request, services: Services) -> Actor:
    """Raises Unauthenticated; Forbidden for a token sent in clear from another machine."""
    authorization = request.headers.get("authorization", "")
    if not authorization:
        raise Unauthenticated("AuthenticationFailed", "Send a bearer token: `freehold token` prints one.")
    require_private_channel(request)
    return services.tokens.known(authorization) or await services.tokens.authenticate(authorization)


def require_private_channel(request: Request) -> None:
    """Raises Forbidden where a token or a secret crossed a network in clear: whoever listened has it now."""
    if request.scope["scheme"] == "http" and not (request.client and _is_loopback(request.client.host)):
        message = "Tokens are accepted over plain HTTP from this machine only. Use HTTPS, and ask for a new token."
        raise Forbidden("InsecureTransport", message)


@lru_cache(maxsize=1_024)
def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
