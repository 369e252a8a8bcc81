"""What Azure answers where nothing was said: azureml-core 1.61.0 reads these fields without asking.

Only answers are completed. What is kept stays as it was said, so that a later default of Azure's can be another.
"""

from collections.abc import Mapping
from typing import Any

_NO_SECTION: dict[str, Any] = {}
_ACI_NEEDS = {"cpu": 0.1, "memoryInGB": 0.5}
_AKS_NEEDS = {"cpu": 0.1, "cpuLimit": None, "memoryInGB": 0.5, "memoryInGBLimit": None, "gpu": None}
_SCALER = {
    "autoscaleEnabled": True,
    "maxReplicas": 10,
    "minReplicas": 1,
    "refreshPeriodInSeconds": 1,
    "targetUtilization": 70,
}
_COLLECTION = {"eventHubEnabled": False, "storageEnabled": False}
_LIVENESS = {
    "periodSeconds": 10,
    "initialDelaySeconds": 310,
    "timeoutSeconds": 1,
    "failureThreshold": 3,
    "successThreshold": 1,
}
_SERVICES: dict[str, dict[str, Any]] = {
    "ACI": {
        "containerResourceRequirements": _ACI_NEEDS,
        "authEnabled": False,
        "appInsightsEnabled": False,
        "sslEnabled": False,
    },
    "AKS": {
        "containerResourceRequirements": _AKS_NEEDS,
        "autoScaler": _SCALER,
        "dataCollection": _COLLECTION,
        "livenessProbeRequirements": _LIVENESS,
        "authEnabled": True,
        "aadAuthEnabled": False,
        "appInsightsEnabled": False,
        "maxConcurrentRequestsPerContainer": 1,
        "maxQueueWaitMs": 500,
        "scoringTimeoutMs": 60_000,
    },
}
"""By kind of compute. Source: the defaults of AciWebservice's and AksWebservice's `deploy_configuration`."""
_ONCE_BEGUN = {
    "containerResourceRequirements": _AKS_NEEDS,
    "autoScaler": _SCALER,
    "dataCollection": _COLLECTION,
    "livenessProbeRequirements": _LIVENESS,
    "encryptionProperties": {"vaultBaseUrl": None, "keyName": None, "keyVersion": None},
    "vnetConfiguration": {"vnetName": None, "subnetName": None},
}
"""Whatever the compute: who says one field of these has the rest of them too."""
_SECTIONS = {
    "AzureBlob": "azureStorageSection",
    "AzureFile": "azureStorageSection",
    "AzureDataLakeGen2": "azureStorageSection",
    "AzureDataLake": "azureDataLakeSection",
    "AzureSqlDatabase": "azureSqlDatabaseSection",
    "AzurePostgreSql": "azurePostgreSqlSection",
    "AzureMySql": "azureMySqlSection",
    "Hdfs": "hdfsSection",
    "GlusterFs": "glusterFsSection",
}
AML_COMPUTE = "AmlCompute"
_SCALE = {"minNodeCount": 0, "maxNodeCount": 1, "nodeIdleTimeBeforeScaleDown": "PT120S"}
_NODE_STATES = ("preparing", "running", "idle", "unusable", "leaving", "preempted")
_CLUSTER = {
    "vmSize": None,
    "vmPriority": "Dedicated",
    "subnet": None,
    "remoteLoginPortPublicAccess": "NotSpecified",
    "allocationState": "Steady",
    "errors": None,
    "currentNodeCount": 0,
    "targetNodeCount": 0,
    "nodeStateCounts": {f"{state}NodeCount": 0 for state in _NODE_STATES},
}
"""An AmlCompute has always a state of its nodes: nobody reported of any, so there are none."""
_READ_UNASKED = {
    "AKS": (
        "agentVmSize",
        "agentCount",
        "clusterPurpose",
        "clusterFqdn",
        "loadBalancerType",
        "loadBalancerSubnet",
        "systemServices",
    ),
    "ComputeInstance": ("vmSize", "subnet", "sshSettings", "createdBy", "errors", "state"),
}
_ASSET = {"id": None, "mimeType": None, "unpack": False, "url": None}
_RUNTIME: dict[str, Any] = {"runtimeType": None, "properties": {}}
_FLAVOUR_WITH_RUNTIME = "WebApiContainer"


def of_service(compute_type: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a service, completed. `said`: its fields by their names on the wire."""
    unsaid = _SERVICES.get(compute_type, {})
    given = {name: value for name, value in said.items() if value is not None}
    begun = {
        name: completed(_SERVICES.get(compute_type, {}).get(name, inner), given[name])
        for name, inner in _ONCE_BEGUN.items()
        if name in given
    }
    return unsaid | given | begun


def of_compute(compute_type: str, said: Mapping[str, Any], made_at: str) -> dict[str, Any]:
    """The inner properties of a compute, completed; never null. `made_at`: ISO 8601, when its nodes last changed.

    What is null is left out, but for what azureml-core reads unasked: it asks of the rest only whether it is there.
    """
    given = {name: value for name, value in said.items() if value is not None}
    if compute_type == AML_COMPUTE:
        scale = completed(_SCALE, given.get("scaleSettings", {}))
        return _CLUSTER | {"allocationStateTransitionTime": made_at} | given | {"scaleSettings": scale}
    unset = dict.fromkeys(_READ_UNASKED.get(compute_type, ())) if given else {}
    return unset | given


def of_image(said: Mapping[str, Any]) -> dict[str, Any]:
    """`assets` and `targetRuntime` of an image, completed; a runtime is expected of Azure ML's own flavour only."""
    runtime = said.get("targetRuntime")
    if runtime is None and said.get("imageFlavor") == _FLAVOUR_WITH_RUNTIME:
        runtime = {}
    assets = [completed(_ASSET, each) for each in said.get("assets") or []]
    return {"assets": assets, "targetRuntime": completed(_RUNTIME, runtime)}


def of_datastore(store_type: str, sections: Mapping[str, Any]) -> dict[str, Any]:
    """The sections of a datastore: that of its type is there, and empty if nothing was said."""
    section = _SECTIONS.get(store_type)
    return dict(sections) if section is None else {section: _NO_SECTION} | dict(sections)


def completed(unsaid: Mapping[str, Any], said: Any) -> Any:
    """`said` with what it leaves out; what is no object stays what it is."""
    return {**unsaid, **said} if isinstance(said, dict) else said
