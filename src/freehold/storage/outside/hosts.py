"""Which hosts the server may be sent to. Deny by default: whoever registers a datastore chooses where the server calls.

The clouds' own storage hosts are allowed, over https; any other host must be in the setting `outside_hosts`. Names that
are not in it must resolve to public addresses. A name that resolves to another address a moment later gains nothing:
over https, that machine would need the cloud's certificate. For the same reason only the clouds can answer with a
redirect, and a host that the owner allows: it is trusted with that, for obstore follows where it leads.
"""

import asyncio
import socket
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from freehold.kit.outside import is_network, is_public
from freehold.kit.problems import Forbidden, Invalid, Unavailable

RESOLVE_SECONDS = 5.0
NOT_ALLOWED, NOT_RESOLVED = "OutsideHostNotAllowed", "OutsideHostNotResolved"
UNKNOWN_FROM_HERE = frozenset({NOT_ALLOWED, NOT_RESOLVED})
"""Codes of faults that say nothing of the store itself: nobody asked it."""
_PORTS = {"https": 443, "http": 80}


class Address(NamedTuple):
    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> "Address":
        """Raises Invalid for what is no plain address of a server: nothing but scheme, host and port."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        is_plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or parts.username or parts.password)
        if parts.scheme not in _PORTS or not parts.hostname or not is_plain:
            raise Invalid("InvalidEndpoint", "An endpoint is https://host[:port], and nothing else.", target="endpoint")
        return cls(parts.scheme, parts.hostname.lower().rstrip("."), port or _PORTS[parts.scheme])


def allowed_addresses(setting: str) -> frozenset[Address]:
    """`a.example,http://127.0.0.1:10000` → addresses; https where no scheme is given."""
    entries = [entry.strip() for entry in setting.split(",") if entry.strip() and not is_network(entry.strip())]
    return frozenset(Address.of(entry if "://" in entry else f"https://{entry}") for entry in entries)


async def check_address(address: Address, allowed: frozenset[Address], *, is_cloud: bool) -> None:
    """`is_cloud`: the host is one of a cloud's storage, made from its parts. Raises Forbidden, Unavailable."""
    if address in allowed:
        return
    if not is_cloud or address.scheme != "https":
        message = (
            "This server does not call that host. Its owner can allow it with the setting outside_hosts"
            " (FREEHOLD_OUTSIDE_HOSTS)."
        )
        raise Forbidden(NOT_ALLOWED, message)
    if not all(is_public(each) for each in await _resolve(address)):
        message = "The store's name resolves to an address that is not public; the owner can allow it (outside_hosts)."
        raise Forbidden(NOT_ALLOWED, message)


async def _resolve(address: Address) -> Iterable[str]:
    loop = asyncio.get_running_loop()
    asked = loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    try:
        found = await asyncio.wait_for(asked, RESOLVE_SECONDS)
    except (OSError, TimeoutError, UnicodeError):
        raise Unavailable(NOT_RESOLVED, "The store's host name does not resolve.") from None
    return {str(each[4][0]) for each in found}
