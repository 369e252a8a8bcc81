"""ARM's document of a compute. Calls 12, 13, 59 and 60; azure-mgmt-machinelearningservices 1.0.1, azureml-core 1.61.0.

No secret is in it: what a type keeps secret is read with `listKeys`.
"""

from typing import Any

import msgspec

from freehold.api.azure.wire import Wire
from freehold.api.azure2020 import unsaid
from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.computes.service import ERRORS, INNER, NODES, ComputeView, NewCompute
from freehold.domain.documents.rules import without_nothing
from freehold.kit.clock import to_iso
from freehold.kit.problems import Invalid

TYPE = "Microsoft.MachineLearningServices/workspaces/computes"
_ATTACHED = frozenset({"AKS", "VirtualMachine", "HDInsight", "Databricks", "DataFactory", "DataLakeAnalytics"})
"""Types that a workspace only points to when a `resourceId` or address came with them."""


class ComputePropertiesIn(Wire):
    compute_type: str | None = None
    compute_location: str | None = None
    description: str | None = None
    resource_id: str | None = None
    disable_local_auth: bool | None = None
    is_attached_compute: bool | None = None
    properties: dict[str, Any] | None = None
    scale_settings: dict[str, Any] | None = None


class ComputeIn(Wire):
    location: str | None = None
    tags: dict[str, str] | None = None
    identity: dict[str, Any] | None = None
    sku: dict[str, Any] | None = None
    properties: ComputePropertiesIn | None = None

    def new(self, name: str) -> NewCompute:
        if self.properties is None or not self.properties.compute_type:
            raise Invalid("InvalidComputeType", "properties.computeType says what is registered.", target="computeType")
        return NewCompute(name, self.properties.compute_type, self.document())

    def document(self) -> dict[str, Any]:
        """What was said, without the rest. `scaleSettings` right below `properties` is how a PATCH gives them."""
        properties = self.properties or ComputePropertiesIn()
        inner = dict(properties.properties or {})
        if properties.scale_settings is not None:
            inner["scaleSettings"] = properties.scale_settings
        said = {"location": self.location, "tags": self.tags, "identity": self.identity, "sku": self.sku}
        of_all = {key: value for key, value in msgspec.to_builtins(properties).items() if key in _OF_ALL}
        return without_nothing(said | of_all | {INNER: inner or None})


_OF_ALL = frozenset({"computeLocation", "description", "resourceId", "disableLocalAuth", "isAttachedCompute"})


def compute_out(workspace: WorkspaceRef, found: ComputeView) -> dict[str, Any]:
    """`tags` is always there, null where there are none: azureml-core fails without the key. It fails with an
    `identity` that is null, or of no type.
    """
    document = found.document
    identity = document.get("identity")
    location = document.get("location") or workspace.location
    return {
        "id": f"{workspace.path}/computes/{found.name}",
        "name": found.name,
        "type": TYPE,
        "location": location,
        "tags": document.get("tags"),
        "sku": document.get("sku"),
        **({"identity": unsaid.completed({"type": None}, identity)} if identity else {}),
        "properties": {
            "computeType": found.compute_type,
            "computeLocation": document.get("computeLocation") or location,
            "provisioningState": found.state,
            "description": document.get("description"),
            "createdOn": to_iso(found.created_at),
            "modifiedOn": to_iso(found.updated_at),
            "resourceId": document.get("resourceId"),
            "provisioningErrors": document.get(ERRORS),
            "isAttachedCompute": _is_attached(found),
            "disableLocalAuth": bool(document.get("disableLocalAuth", False)),
            "properties": unsaid.of_compute(found.compute_type, found.inner, to_iso(found.created_at)),
        },
    }


def nodes_out(found: ComputeView) -> dict[str, Any]:
    return {"computeType": found.compute_type, "nodes": found.document.get(NODES) or []}


def keys_out(found: ComputeView, opened: dict[str, Any]) -> dict[str, Any]:
    """ARM's ComputeSecrets: by type, the fields that it keeps secret. AmlCompute has none."""
    of_type = {key: opened.get(key) for key in _SECRETS.get(found.compute_type, ())}
    return {"computeType": found.compute_type} | of_type


_SECRETS = {
    "AKS": ("userKubeConfig", "adminKubeConfig", "imagePullSecretName"),
    "VirtualMachine": ("administratorAccount",),
    "HDInsight": ("administratorAccount",),
    "Databricks": ("databricksAccessToken",),
}


def _is_attached(found: ComputeView) -> bool:
    said = found.document.get("isAttachedCompute")
    if isinstance(said, bool):
        return said
    return found.compute_type in _ATTACHED and bool(found.document.get("resourceId") or found.inner.get("address"))
