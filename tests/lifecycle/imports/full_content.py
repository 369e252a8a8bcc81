"""A server's content of both generations with something in every field of a document that anybody opens."""

from typing import Any

import httpx

from tests.azure2018.conftest import CLUSTERS, EXPERIMENTATION, Tree
from tests.azure2020 import pipelines
from tests.azure2020.conftest import Azure
from tests.azure2020.pipelines import at
from tests.azure2020.test_datasets import register
from tests.azure2020.test_metrics import TABLE, log, metric
from tests.azure2020.test_pipelines_drafts import make_draft
from tests.conformance.world2018 import World2018
from tests.lifecycle.imports.content import Everything
from tests.world import World


def build_full(world: World) -> None:
    with httpx.Client(base_url=world.url, timeout=60) as client:
        azure = Azure(world, client, world.alice, world.workspace, "digits")
        _fill_containers(World2018(azure).tree)
        _Full(azure).also()


def _fill_containers(tree: Tree) -> None:
    storage = {"storageAccount": {"storageAccountId": "s", "accessKey": "k"}, "keyVaultId": "v", "seats": "5"}
    body = {"location": "local", "properties": storage | {"vsoAccountId": "w"}}
    assert tree.arm("PUT", tree.account, body, EXPERIMENTATION).status_code == 200
    service = {"orchestratorProperties": {"servicePrincipal": {"clientId": "c"}}, "imagePullSecretName": "n"}
    properties = {"clusterType": "ACS", "containerService": service, "globalServiceConfiguration": {"ssl": {}}}
    cluster = f"{tree.group}/providers/Microsoft.MachineLearningCompute/operationalizationClusters/full"
    assert tree.arm("PUT", cluster, {"location": "local", "properties": properties}, CLUSTERS).status_code == 201


class _Full(Everything):
    def also(self) -> None:
        super().also()
        self._runs()
        self._served()
        self._outside_too()
        self._drawn()

    def _runs(self) -> None:
        azure = self.azure
        said = {"runDefinition": {"script": "a.py"}, "runTypeV2": {"traits": ["x"]}, "inputDatasets": [{"id": "b"}]}
        for run in ("opened", "other"):
            azure.put_run(run, **said)
            azure.report(run, "Warning", Source="a", Message="b")
            azure.report(run, "Error", ErrorResponse={"error": {"message": "m", "details": []}})
        log(azure, "opened", metric("t", 1, "x", kind=TABLE, type_="string"))

    def _served(self) -> None:
        azure, version = self.azure, {"modelIds": ["opened:1"]}
        model = {"name": "opened", "url": "http://x.example.org", "mimeType": "x", "unpack": True}
        azure.ok("POST", f"{azure.models}/models", model | {"datasets": [{"name": "a", "id": "b"}]})
        runtime: dict[str, Any] = {"runtimeType": "Python", "properties": {}}
        image: dict[str, Any] = {"name": "opened", "imageType": "Docker", "imageFlavor": "WebApiContainer"}
        image |= {"targetRuntime": runtime, "assets": [{"id": "driver", "url": "u"}]}
        azure.ok("POST", f"{azure.models}/images", image | version, status=202)
        service: dict[str, Any] = {"computeType": "AKS", "autoScaler": {"maxReplicas": 2}}
        service |= {"dataCollection": {"storageEnabled": True}}
        for name in ("opened", "other", "third"):
            azure.ok("POST", f"{azure.models}/services", service | version | {"name": name}, status=202)

    def _outside_too(self) -> None:
        azure = self.azure
        inner = {"scaleSettings": {"maxNodeCount": 4}, "vmSize": "x"}
        properties = {"computeType": "AmlCompute", "properties": inner, "isAttachedCompute": False}
        compute = {"identity": {"type": "SystemAssigned"}, "tags": {"a": "b"}, "properties": properties}
        azure.ok("PUT", f"{azure.workspace}/computes/opened?api-version=2019-11-01", compute, status=201)
        for name in ("opened", "other"):
            register(azure, name, description="d", defaultCompute="cpu")

    def _drawn(self) -> None:
        azure = self.azure
        for _ in range(2):
            make_draft(azure)
        published = pipelines.publish(azure, tags={"a": "b"}, Properties={"c": "d"}, Description="e")
        schedule = {"Name": "daily", "PipelineId": published["Id"], "ScheduleType": "0"}
        schedule |= {"Recurrence": {"Frequency": "Day"}, "PipelineSubmissionInfo": {"ExperimentName": "x"}}
        made = azure.ok("POST", at(azure, "Schedules/Create"), schedule)
        pipelines.submit(azure, published["Id"], ScheduleId=made["Id"])
        azure.ok("POST", at(azure, "PipelineEndpoints/Create"), {"Name": "end", "PipelineId": published["Id"]})
        named = azure.ok("POST", at(azure, "AzureMLModules"), {"Name": "named", "Description": "d"})
        azure.ok("POST", at(azure, "AzureMLModuleVersions"), {"Name": "named", "AmlModuleId": named["Id"]})
        azure.ok("POST", at(azure, "DataTypes"), {"Id": "Own", "Name": "Own", "ParentDataTypeIds": ["AnyFile"]})
