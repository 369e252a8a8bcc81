"""Which addresses outside the server may visit on somebody else's word, so that nobody reaches inside through it.

A URL that a client stores leads the server to a host that the client may not reach itself: its loopback, its network,
the metadata service of its cloud. A host is refused if any of its addresses is not public, and whoever connects uses
the addresses that were checked, not the name again: a name may be answered differently the second time.
"""

import ipaddress
import socket
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import SplitResult, quote, urlsplit

from freehold.kit.problems import Invalid

NOT_RESOLVED = "AddressNotResolved"
LONGEST_URL = 2_000
_KEPT = "%/:?[]@!$&'()*+,;=~"  # what a request line may hold as it is
PORTS = {"http": 80, "https": 443}
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_REFUSED: tuple[_Network, ...] = (
    ipaddress.ip_network("168.63.129.16/32"),  # public by number, but Azure's machines find their platform there
    ipaddress.ip_network("192.0.0.0/24"),  # Oracle's metadata; older Pythons know a part of it only
    ipaddress.ip_network("64:ff9b:1::/48"),  # translation of a network's own choosing (RFC 8215)
    ipaddress.ip_network("2002::/16"),  # 6to4: an IPv4 address of any kind in disguise
)


class Place(NamedTuple):
    """Where a URL leads. Connect to `addresses`: they are checked. `host` is in ASCII; `target`: path and query."""

    scheme: str
    host: str
    port: int
    target: str
    addresses: tuple[str, ...]


def read_hosts(text: str) -> frozenset[str]:
    """The setting `outside_hosts`: names, addresses or networks (`10.0.0.0/8`), separated by commas.

    An entry may have a scheme and a port, which bind datastores; a probe may visit the host at any.
    """
    return frozenset(_named(part.strip()) for part in text.split(",") if part.strip())


def is_network(entry: str) -> bool:
    """`10.0.0.0/8`, beside names and addresses."""
    try:
        return "/" in entry and bool(ipaddress.ip_network(entry, strict=False))
    except ValueError:
        return False


def is_public(text: str) -> bool:
    """Whether an address is anybody's: not loopback, link-local, private, shared, multicast or a metadata service."""
    return _is_public(ipaddress.ip_address(text.partition("%")[0]))


def check_address(url: str, allowed_hosts: Iterable[str]) -> None:
    """Raises Invalid: no http(s) URL, a host without an address, or one with any address that is not public.

    `allowed_hosts` may be visited nevertheless: names, addresses or networks, as `read_hosts` gives them. It asks the
    name service, so call it where waiting is allowed.
    """
    find_place(url, allowed_hosts)


def find_place(url: str, allowed_hosts: Iterable[str]) -> Place:
    """As `check_address`, and where to connect."""
    parts = _split(url)
    allowed = frozenset(allowed_hosts)
    host, port = _host(parts), parts.port or PORTS[parts.scheme]
    addresses = _resolve(host, port)
    if host not in allowed and not all(_is_public(each) or _is_within(each, allowed) for each in addresses):
        message = (
            "This address leads into a private network, to this machine or to a metadata service. "
            "Use a public one, or have the operator add its host to FREEHOLD_OUTSIDE_HOSTS."
        )
        raise Invalid("AddressNotPublic", message)
    target = quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_KEPT)
    return Place(parts.scheme, host, port, target, tuple(str(each) for each in addresses))


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_fit = parts.scheme in PORTS and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or half a bracket
        is_fit = False
    if not is_fit or len(url) > LONGEST_URL or "@" in parts.netloc or not url.isprintable() or " " in url:
        message = (
            f"An address is an http or https URL without spaces and user name, of at most {LONGEST_URL} characters."
        )
        raise Invalid("InvalidAddress", message)
    return parts


def _host(parts: SplitResult) -> str:
    try:
        return _spelt((parts.hostname or "").encode("idna").decode())
    except UnicodeError:
        raise _unknown() from None


def _named(entry: str) -> str:
    if is_network(entry):
        return entry
    return _spelt(urlsplit(entry if "://" in entry else f"//{entry}").hostname or entry)


def _spelt(host: str) -> str:
    return host.strip().lower().rstrip(".")


def _resolve(host: str, port: int) -> list[_Address]:
    """Every address of a host, in the order in which the system would try them."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise _unknown() from None
    addresses = [ipaddress.ip_address(str(each[4][0])) for each in found]
    if not addresses:
        raise _unknown()
    return list(dict.fromkeys(addresses))


def _unknown() -> Invalid:
    return Invalid(NOT_RESOLVED, "The host of this address is not known to the name service. Check its spelling.")


def _is_public(address: _Address) -> bool:
    """An IPv6 address that only wraps an IPv4 one is as public as that."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return _is_public(address.ipv4_mapped)
        if address in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
        if address.is_site_local:
            return False
    is_special = address.is_multicast or address.is_reserved or any(address in network for network in _REFUSED)
    return address.is_global and not is_special


def _is_within(address: _Address, allowed: frozenset[str]) -> bool:
    for each in allowed:
        try:
            if address in ipaddress.ip_network(each, strict=False):
                return True
        except ValueError:  # a name
            continue
    return False
