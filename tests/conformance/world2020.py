"""A whole workspace of 2020, built over REST alone: something of every noun, with content that can be told apart."""

import time

from tests.azure2020 import pipelines
from tests.azure2020.conftest import Azure

PLOT = b"\x89PNG the only plot of its kind " * 300
LABELS = b"labels that are in one asset alone " * 300
WEIGHTS = b"weights that are in one model alone " * 300
SCORING = "https://s.example.org"
VERSION = "api-version=2019-11-01"


class World2020:
    """`parts`: what stands for each placeholder of the pages. A call's own stand under its number."""

    def __init__(self, azure: Azure) -> None:
        self.azure = azure
        self.parts: dict[str, str] = {}
        self.own: dict[int, dict[str, str]] = {}
        self._frame()
        self._history()
        self._models()
        self._outside()
        self._pipelines()

    def filling(self, number: int) -> dict[str, str]:
        return self.parts | self.own.get(number, {})

    def _frame(self) -> None:
        azure, name = self.azure, f"conformance{time.time_ns() % 10**9}"
        group = azure.workspace.rpartition("/providers/")[0]
        azure.workspace = f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{name}"
        body = {"location": "local", "tags": {"team": "digits"}, "properties": {"friendlyName": "The whole"}}
        azure.ok("PUT", f"{azure.workspace}?{VERSION}", body, status=201)
        self.parts |= {
            "subscriptionId": azure.world.subscription_id,
            "resourceGroupName": "freehold",
            "workspaceName": name,
            "workspace": name,
        }

    def _history(self) -> None:
        azure = self.azure
        azure.experiment = "digits"
        azure.make_experiment()
        azure.put_run("first", status="Running", tags={"stage": "one"}, properties={"seed": "7"}, target="cpu")
        metric = {"metricType": "azureml.v1.scalar", "name": "loss", "cells": [{"loss": 0.5}, {"loss": 0.25}]}
        azure.ok("POST", f"{azure.history}/experiments/digits/runs/first/metrics", metric)
        azure.upload("ExperimentRun", "dcid.first", plots__loss=PLOT)
        azure.put_run("first", status="Completed")
        found = azure.ok("GET", f"{azure.history}/experiments/digits/metrics")["value"]
        tasks = azure.ok("GET", f"/notification/v1.0{azure.workspace}/tasks")["value"]
        self.parts |= {
            "experimentName": "digits",
            "runId": "first",
            "metricId": found[0]["metricId"],
            "taskId": tasks[0]["taskId"],
        }

    def _models(self) -> None:
        azure = self.azure
        azure.upload("LocalUpload", "upload", model=WEIGHTS)
        azure.upload("LocalUpload", "labels", labels=LABELS)
        weights, labels = (self._asset(name, folder) for name, folder in (("weights", "upload"), ("labels", "labels")))
        url = f"aml://asset/{weights}"
        given = {"name": "digits", "url": url, "mimeType": "application/x", "kvTags": {"a": "b"}}
        model = azure.ok("POST", f"{azure.models}/models", given)
        image = {"name": "scorer", "modelIds": [model["id"]], "imageType": "Docker", "imageLocation": "r.example.org/s"}
        azure.ok("POST", f"{azure.models}/images", image, status=202)
        service = {"name": "scoring", "computeType": "ACI", "imageId": "scorer:1", "scoringUri": SCORING}
        azure.ok("POST", f"{azure.models}/services", service, status=202)
        for number, found in ((25, model["id"]), (27, labels), (29, "scorer:1"), (31, "scoring")):
            self.own[number] = {"id": found.replace(":", "%3A")}
        for number, found in ((3, model["id"]), (5, labels), (7, "scorer:1"), (9, "scoring")):
            self.own[number] = {"id": found}

    def _asset(self, name: str, folder: str) -> str:
        body = {"name": name, "artifacts": [{"prefix": f"LocalUpload/{folder}"}]}
        return str(self.azure.ok("POST", f"{self.azure.models}/assets", body)["id"])

    def _outside(self) -> None:
        azure = self.azure
        properties = {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_D2"}}
        body = {"location": "local", "properties": properties}
        azure.ok("PUT", f"{azure.workspace}/computes/cpu?{VERSION}", body, status=201)
        section = {
            "accountName": "lake",
            "containerName": "raw",
            "endpoint": "core.windows.net",
            "protocol": "https",
            "credentialType": "AccountKey",
            "credential": "canary-of-a-datastore",
        }
        store = {"name": "raw", "dataStoreType": "AzureBlob", "azureStorageSection": section}
        answer = azure.call("POST", f"/datastore/v1.0{azure.workspace}/datastores", store)
        assert answer.status_code in (200, 201), answer.text
        self.parts |= {"computeName": "cpu"}
        self.own[23] = {"name": "raw"}

    def _pipelines(self) -> None:
        azure = self.azure
        module = pipelines.make_module(azure, "train")
        source = pipelines.make_source(azure, "pixels")
        run = pipelines.make_run(azure, pipelines.graph(module["Id"], source["Id"]))
        template = azure.ok(
            "POST", pipelines.at(azure, "Templates/Create"), {"Name": "digits", "ExperimentId": run["Id"]}
        )
        self.parts |= {"experimentId": run["Id"], "graphId": run["GraphId"], "templateId": template["Id"]}
        self.own[34], self.own[36] = {"id": module["Id"]}, {"id": source["Id"]}
