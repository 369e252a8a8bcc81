"""A workspace with something of every noun, built over REST, and the calls that export and import it."""

import time
from pathlib import Path
from typing import Any

import httpx

from tests.azure2020.conftest import Azure
from tests.conformance.world2020 import World2020
from tests.patience import patient
from tests.world import Person, World

IMPORTS, EXPORTS, OPERATIONS = "/freehold/v1/imports", "/freehold/v1/exports", "/freehold/v1/operations"
PATIENCE = patient(90)


class Everything(World2020):
    """All of the published pages' nouns in the default workspace, and what only other clients make."""

    def _frame(self) -> None:
        self.parts |= {"workspace": "default"}

    def also(self) -> None:
        azure, world = self.azure, self.azure.world
        said = {
            "tags": {"mlflow.parentRunId": "first"},
            "properties": {"of": "nothing", "azureml.pipelinerunid": "first"},
        }
        azure.put_run("second", parentRunId="first", status="Completed", **said)
        azure.ok("PATCH", f"{azure.history}/experiments/digits/runs/first", {"description": "é'\"<\u2028> 😀"})
        asset = {"name": "plot", "artifacts": [{"prefix": "ExperimentRun/dcid.first/plots"}], "runId": "first"}
        made = azure.ok("POST", f"{azure.models}/assets", asset)
        url = f"aml://asset/{made['id']}"
        model = {"name": "digits", "url": url, "mimeType": "x", "runId": "first", "parentModelId": "digits:1"}
        azure.ok("POST", f"{azure.models}/models", model | {"kvTags": {"b": "c"}, "properties": {"p": "q"}})
        draft = {"Name": "drawn", "Description": "a draft"}
        azure.ok("POST", f"/pipelines/v1.0{azure.workspace}/PipelineDrafts", draft)
        experiment = world.mlflow("POST", "experiments/create", {"name": "flow/ø"})["experiment_id"]
        for name in ("one", "two"):
            tags = [{"key": "mlflow.user", "value": "alice@example.org"}, {"key": "note", "value": name}]
            body = {"experiment_id": experiment, "start_time": 1, "run_name": name, "tags": tags}
            run = world.mlflow("POST", "runs/create", body)["run"]["info"]["run_id"]
            points = [{"key": key, "value": s / 7, "timestamp": s, "step": s} for s in range(300) for key in ("b", "a")]
            params = [{"key": "depth", "value": "3"}]
            world.mlflow("POST", "runs/log-batch", {"run_id": run, "metrics": points, "params": params})
            odd = {"run_id": run, "key": "odd", "value": "NaN", "timestamp": 5}
            world.mlflow("POST", "runs/log-metric", odd)
            files = {"A.txt": b"1", "a.txt": b"2" * 5_000, "deep/er/é x": b"3", "large": bytes(range(256)) * 5_000}
            for path, content in files.items():
                where = f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/{path}"
                answer = world.request("PUT", where, world.alice, content=content + name.encode())
                assert answer.status_code == 200, answer.text
            world.mlflow("POST", "runs/update", {"run_id": run, "status": "FINISHED", "end_time": 9})


def build_everything(world: World) -> Everything:
    with httpx.Client(base_url=world.url, timeout=60) as client:
        made = Everything(Azure(world, client, world.alice, world.workspace, "digits"))
        made.also()
    return made


def other_workspace(world: World, name: str) -> str:
    path = world.workspace.replace("/default", f"/{name}")
    body = {"location": "local", "properties": {}}
    answer = world.request("PUT", f"{path}?api-version=2019-11-01", world.alice, json=body)
    assert answer.status_code == 201, answer.text
    return path


def ended(world: World, operation_id: str, person: Person | None = None) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        operation: dict[str, Any] = world.get(f"{OPERATIONS}/{operation_id}", person or world.alice).json()
        if operation["state"] not in ("NotStarted", "Running"):
            return operation
        time.sleep(0.05)
    raise AssertionError(f"it did not end: {operation} {world.log()}")


def export_bag(world: World, to: Path, scope: str = "workspace", root: str | None = None, at: str = "") -> Path:
    """The bag as a tar file."""
    answer = world.post(f"/freehold/v1{at}/exports", {"scope": scope, "id": root}, world.alice)
    assert answer.status_code == 202, answer.text
    operation_id = answer.json()["id"]
    assert ended(world, operation_id)["state"] == "Succeeded"
    to.write_bytes(world.get(f"{EXPORTS}/{operation_id}/bag", world.alice).content)
    assert world.request("DELETE", f"{EXPORTS}/{operation_id}/bag", world.alice).status_code == 204
    return to


def begin_import(world: World, bag: Path | bytes, *, at: str = "", **flags: str) -> str:
    content = bag if isinstance(bag, bytes) else bag.read_bytes()
    answer = world.request("POST", f"/freehold/v1{at}/imports", world.alice, content=content, params=flags)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def import_bag(world: World, bag: Path | bytes, *, at: str = "", **flags: str) -> dict[str, Any]:
    return ended(world, begin_import(world, bag, at=at, **flags))


def report_of(world: World, operation: dict[str, Any]) -> dict[str, Any]:
    answer = world.get(f"{IMPORTS}/{operation['id']}/report", world.alice)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found
