"""ARM's cloud metadata: the document that points azureml-core and az at this server.

Source: azureml-core 1.61.0 (the fields that it reads, seen on the wire). `resourceManager` carries no
slash at its end, for the compute client joins with one; `suffixes` must be there.
"""

from typing import Any

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.identity.facade import identity
from freehold.api.identity.tenants import authority_of, base_of
from freehold.api.replies import reply
from freehold.api.routing import Anonymous
from freehold.domain.access.authority import MANAGEMENT_AUDIENCES


@identity.route("GET", "/metadata/endpoints", Anonymous(because="clients read it before they know where to sign in"))
async def endpoints(call: Call) -> Response:
    """The clouds: one, named as clients expect by default. The 2015 form is an object, later ones are lists."""
    cloud = _cloud(call)
    if call.query.get("api-version", "") == "2015-01-01":
        return reply({key: cloud[key] for key in ("portal", "graphEndpoint", "galleryEndpoint", "authentication")})
    return reply([cloud])


def _cloud(call: Call) -> dict[str, Any]:
    base = base_of(call)
    host = base.partition("://")[2]
    return {
        "name": "AzureCloud",
        "portal": base,
        "authentication": {
            "loginEndpoint": base,
            "audiences": list(MANAGEMENT_AUDIENCES),
            "tenant": authority_of(call).tenant_id,
            "identityProvider": "AAD",
        },
        "resourceManager": base,
        "graphEndpoint": base,
        "graph": base,
        "graphAudience": f"{base}/",
        "galleryEndpoint": base,
        "gallery": base,
        "batch": base,
        "media": base,
        "sqlManagement": base,
        "activeDirectoryDataLake": base,
        "microsoftGraphResourceId": f"{base}/",
        "suffixes": {
            "storage": f"sas@{host}",
            "keyVaultDns": host,
            "acrLoginServer": host,
            "sqlServerHostname": host,
            "azureDataLakeStoreFileSystem": host,
            "azureDataLakeAnalyticsCatalogAndJob": host,
        },
    }
