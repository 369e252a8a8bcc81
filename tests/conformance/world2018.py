"""A whole tree of 2018, built over REST alone: accounts, projects with history, and a hosting account with services."""

import time

from tests.azure2018.conftest import CLUSTERS, Tree
from tests.azure2020.conftest import Azure

PLOT = b"\x89PNG a plot of a project " * 300


class World2018:
    """`parts`: what stands for each placeholder of the pages. A call's own stand under its number."""

    def __init__(self, azure: Azure) -> None:
        number = time.time_ns() % 10**9
        self.tree = Tree(azure.world, azure.client, azure.person, azure.workspace, "", number).make()
        self.other = f"{self.tree.above}/projects/letters{number}"
        body = {"location": "local", "properties": {"friendlyName": "Letters"}}
        assert self.tree.arm("PUT", self.other, body).status_code == 201
        self.parts: dict[str, str] = {}
        self.own: dict[int, dict[str, str]] = {}
        self._frame()
        self._history()
        self._hosting()

    def filling(self, number: int) -> dict[str, str]:
        return self.parts | self.own.get(number, {})

    def _frame(self) -> None:
        tree = self.tree
        cluster = f"{tree.group}/providers/Microsoft.MachineLearningCompute/operationalizationClusters/c{tree.number}"
        body = {"location": "local", "properties": {"clusterType": "ACS", "description": "two agents"}}
        assert tree.arm("PUT", cluster, body, CLUSTERS).status_code == 201
        compute = {"location": "local", "properties": {"computeType": "VirtualMachine", "resourceId": "vm"}}
        place = f"{tree.workspace}/computes/vm{tree.number}?api-version=2018-03-01-preview"
        tree.ok("PUT", place, compute, status=201)
        workspace = tree.workspace.rpartition("/")[2]
        self.parts |= {
            "subscriptionId": tree.world.subscription_id,
            "subscription-id": tree.world.subscription_id,
            "resourceGroupName": "freehold",
            "resource-group": "freehold",
            "accountName": f"account{tree.number}",
            "account-name": f"account{tree.number}",
            "workspaceName": f"team{tree.number}",
            "workspace-name": f"team{tree.number}",
            "projectName": f"digits{tree.number}",
            "project-name": f"digits{tree.number}",
            "clusterName": f"c{tree.number}",
            "compute-name": f"vm{tree.number}",
            "objectId": tree.world.alice.object_id,
        }
        hosting = {"accountName": f"hosting{tree.number}", "account-name": f"hosting{tree.number}"}
        self.own = {number: dict(hosting) for number in (37, *range(38, 46), *range(50, 59))}
        self.own |= {59: {"workspaceName": workspace}, 60: {"workspaceName": workspace}}
        self.own[47] = {"project-name": f"letters{tree.number}"}

    def _history(self) -> None:
        tree = self.tree
        experiment = tree.ok("POST", f"{tree.runs}/experiments/digits", {"description": "of handwriting"})
        tree.ok("PATCH", f"{tree.runs}/runs/first?experiment=digits", {"status": "Running", "tags": {"stage": "one"}})
        metric = {"metricType": "azureml.v1.scalar", "name": "loss", "cells": [{"loss": 0.5}]}
        tree.ok("POST", f"{tree.runs}/runs/first/metrics", metric)
        tree.put_file("first", "plots/loss.png", PLOT)
        tree.put_run("first", status="Completed")
        asset = {"name": "plot", "artifacts": [{"id": "ExperimentRun/first/plots/loss.png"}]}
        tree.ok("POST", f"{tree.files}/assets", asset)
        self.parts |= {
            "runId": "first",
            "experimentId": experiment["experimentId"],
            "artifactName": "plots/loss.png",
            "artifactPath": "plots/loss.png",
            "origin": "ExperimentRun",
            "name": "plot",
        }

    def _hosting(self) -> None:
        tree = self.tree
        model = tree.register("digits", tags=["handwriting"])["id"]
        manifest = tree.manage("POST", "/manifests", {"name": "scorer", "modelIds": [model], "driverProgram": "s.py"})
        image = tree.manage("POST", "/images", {"name": "scorer", "manifestId": manifest.json()["id"]})
        assert image.status_code == 202
        image_id = tree.manage("GET", "/images").json()["value"][0]["id"]
        service = tree.manage("POST", "/services", {"name": "scoring", "imageId": image_id, "numReplicas": 2})
        assert service.status_code == 202
        ids = {"modelId": model, "manifestId": manifest.json()["id"], "imageId": image_id, "serviceName": "scoring"}
        for number in self.own:
            self.own[number] |= ids
