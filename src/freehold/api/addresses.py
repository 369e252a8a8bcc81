"""Absolute links to this server, as the client reached it."""

import re

from freehold.api.entry import Call

ORIGINAL_HOSTS = (
    "management.azure.com",
    "*.experiments.azureml.net",
    "*.modelmanagement.azureml.net",
    "*.aether.ms",
)
"""The names that the published pages print. Whoever points them at this server finds every address there."""
_ORIGINAL = re.compile(
    r"(management\.azure\.com|[a-z0-9-]+\.(experiments\.azureml\.net|modelmanagement\.azureml\.net|aether\.ms))(:\d{1,5})?"
)


def own_base(call: Call) -> str:
    """Scheme, host and port as the client wrote them, if they name this server; else the configured ones."""
    scheme, host = call.request.scope["scheme"], call.request.headers.get("host", "")
    if _ORIGINAL.fullmatch(host.lower()):
        return f"{scheme}://{host.lower()}"
    return call.services.tokens.issuer.authority.base_of(scheme, host, call.services.public_url)


def secure_base(call: Call) -> str:
    """As `own_base`, but always TLS: clients send bytes over nothing else."""
    base = own_base(call)
    return base if base.startswith("https://") else call.services.public_url
