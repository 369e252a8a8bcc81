"""A workspace made over REST with as little said as is accepted: one of every kind that the SDK tells apart."""

from typing import Any

from tests.azure2020.conftest import Azure

SERVICES = ("ACI", "AKS", "AKSENDPOINT", "AMLCOMPUTE", "IOT", "MIR", "CLUSTER", "UNKNOWN")
DATASTORES: dict[str, dict[str, Any]] = {
    "AzureBlob": {"azureStorageSection": {"accountName": "lake", "containerName": "raw"}},
    "AzureFile": {"azureStorageSection": {"accountName": "lake", "containerName": "raw", "accountKey": "a2V5"}},
    "AzureDataLakeGen2": {},
    "AzureDataLake": {},
    "AzureSqlDatabase": {},
    "AzurePostgreSql": {},
    "AzureMySql": {},
    "Hdfs": {},
    "DBFS": {},
    "Custom": {"customSection": {"kind": "S3", "bucket": "raw"}},
    "Git": {},
    "OneLake": {},
}
"""Of azureml-core's types all that it understands: a GlusterFs store stops its lists whatever is said of it."""
COMPUTES = (
    "AKS",
    "AmlCompute",
    "BatchAI",
    "ComputeInstance",
    "DataFactory",
    "Databricks",
    "DataLakeAnalytics",
    "HDInsight",
    "Kubernetes",
    "SynapseSpark",
    "VirtualMachine",
)
UNKNOWN_TO_THE_SDK = {"BatchAI", "Kubernetes"}
"""It leaves them out of its lists: a Kubernetes that is not attached, and what its BatchAI package would read."""
VERSION = "api-version=2019-11-01"


def make_least(azure: Azure) -> None:
    _registered(azure)
    _services(azure)
    for store, section in DATASTORES.items():
        body = _named(store, dataStoreType=store, **section)
        azure.ok("POST", f"/datastore/v1.0{azure.workspace}/datastores", body)
    for compute in COMPUTES:
        body = {"properties": {"computeType": compute}}
        azure.ok("PUT", f"{azure.workspace}/computes/least-{compute}?{VERSION}", body, status=201)
    _partly_said(azure)
    azure.ok("PATCH", f"{azure.history}/experiments/{azure.experiment}/runs/least", {})


def _registered(azure: Azure) -> None:
    azure.ok("POST", f"{azure.models}/models", {"name": "least"})
    azure.ok("POST", f"{azure.models}/images", {"name": "least"}, status=202)
    flavoured = {"name": "flavoured", "imageType": "Docker", "imageFlavor": "WebApiContainer", "assets": [{"id": "a"}]}
    azure.ok("POST", f"{azure.models}/images", flavoured, status=202)


def _services(azure: Azure) -> None:
    for compute in SERVICES:
        azure.ok("POST", f"{azure.models}/services", _named(compute, computeType=compute), status=202)
        given = {"computeType": compute, "imageId": "least:1"}
        azure.ok("POST", f"{azure.models}/services", {"name": f"image-{compute.lower()}", **given}, status=202)


def _partly_said(azure: Azure) -> None:
    """Inner documents of which only one field was said."""
    inner = {
        "containerResourceRequirements": {"memoryInGB": 2},
        "autoScaler": {"maxReplicas": 3},
        "dataCollection": {"storageEnabled": True},
        "livenessProbeRequirements": {"periodSeconds": 30},
        "encryptionProperties": {"keyName": "k"},
        "vnetConfiguration": {"vnetName": "v"},
    }
    for compute in ("ACI", "AKS"):
        body = {"name": f"partly-{compute.lower()}", "computeType": compute, **inner}
        azure.ok("POST", f"{azure.models}/services", body, status=202)
    for compute, one in (("AKS", "agentCount"), ("ComputeInstance", "vmSize"), ("Kubernetes", "namespace")):
        body = {"properties": {"computeType": compute, "properties": {one: None, "other": 1}}, "identity": {}}
        azure.ok("PUT", f"{azure.workspace}/computes/partly-{compute}?{VERSION}", body, status=201)
    scale = {"computeType": "AmlCompute", "properties": {"scaleSettings": {"maxNodeCount": 4}}}
    azure.ok("PUT", f"{azure.workspace}/computes/partly?{VERSION}", {"properties": scale}, status=201)


def _named(kind: str, **more: Any) -> dict[str, Any]:
    return {"name": f"least{kind.lower()}", **more}
