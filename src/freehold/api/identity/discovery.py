"""OpenID Connect discovery, the keys, and Azure's instance discovery. Clients read them without a token."""

from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.identity.facade import identity
from freehold.api.identity.tenants import PREFIXES, authority_of, base_of, tenant_path
from freehold.api.replies import reply
from freehold.api.routing import Anonymous
from freehold.kit.problems import Invalid

_PUBLIC = Anonymous(because="a client must find the issuer and its public keys before it can have a token")


async def v2_configuration(call: Call) -> Response:
    """The OpenID configuration whose token endpoint takes `scope`."""
    return reply(_configuration(call, "2.0"))


async def v1_configuration(call: Call) -> Response:
    """The OpenID configuration whose token endpoint takes `resource`; for `adfs` and `dstsv2` it takes `scope`."""
    is_msal = tenant_path(call).partition("/")[0].lower() in ("adfs", "dstsv2")
    return reply(_configuration(call, "2.0" if is_msal else "1.0"))


async def public_keys(call: Call) -> Response:
    """The public keys that tokens are signed with (RFC 7517)."""
    tenant_path(call)
    return reply(call.services.keys.tokens.jwks(), headers={"Cache-Control": "max-age=3600"})


for _prefix in PREFIXES:
    identity.route("GET", f"{_prefix}/v2.0/.well-known/openid-configuration", _PUBLIC)(v2_configuration)
    identity.route("GET", f"{_prefix}/.well-known/openid-configuration", _PUBLIC)(v1_configuration)
    identity.route("GET", f"{_prefix}/discovery/v2.0/keys", _PUBLIC)(public_keys)
    identity.route("GET", f"{_prefix}/discovery/keys", _PUBLIC)(public_keys)


@identity.route("GET", "/common/discovery/instance", _PUBLIC)
async def instance(call: Call) -> Response:
    """Whether an authority is known, and where its configuration is (Azure's v1.1 form)."""
    host, tenant = _authority_named(call)
    document: dict[str, Any] = {
        "tenant_discovery_endpoint": f"{base_of(call)}/{tenant}/v2.0/.well-known/openid-configuration",
        "api-version": "1.1",
        "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
    }
    return reply(document)


def _authority_named(call: Call) -> tuple[str, str]:
    """Host (with its port) and tenant of the authorization endpoint that is asked about. Raises Invalid."""
    try:
        endpoint = urlsplit(call.query.get("authorization_endpoint", ""))
        is_ours = endpoint.hostname in authority_of(call).hosts
    except ValueError:
        endpoint, is_ours = urlsplit(""), False
    tenant = endpoint.path.strip("/").partition("/")[0]
    if not is_ours or not tenant:
        raise Invalid("invalid_instance", "authorization_endpoint names no authority of this server.")
    return endpoint.netloc, tenant


def _configuration(call: Call, version: str) -> dict[str, Any]:
    base = base_of(call)
    here = f"{base}/{tenant_path(call)}"
    suffix = "/v2.0" if version == "2.0" else ""
    return {
        "issuer": authority_of(call).issuer(base, version),
        "authorization_endpoint": f"{here}/oauth2{suffix}/authorize",
        "token_endpoint": f"{here}/oauth2{suffix}/token",
        "jwks_uri": f"{here}/discovery{suffix}/keys",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["token"],
        "response_modes_supported": ["form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
        "claims_supported": ["aud", "iss", "iat", "nbf", "exp", "oid", "sub", "tid", "ver"],
        "tenant_region_scope": None,
        "cloud_instance_name": base.partition("://")[2],
    }
