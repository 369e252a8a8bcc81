"""Absolute links to this server, as the client reached it."""

from freehold.api.entry import Call


def own_base(call: Call) -> str:
    """Scheme, host and port as the client wrote them, if they name this server; else the configured ones."""
    scheme, host = call.request.scope["scheme"], call.request.headers.get("host", "")
    return call.services.tokens.issuer.authority.base_of(scheme, host, call.services.public_url)


def secure_base(call: Call) -> str:
    """As `own_base`, but always TLS: clients send bytes over nothing else."""
    base = own_base(call)
    return base if base.startswith("https://") else call.services.public_url
