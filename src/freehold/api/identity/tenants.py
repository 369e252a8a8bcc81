"""The tenant in a path, and the URL base under which the client reached us.

Beside the tenant's id a few words mean it too. `adfs` and `dstsv2/{tenant}` are what MSAL accepts on a host
that Microsoft does not list (msal as azureml-core 1.61.0 uses it); this server has one tenant, so `common` and
`organizations` can mean no other.
"""

from freehold.api.entry import Call
from freehold.domain.access.authority import Authority
from freehold.kit.problems import Invalid

_ALIASES = frozenset({"adfs", "common", "organizations"})
PREFIXES = ("/{tenant}", "/dstsv2/{tenant}")


def authority_of(call: Call) -> Authority:
    return call.services.tokens.issuer.authority


def tenant_path(call: Call) -> str:
    """The path part, as the client wrote it, under which this tenant answers. Raises Invalid for another one."""
    tenant = call.params["tenant"]
    if tenant.lower() not in _ALIASES and tenant.lower() != authority_of(call).tenant_id:
        message = "This server has no such tenant. `freehold env azureml` prints the one that it has."
        raise Invalid("invalid_tenant", message)
    return f"dstsv2/{tenant}" if call.route.path.startswith("/dstsv2/") else tenant


def base_of(call: Call) -> str:
    """Scheme, host and port as the client wrote them, if they name this server; else the configured ones."""
    host = call.request.headers.get("host", "")
    return authority_of(call).base_of(call.request.scope["scheme"], host, call.services.public_url)
