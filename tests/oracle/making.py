"""How each thing of a script is made: calls of the public API, as its person, in its place."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.azure2018.conftest import ACCOUNTS, EXPERIMENTATION
from tests.azure2020.pipelines import INTERFACE, graph
from tests.oracle.script import ACCOUNT, ELSEWHERE, HOME, HOSTING, LAB, PEOPLE, PROJECT, Script, Thing
from tests.oracle.serving import Served
from tests.world import Person

ML = "Microsoft.MachineLearningServices"
ARM = "api-version=2019-11-01"
Context = dict[str, str]
_MEETING = 8
"""Before the first thing, behind the places."""


@dataclass
class Telling:
    """A world while its script is told. `ids`: of things, by their names. `contexts`: what addresses are made of."""

    served: Served
    people: dict[str, Person]
    ids: dict[str, str] = field(default_factory=dict)
    contexts: list[Context] = field(default_factory=list)

    def path(self, place: str) -> str:
        """ARM path of a container."""
        world = self.served.world
        group = world.workspace.partition("/providers/")[0]
        account = f"{group}/providers/Microsoft.MachineLearningExperimentation/accounts/oracle"
        return {
            HOME: world.workspace,
            LAB: f"{group}/providers/{ML}/workspaces/lab",
            ELSEWHERE: world.elsewhere,
            ACCOUNT: account,
            PROJECT: f"{account}/workspaces/team/projects/digits",
            HOSTING: f"{group}/providers/Microsoft.MachineLearningModelManagement/accounts/hosting",
        }[place]

    def tell(self, script: Script) -> None:
        self._make_places(script)
        self._meet(script)
        for thing in script.things:
            self.served.begin(thing.number)
            self._remember(thing, _MAKERS[thing.kind](_Maker(self, thing)))

    def _meet(self, script: Script) -> None:
        """Everybody does something everywhere: when somebody is first seen shall not depend on what is erased."""
        number = _MEETING
        for place, people in PEOPLE.items():
            for person in people:
                number += 1  # also for a place that is not made: all that comes behind has the same number
                if place in script.unmade:
                    continue
                self.served.begin(number)
                kind = "old_model" if place == HOSTING else "experiment"
                _MAKERS[kind](_Maker(self, Thing(number, kind, place, person, seed=1)))

    def _make_places(self, script: Script) -> None:
        """All places, though one be lost later: that is for the erasure. In the other telling it never was."""
        for number, (place, path, body, query) in enumerate(self._places()):
            if place not in script.unmade:
                self.served.begin(number)
                self.served.ok(self.people["alice"], "PUT", f"{path}?{query}", body)

    def _places(self) -> Iterator[tuple[str, str, Any, str]]:
        body = {"location": "local", "properties": {}}
        yield LAB, self.path(LAB), body | {"tags": {"of": "lab"}}, ARM
        account = self.path(ACCOUNT)
        yield ACCOUNT, account, body, EXPERIMENTATION
        yield ACCOUNT, f"{account}/workspaces/team", body, EXPERIMENTATION
        yield PROJECT, self.path(PROJECT), body, EXPERIMENTATION
        hosting = {"location": "local", "sku": {"name": "S1", "capacity": 2}, "properties": {"description": "models"}}
        yield HOSTING, self.path(HOSTING), hosting, ACCOUNTS

    def _remember(self, thing: Thing, context: Context) -> None:
        self.ids[thing.name] = context["root"]
        self.contexts.append(context | {"place": thing.place, "kind": thing.kind})


@dataclass
class _Maker:
    """Calls for one thing."""

    telling: Telling
    thing: Thing

    @property
    def where(self) -> str:
        return self.telling.path(self.thing.place)

    @property
    def seed(self) -> int:
        return self.thing.seed

    def says(self, what: str) -> str:
        """Text that no other thing has."""
        return f"{what} of {self.thing.name} {self.thing.mark}"

    def ok(self, method: str, path: str, body: Any = None, content: bytes | None = None) -> Any:
        person = self.telling.people[self.thing.by]
        return self.telling.served.ok(person, method, path, body, content=content)

    def mlflow(self, path: str, body: Any) -> Any:
        return self.ok("POST", f"/mlflow/v2.0{self.where}/api/2.0/mlflow/{path}", body)

    def models(self, path: str, body: Any) -> Any:
        return self.ok("POST", f"/modelmanagement/v1.0{self.where}/{path}", body)

    def hosted(self, path: str, body: Any = None, method: str = "POST") -> Any:
        group = self.where.partition("/providers/")[0]
        return self.ok(method, f"/api{group}/accounts/hosting/{path}?{ACCOUNTS}", body)

    def pipelines(self, path: str, body: Any) -> Any:
        return self.ok("POST", f"/pipelines/v1.0{self.where}/{path}", body)

    def id_of(self, thing: Thing | None) -> str:
        assert thing is not None
        return self.telling.ids[thing.name]


def _experiment(make: _Maker) -> Context:
    name = make.thing.name
    if make.thing.place == PROJECT or make.seed % 2:
        made = make.ok("POST", f"/history/v1.0{make.where}/experiments/{name}", {"description": make.says("meaning")})
        experiment_id = made["experimentId"]
    else:
        tags = [{"key": make.says("tag"), "value": make.says("value")}]
        experiment_id = make.mlflow("experiments/create", {"name": name, "tags": tags})["experiment_id"]
    if make.thing.place != PROJECT and make.seed % 7 == 3:
        make.mlflow("experiments/set-experiment-tag", {"experiment_id": experiment_id, "key": "late", "value": "x"})
    return {"root": experiment_id, "experiment": name, "experiment_id": experiment_id}


def _run(make: _Maker) -> Context:
    return _run_of_2018(make) if make.thing.place == PROJECT else _run_of_mlflow(make)


def _run_of_2018(make: _Maker) -> Context:
    run, of = make.thing.name, make.thing.of
    assert of is not None
    where = f"/history/v1.0{make.where}/runs/{run}"
    begun = {"status": "Running", "tags": {"stage": make.says("stage")}, "properties": {"seed": make.says("seed")}}
    if make.thing.uses is not None:
        begun["parentRunId"] = make.id_of(make.thing.uses)
    make.ok("PATCH", f"{where}?experiment={of.name}", begun)
    metric = {"metricType": "azureml.v1.scalar", "name": "loss", "cells": [{"loss": make.seed / 7}]}
    make.ok("POST", f"{where}/metrics", metric)
    content = make.says("plot").encode() * 40
    path = f"plots/{run}.png"
    make.ok("POST", f"/artifact/v1.0{make.where}/artifacts/content/ExperimentRun/{run}/{path}", content=content)
    if make.seed % 2:
        make.ok("PATCH", where, {"status": "Failed" if make.seed % 3 else "Completed"})
    return _of_run(make, run, run, path)


def _run_of_mlflow(make: _Maker) -> Context:
    of = make.thing.of
    experiment_id = make.id_of(of)
    tags = {"mlflow.user": f"user{make.seed % 3}", "note": make.says("note"), make.says("key"): "x"}
    if make.thing.uses is not None:
        tags["mlflow.parentRunId"] = make.id_of(make.thing.uses)
    listed = [{"key": key, "value": value} for key, value in tags.items()]
    body = {
        "experiment_id": experiment_id,
        "run_name": make.thing.name,
        "start_time": 1_000 + make.seed,
        "tags": listed,
    }
    run = make.mlflow("runs/create", body)["run"]["info"]["run_id"]
    points = [
        {"key": key, "value": step * make.seed / 7, "timestamp": step, "step": step}
        for key in ("loss", make.thing.name)
        for step in range(1 + make.seed % 40)
    ]
    parameters = [{"key": "rate", "value": make.says("rate")}]
    make.mlflow("runs/log-batch", {"run_id": run, "metrics": points, "params": parameters})
    make.mlflow("runs/log-metric", {"run_id": run, "key": "lone", "value": make.seed, "timestamp": 1})
    path = f"plots/{make.thing.name}.txt"
    content = (b"the same in many runs " if make.seed % 4 == 1 else make.says("plot").encode()) * 40
    where = f"/mlflow/v2.0{make.where}/api/2.0/mlflow-artifacts/artifacts"
    make.ok("PUT", f"{where}/{experiment_id}/{run}/artifacts/{path}", content=content)
    if make.seed % 3:
        body = {"run_id": run, "status": "FINISHED" if make.seed % 2 else "FAILED", "end_time": 5_000 + make.seed}
        make.mlflow("runs/update", body)
    if make.seed % 5 == 2:
        make.mlflow("runs/delete", {"run_id": run})
        if make.seed % 2:
            make.mlflow("runs/restore", {"run_id": run})
    return _of_run(make, run, f"dcid.{run}", path)


def _of_run(make: _Maker, run: str, container: str, path: str) -> Context:
    of = make.thing.of
    assert of is not None
    above = {"experiment": of.name, "experiment_id": make.id_of(of)}
    files = {"origin": "ExperimentRun", "container": container, "path": path, "key": "loss"}
    return above | files | {"root": run, "run": run}


def _upload(make: _Maker) -> Context:
    path = f"weights-{make.seed % 2}.bin"
    where = f"/artifact/v2.0{make.where}/artifacts/content/LocalUpload/{make.thing.name}/{path}"
    make.ok("POST", where, content=make.says("weights").encode() * 60)
    return {"root": make.thing.name, "origin": "LocalUpload", "container": make.thing.name, "path": path}


def _asset(make: _Maker) -> Context:
    assert make.thing.of is not None
    body = {"name": make.thing.name, "artifacts": [{"prefix": f"LocalUpload/{make.thing.of.name}"}]}
    made = make.models("assets", body | {"description": make.says("meaning")})
    return {"root": made["id"], "id": made["id"], "noun": "assets", "name": make.thing.name}


def _run_asset(make: _Maker) -> Context:
    run = make.id_of(make.thing.of)
    body = {"name": make.thing.name, "artifacts": [{"prefix": f"ExperimentRun/dcid.{run}/plots"}], "runId": run}
    made = make.models("assets", body | {"description": make.says("meaning")})
    return {"root": made["id"], "id": made["id"], "noun": "assets", "name": make.thing.name}


def _model(make: _Maker) -> Context:
    url = f"aml://asset/{make.id_of(make.thing.of)}"
    body = {"name": make.thing.name, "url": url, "mimeType": "application/x", "kvTags": {"a": make.says("tag")}}
    if make.thing.uses is not None:
        body["parentModelId"] = make.id_of(make.thing.uses)
    made = make.models("models", body | {"description": make.says("meaning")})
    return {"root": made["id"], "id": made["id"], "noun": "models"}


def _image(make: _Maker) -> Context:
    body = {"name": make.thing.name, "modelIds": [make.id_of(make.thing.of)], "imageType": "Docker"}
    make.models("images", body | {"imageLocation": "r.example.org/s", "description": make.says("meaning")})
    return {"root": f"{make.thing.name}:1", "id": f"{make.thing.name}:1", "noun": "images"}


def _service(make: _Maker) -> Context:
    body = {"name": make.thing.name, "computeType": "ACI", "imageId": make.id_of(make.thing.of)}
    make.models("services", body | {"scoringUri": "https://s.example.org", "kvTags": {"a": make.says("tag")}})
    return {"root": make.thing.name, "id": make.thing.name, "noun": "services"}


def _dataset(make: _Maker) -> Context:
    where = f"/dataset/v1.0{make.where}/datasets"
    saved = ""
    for version in range(1 + make.seed % 2):
        arguments = {"path": make.says(f"file {version}")}
        flow = json.dumps({"blocks": [{"id": "1", "type": "Microsoft.DPrep.GetFilesBlock", "arguments": arguments}]})
        latest = {"dataflow": flow, "properties": {"datasetProperty": "1"}, "datasetDefinitionState": {}}
        body = {"name": make.thing.name, "datasetType": "tabular", "isVisible": True, "latest": latest}
        made = make.ok("POST", f"{where}?ifExistsOk=true&updateDefinitionIfExists=true", body)
        saved = made["latest"]["savedDatasetId"]
    found = {"dataset": made["datasetId"], "name": make.thing.name, "version": "1", "saved": saved}
    return {"root": made["datasetId"]} | found


def _datastore(make: _Maker) -> Context:
    section = {
        "accountName": "lake",
        "containerName": make.thing.name,
        "endpoint": "core.windows.net",
        "protocol": "https",
        "credentialType": "AccountKey",
        "credential": make.says("credential"),
    }
    name = make.thing.name.replace("-", "_")
    body = {"name": name, "dataStoreType": "AzureBlob", "azureStorageSection": section}
    query = "createIfNotExists=False&skipValidation=True"
    make.ok("POST", f"/datastore/v1.0{make.where}/datastores?{query}", body)
    return {"root": name, "name": name, "datastore": name}


def _compute(make: _Maker) -> Context:
    properties = {"computeType": "AmlCompute", "properties": {"vmSize": "STANDARD_D2", "note": make.says("note")}}
    make.ok("PUT", f"{make.where}/computes/{make.thing.name}?{ARM}", {"location": "local", "properties": properties})
    return {"root": make.thing.name, "compute": make.thing.name}


def _module(make: _Maker) -> Context:
    interface = {
        "CommandLinePattern": "",
        "Inputs": [{"Name": "data", "DataTypeIdsList": ["AnyDirectory"], "DataStoreMode": "mount"}],
        "Outputs": [],
        "Parameters": [{"Name": "rate", "ParameterType": "String", "DefaultValue": "0.1"}],
        "MetadataParameters": [],
    }
    body = {"Name": make.thing.name, "IsDeterministic": True, "StructuredInterface": interface}
    module = make.pipelines("Modules", body)["Id"]
    source = {"Name": make.thing.name, "DataTypeId": "AnyFile", "DataStoreName": "blobs", "PathOnDataStore": "a/b.csv"}
    made = make.pipelines("DataSources", source)["Id"]
    return {"root": f"{module} {made}", "id": module, "noun": "pipelines"}


def _drawn(make: _Maker) -> Any:
    return graph(*make.id_of(make.thing.of).split(" "))


def _draft(make: _Maker) -> Context:
    drawn = make.pipelines("GraphDrafts", _drawn(make) | {"EntityInterface": INTERFACE})["Id"]
    said = {"ExperimentName": "none", "Description": make.says("meaning"), "ParameterAssignments": {"rate": "0.3"}}
    body = {"Name": make.thing.name, "Description": make.says("draft"), "tags": {"a": make.says("tag")}}
    body |= {"Properties": {"p": "1"}, "PipelineSubmissionInfo": said, "GraphDraftId": drawn}
    made = make.pipelines("PipelineDrafts/Create", body)["Id"]
    return {"root": made, "id": made, "noun": "pipelines"}


def _pipeline(make: _Maker) -> Context:
    body = {"Name": make.thing.name, "Version": "1", "Graph": _drawn(make), "GraphInterface": INTERFACE}
    made = make.pipelines("Pipelines/Create", body | {"ParameterAssignments": {"rate": make.says("rate")}})["Id"]
    return {"root": made, "id": made, "noun": "pipelines"}


def _old_model(make: _Maker) -> Context:
    body = {"name": make.thing.name, "url": "https://blobs.example.org/m.pkl", "mimeType": "application/octet-stream"}
    made = make.hosted("models", body | {"tags": [make.says("tag")]})["id"]
    return {"root": made, "id": made, "noun": "models"}


def _manifest(make: _Maker) -> Context:
    body = {"name": make.thing.name, "modelIds": [make.id_of(make.thing.of)], "driverProgram": make.says("driver")}
    made = make.hosted("manifests", body)["id"]
    return {"root": made, "id": made, "noun": "manifests"}


def _old_image(make: _Maker) -> Context:
    make.hosted("images", {"name": make.thing.name, "manifestId": make.id_of(make.thing.of)})
    found = make.hosted("images", method="GET")["value"]
    made = next(each["id"] for each in found if each["name"] == make.thing.name)
    return {"root": made, "id": made, "noun": "images"}


def _old_service(make: _Maker) -> Context:
    make.hosted("services", {"name": make.thing.name, "imageId": make.id_of(make.thing.of), "numReplicas": 2})
    found = make.hosted("services", method="GET")["value"]
    made = next(each["id"] for each in found if each["name"] == make.thing.name)
    return {"root": made, "id": made, "noun": "services"}


_MAKERS: dict[str, Callable[[_Maker], Context]] = {
    "experiment": _experiment,
    "run": _run,
    "upload": _upload,
    "asset": _asset,
    "run_asset": _run_asset,
    "model": _model,
    "image": _image,
    "service": _service,
    "dataset": _dataset,
    "datastore": _datastore,
    "compute": _compute,
    "module": _module,
    "draft": _draft,
    "pipeline": _pipeline,
    "old_model": _old_model,
    "manifest": _manifest,
    "old_image": _old_image,
    "old_service": _old_service,
}
