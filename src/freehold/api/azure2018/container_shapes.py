"""ARM documents of accounts, their workspaces, projects and clusters. Calls 37, 46 to 50, 61, 62 and 76 to 78.

Source: the providers' published specifications; azure-cli-ml 0.1.0a27; azure-mgmt-machinelearningcompute 0.4.1.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from freehold.api.azure.reading import read_json
from freehold.api.azure.wire import Wire
from freehold.api.entry import Call
from freehold.domain.access.kinds import FACTS
from freehold.domain.documents.rules import without_nothing
from freehold.domain.workspaces.service import Wanted, WorkspaceView
from freehold.kit.clock import to_iso
from freehold.kit.problems import Invalid

SUCCEEDED = "Succeeded"
CAPACITY = "capacity"
LARGEST_CAPACITY = 16


class SkuIn(Wire):
    name: str | None = None
    capacity: int | None = None


class StorageIn(Wire):
    storage_account_id: str | None = None
    access_key: str | None = None


class OfAllIn(Wire):
    """What the properties of every kind have; each kind adds its own."""

    description: str | None = None
    friendly_name: str | None = None


class AccountPropertiesIn(OfAllIn):
    vso_account_id: str | None = None
    key_vault_id: str | None = None
    seats: str | None = None
    storage_account: StorageIn | None = None


class ProjectPropertiesIn(OfAllIn):
    gitrepo: str | None = None


class ClusterPropertiesIn(OfAllIn):
    cluster_type: str | None = None
    storage_account: dict[str, Any] | None = None
    container_registry: dict[str, Any] | None = None
    container_service: dict[str, Any] | None = None
    app_insights: dict[str, Any] | None = None
    global_service_configuration: dict[str, Any] | None = None


P = OfAllIn | AccountPropertiesIn | ProjectPropertiesIn | ClusterPropertiesIn


class EnvelopeIn(Wire):
    """What every ARM resource has; `properties` are read by the kind's own shape."""

    location: str | None = None
    tags: dict[str, str] | None = None
    sku: SkuIn | None = None
    properties: dict[str, Any] | None = None


class Shape(NamedTuple):
    """`properties_in`: how its properties are read. `properties_out`: how they are written; the text it is given is the
    base of the addresses in them.
    """

    properties_in: type[P]
    properties_out: "Callable[[str, WorkspaceView, Sequence[str]], dict[str, Any]]"
    has_sku: bool = False


async def read_wanted(call: Call, shape: Shape) -> Wanted:
    """Raises Invalid with the place that is wrong."""
    body = await read_json(call, EnvelopeIn)
    properties = _read_properties(body.properties, shape.properties_in)
    own = {key: value for key, value in msgspec.to_builtins(properties).items() if key not in _OWN_COLUMNS}
    if body.sku is not None and body.sku.capacity is not None:
        own[CAPACITY] = _checked(body.sku.capacity)
    sku = body.sku.name if body.sku is not None and shape.has_sku else None
    kept = without_nothing({key: _compact(value) for key, value in own.items()})
    return Wanted(body.location, properties.friendly_name, properties.description, sku, body.tags, kept or None)


def resource_out(base: str, found: WorkspaceView, shape: Shape, above: Sequence[str]) -> dict[str, Any]:
    """`base`: of the addresses in it. `above`: ids of what stands above it, the nearest first."""
    document: dict[str, Any] = {
        "id": found.ref.path,
        "name": found.ref.name,
        "type": FACTS[found.ref.kind].type,
        "location": found.ref.location,
        "tags": found.tags,
    }
    if shape.has_sku:
        document["sku"] = {"name": found.sku, "capacity": found.properties.get(CAPACITY, 1)}
    return document | {"properties": shape.properties_out(base, found, above)}


