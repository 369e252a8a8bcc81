"""What a token may say about its issuer and its audience. Source: Azure's token reference, v1 and v2 forms."""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

OWN_AUDIENCE = "api://freehold"
MANAGEMENT_AUDIENCES = (
    "https://management.core.windows.net/",
    "https://management.core.windows.net",
    "https://management.azure.com/",
    "https://management.azure.com",
)
AUDIENCES = frozenset({*MANAGEMENT_AUDIENCES, OWN_AUDIENCE})
# Clients on their defaults, sent here by a proxy, ask under these names; requests that arrive are for us.
_AZURE_LOGIN_HOSTS = ("login.microsoftonline.com", "login.windows.net")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")


class Authority(NamedTuple):
    """The tenant, and the host names under which this server may call itself an issuer.

    Ports are left out: a server that moves to another port still knows its own tokens.
    """

    tenant_id: str
    hosts: frozenset[str]

    @classmethod
    def of(cls, tenant_id: str, names: Iterable[str]) -> "Authority":
        known = {*_LOOPBACK, *_AZURE_LOGIN_HOSTS, *(name.lower().strip("[]") for name in names if name)}
        return cls(tenant_id, frozenset(known))

    def base_of(self, scheme: str, host: str, otherwise: str) -> str:
        """The URL base under which a request reached us, if the name is ours: a forged Host names nothing."""
        found = _HOST.fullmatch(host.lower())
        if found is None or found["name"].strip("[]") not in self.hosts:
            return otherwise
        return f"{scheme}://{found[0]}"

    def issuer(self, base: str, version: str) -> str:
        return f"{base}/{self.tenant_id}/v2.0" if version == "2.0" else f"{base}/{self.tenant_id}/"

    def is_issuer(self, issuer: str) -> bool:
        try:
            parts = urlsplit(issuer)
            name = parts.hostname
        except ValueError:
            return False
        paths = (f"/{self.tenant_id}/", f"/{self.tenant_id}/v2.0")
        return name in self.hosts and parts.path in paths and not parts.query and not parts.fragment
