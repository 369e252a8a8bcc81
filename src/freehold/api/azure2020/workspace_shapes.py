"""ARM's document of a workspace. Fields: calls 10 and 11, azureml-core 1.61.0."""

from typing import Any

from freehold.api.addresses import own_base
from freehold.api.azure.wire import Wire
from freehold.api.entry import Call
from freehold.domain.workspaces.service import Wanted, WorkspaceView
from freehold.kit.clock import to_iso

TYPE = "Microsoft.MachineLearningServices/workspaces"
_KEPT = (
    "keyVault",
    "applicationInsights",
    "containerRegistry",
    "storageAccount",
    "hbiWorkspace",
    "imageBuildCompute",
    "allowPublicAccessWhenBehindVnet",
    "primaryUserAssignedIdentity",
    "systemDatastoresAuthMode",
    "v1LegacyMode",
)
"""Properties that clients set and read back; nothing here acts on them."""


class SkuIn(Wire):
    name: str | None = None


class PropertiesIn(Wire):
    description: str | None = None
    friendly_name: str | None = None
    key_vault: str | None = None
    application_insights: str | None = None
    container_registry: str | None = None
    storage_account: str | None = None
    hbi_workspace: bool | None = None
    image_build_compute: str | None = None
    allow_public_access_when_behind_vnet: bool | None = None
    primary_user_assigned_identity: str | None = None
    system_datastores_auth_mode: str | None = None
    v1_legacy_mode: bool | None = None


class WorkspaceIn(Wire):
    location: str | None = None
    tags: dict[str, str] | None = None
    sku: SkuIn | None = None
    properties: PropertiesIn | None = None

    def wanted(self) -> Wanted:
        properties = self.properties or PropertiesIn()
        given = {name: getattr(properties, _attribute(name)) for name in _KEPT}
        kept = {name: value for name, value in given.items() if value is not None}
        return Wanted(
            self.location,
            properties.friendly_name,
            properties.description,
            self.sku.name if self.sku else None,
            self.tags,
            kept or None,
        )


def workspace_out(call: Call, found: WorkspaceView) -> dict[str, Any]:
    return workspace_document(found, own_base(call), _tenant(call))


def workspace_document(found: WorkspaceView, base: str, tenant_id: str | None) -> dict[str, Any]:
    """`base`: of the addresses in it. It and the tenant are the server's, the rest is content."""
    kept = {name: found.properties.get(name) for name in _KEPT}
    own: dict[str, Any] = {
        "workspaceId": found.ref.public_id,
        "friendlyName": found.friendly_name,
        "description": found.description,
        "creationTime": to_iso(found.created_at),
        "discoveryUrl": f"{base}/discovery/workspaces/{found.ref.public_id}",
        "provisioningState": "Succeeded",
        "serviceProvisionedResourceGroup": None,
        "privateLinkCount": 0,
        "privateEndpointConnections": [],
        "notebookInfo": None,
        "encryption": None,
        "hbiWorkspace": bool(kept["hbiWorkspace"]),
        "v1LegacyMode": bool(kept["v1LegacyMode"]),
    }
    return _resource(found, tenant_id) | {"etag": None, "properties": kept | own}


def resource_out(call: Call, found: WorkspaceView) -> dict[str, Any]:
    """The workspace as one resource among others, without its properties."""
    return _resource(found, _tenant(call))


def _resource(found: WorkspaceView, tenant_id: str | None) -> dict[str, Any]:
    return {
        "id": found.ref.path,
        "name": found.ref.name,
        "type": TYPE,
        "location": found.ref.location,
        "tags": found.tags,
        "identity": {
            "type": "SystemAssigned",
            "principalId": found.ref.public_id,
            "tenantId": tenant_id,
        },
        "sku": {"name": found.sku, "tier": found.sku},
    }


def _tenant(call: Call) -> str:
    return call.services.tokens.issuer.authority.tenant_id


def _attribute(name: str) -> str:
    """keyVault → key_vault, v1LegacyMode → v1_legacy_mode."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