def account_properties(base: str, found: WorkspaceView, above: Sequence[str]) -> dict[str, Any]:
    kept = found.properties
    storage = kept.get("storageAccount") or {}
    return {
        "vsoAccountId": kept.get("vsoAccountId"),
        "accountId": found.ref.public_id,
        "description": found.description,
        "friendlyName": found.friendly_name,
        "keyVaultId": kept.get("keyVaultId"),
        "seats": kept.get("seats"),
        "discoveryUri": f"{base}/discovery",
        "creationDate": to_iso(found.created_at),
        "storageAccount": {
            "storageAccountId": storage.get("storageAccountId"),
            "accessKey": storage.get("accessKey"),
        },
        "provisioningState": SUCCEEDED,
    }


def workspace_properties(base: str, found: WorkspaceView, above: Sequence[str]) -> dict[str, Any]:
    return {
        "description": found.description,
        "accountId": above[0],
        "workspaceId": found.ref.public_id,
        "friendlyName": found.friendly_name,
        "creationDate": to_iso(found.created_at),
        "provisioningState": SUCCEEDED,
    }


def project_properties(base: str, found: WorkspaceView, above: Sequence[str]) -> dict[str, Any]:
    return {
        "description": found.description,
        "accountId": above[1],
        "workspaceId": above[0],
        "projectId": found.ref.public_id,
        "gitrepo": found.properties.get("gitrepo"),
        "friendlyName": found.friendly_name,
        "creationDate": to_iso(found.created_at),
        "provisioningState": SUCCEEDED,
    }


def hosting_properties(base: str, found: WorkspaceView, above: Sequence[str]) -> dict[str, Any]:
    """The clients take the address of the data plane from `modelManagementSwaggerLocation`, less its last part."""
    ref = found.ref
    place = f"/api/subscriptions/{ref.subscription_id}/resourceGroups/{quote(ref.resource_group)}/accounts/{ref.name}"
    return {
        "description": found.description,
        "createdOn": to_iso(found.created_at),
        "modifiedOn": to_iso(found.updated_at),
        "modelManagementSwaggerLocation": f"{base}{place}/swagger.json",
    }


def cluster_properties(base: str, found: WorkspaceView, above: Sequence[str]) -> dict[str, Any]:
    """Without secrets, ever: `listKeys` gives them."""
    kept = found.properties
    return {
        "description": found.description,
        "createdOn": to_iso(found.created_at),
        "modifiedOn": to_iso(found.updated_at),
        "provisioningState": SUCCEEDED,
        "provisioningErrors": [],
        "clusterType": kept.get("clusterType", "ACS"),
        "storageAccount": kept.get("storageAccount"),
        "containerRegistry": kept.get("containerRegistry"),
        "containerService": kept.get("containerService"),
        "appInsights": kept.get("appInsights"),
        "globalServiceConfiguration": kept.get("globalServiceConfiguration"),
    }


def cluster_keys(opened: dict[str, Any]) -> dict[str, Any]:
    """`opened`: the properties with their secrets. What was never given is null."""
    service = opened.get("containerService") or {}
    configuration = opened.get("globalServiceConfiguration") or {}
    return {
        "storageAccount": opened.get("storageAccount"),
        "containerRegistry": opened.get("containerRegistry"),
        "containerService": {
            "acsKubeConfig": service.get("acsKubeConfig"),
            "servicePrincipalConfiguration": (service.get("orchestratorProperties") or {}).get("servicePrincipal"),
            "imagePullSecretName": service.get("imagePullSecretName"),
        },
        "appInsights": opened.get("appInsights"),
        "serviceAuthConfiguration": configuration.get("serviceAuth"),
        "sslConfiguration": configuration.get("ssl"),
    }


_OWN_COLUMNS = frozenset({"description", "friendlyName"})


def _read_properties(given: dict[str, Any] | None, shape: type[P]) -> P:
    try:
        return msgspec.convert(given or {}, shape)
    except msgspec.ValidationError as fault:
        raise Invalid("InvalidBody", f"properties: {fault}", target="properties") from None


def _checked(capacity: int) -> int:
    if not 1 <= capacity <= LARGEST_CAPACITY:
        message = f"The capacity of a sku is 1 to {LARGEST_CAPACITY}."
        raise Invalid("InvalidSku", message, target="sku.capacity")
    return capacity


def _compact(value: Any) -> Any:
    return without_nothing(value) if isinstance(value, dict) else value
