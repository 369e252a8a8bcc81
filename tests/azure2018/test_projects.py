"""Runs, experiments, metrics, artifacts and assets of a project: calls 63 to 75."""

import hashlib
import ssl
from typing import Any

import httpx
import pytest

from tests.azure2018.conftest import Tree, as_person
from tests.world import World

FILE_ADDRESS = "runs/{run}/artifacturi?name=plots/loss.png"
PLOT = b"\x89PNG a plot " * 500


@pytest.fixture
def run(tree: Tree) -> str:
    """With a metric, a file and a place in an experiment."""
    name = tree.name("run")
    tree.put_run(name, status="Running", tags={"stage": "first"}, properties={"seed": "7"}, target="local")
    metric = {"metricType": "azureml.v1.scalar", "name": "accuracy", "cells": [{"accuracy": 0.5}]}
    tree.ok("POST", f"{tree.runs}/runs/{name}/metrics", metric)
    tree.put_file(name, "plots/loss.png", PLOT)
    return name


@pytest.mark.parametrize(
    "tail",
    [
        "runs",
        "runs/{run}",
        "experiments",
        "runmetrics",
        "runs/{run}/artifacts",
        "runs/{run}/artifacturi?name=plots/loss.png",
    ],
)
def test_strangers_see_nothing_of_the_history(tree: Tree, run: str, tail: str, shared_world: World) -> None:
    address = f"{tree.runs}/{tail.format(run=run)}"
    assert tree.client.get(address).status_code == 401
    assert tree.call("GET", address).status_code == 200
    assert as_person(tree, shared_world.charlie).call("GET", address).status_code == 404


def test_a_run_is_what_was_written(tree: Tree, run: str) -> None:
    found = tree.ok("GET", f"{tree.runs}/runs/{run}")
    assert (found["runId"], found["status"], found["target"]) == (run, "Running", "local")
    assert (found["tags"], found["properties"]) == ({"stage": "first"}, {"seed": "7"})
    changed = tree.put_run(run, status="Completed", tags={"stage": "last"})
    assert (changed["status"], changed["tags"]) == ("Completed", {"stage": "last"})
    assert changed["experimentId"] == found["experimentId"]


def test_runs_are_listed_in_pages(tree: Tree, run: str) -> None:
    more = [tree.put_run(tree.name("run"))["runId"] for _ in range(2)]
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        query = f"?$top=2{f'&$continuationToken={token}' if token else ''}"
        page = tree.ok("GET", f"{tree.runs}/runs{query}")
        seen += [each["runId"] for each in page["value"]]
        token = page["continuationToken"]
    assert {run, *more} <= set(seen)
    assert len(seen) == len(set(seen))


def test_runs_are_found_by_filter(tree: Tree, run: str) -> None:
    found = tree.ok("GET", f"{tree.runs}/runs", params={"$filter": f"RunId eq {run}"})
    assert [each["runId"] for each in found["value"]] == [run]
    found = tree.ok("POST", f"{tree.runs}/runs:query", {"filter": f"RunId eq {run}"})
    assert [each["runId"] for each in found["value"]] == [run]


def test_experiments_are_read_by_id_and_by_name(tree: Tree, run: str) -> None:
    made = tree.ok("POST", f"{tree.runs}/experiments/{tree.name('exp')}", {"description": "letters"})
    for key in ("experimentId", "name"):
        assert tree.ok("GET", f"{tree.runs}/experiments/{made[key]}") == made
    listed = tree.ok("GET", f"{tree.runs}/experiments")["value"]
    assert made in listed
    default = next(each for each in listed if each["name"] == "default")
    assert tree.ok("GET", f"{tree.runs}/runs/{run}")["experimentId"] == default["experimentId"]


def test_a_new_run_may_name_its_experiment(tree: Tree) -> None:
    name, run = tree.name("exp"), tree.name("run")
    made = tree.ok("PATCH", f"{tree.runs}/runs/{run}?experiment={name}", {})
    assert tree.ok("GET", f"{tree.runs}/experiments/{name}")["experimentId"] == made["experimentId"]


def test_metrics_are_listed_over_the_project_and_read_by_id(tree: Tree, run: str) -> None:
    found = tree.ok("GET", f"{tree.runs}/runmetrics", params={"$filter": f"RunId eq {run}"})["value"]
    assert [(each["runId"], each["name"], each["cells"]) for each in found] == [(run, "accuracy", [{"accuracy": 0.5}])]
    assert tree.ok("GET", f"{tree.runs}/runmetrics/{found[0]['metricId']}")["name"] == "accuracy"
    assert run in [each["runId"] for each in tree.ok("GET", f"{tree.runs}/runmetrics")["value"]]


def test_an_artifact_is_fetched_by_its_address(tree: Tree, run: str) -> None:
    uri = tree.ok("GET", f"{tree.runs}/runs/{run}/artifacturi?name=plots/loss.png")
    assert fetched(tree, uri) == PLOT
    info = tree.ok("GET", f"{tree.files}/artifacts/contentinfo/ExperimentRun/{run}/plots/loss.png")
    assert fetched(tree, info["contentUri"]) == PLOT
    assert tree.call("GET", f"{tree.runs}/runs/{run}/artifacturi?name=none").status_code == 404
    assert tree.call("GET", f"{tree.runs}/runs/{run}/artifacturi").status_code == 400


@pytest.mark.parametrize("spelling", ["{run}", "dcid.{run}"])
def test_artifacts_are_listed_in_both_spellings_of_their_container(tree: Tree, run: str, spelling: str) -> None:
    container = spelling.format(run=run)
    found = tree.ok("GET", f"{tree.files}/artifacts/origins/ExperimentRun/containers/{container}")["value"]
    assert [each["path"] for each in found] == ["plots/loss.png"]
    assert [each["path"] for each in tree.ok("GET", f"{tree.runs}/runs/{run}/artifacts")["value"]] == ["plots/loss.png"]


def test_assets_have_versions_and_names(tree: Tree, run: str) -> None:
    name = tree.name("asset")
    body = {"name": name, "type": "plot", "artifacts": [{"id": f"ExperimentRun/{run}/plots/loss.png"}]}
    first, second = (tree.ok("POST", f"{tree.files}/assets", body) for _ in range(2))
    assert [each["currentVersion"]["version"] for each in (first, second)] == ["1", "2"]
    assert tree.ok("GET", f"{tree.files}/assets/name/{name}")["assetId"] == second["assetId"]
    listed = {each["assetId"]: each for each in tree.ok("GET", f"{tree.files}/assets")["value"]}
    assert listed[second["assetId"]]["currentVersion"]["isCurrent"] is True
    assert listed[first["assetId"]]["currentVersion"]["isCurrent"] is False
    assert fetched(tree, second["currentVersion"]["file"]["uri"]) == PLOT
    assert tree.ok("GET", f"{tree.files}/assets/id/{first['assetId']}")["name"] == name
    assert tree.call("GET", f"{tree.files}/assets/name/none").status_code == 404
    tree.ok("DELETE", f"{tree.files}/assets/id/{second['assetId']}")
    assert tree.ok("GET", f"{tree.files}/assets/name/{name}")["assetId"] == first["assetId"]


def test_a_project_takes_its_history_and_its_bytes_with_it(fresh_tree: Tree) -> None:
    tree = fresh_tree
    content = b"bytes of this project alone " * 400
    tree.put_run("only")
    tree.put_file("only", "model.bin", content)
    assert holds(tree, content)
    assert tree.arm("DELETE", tree.project).status_code == 200
    assert tree.call("GET", f"{tree.runs}/runs/only").status_code == 404
    tree.erased()
    assert not holds(tree, content)


def test_the_same_run_in_two_projects_is_two_runs(tree: Tree, fresh_tree: Tree) -> None:
    tree.put_run("twin", tags={"of": "first"})
    fresh_tree.put_run("twin", tags={"of": "second"})
    assert tree.ok("GET", f"{tree.runs}/runs/twin")["tags"] == {"of": "first"}
    assert fresh_tree.ok("GET", f"{fresh_tree.runs}/runs/twin")["tags"] == {"of": "second"}


@pytest.mark.parametrize("body", [{"status": 7}, [], {"tags": {"a": 1}}, {"startTimeUtc": "soon"}])
def test_what_has_the_wrong_shape_changes_nothing(tree: Tree, body: Any) -> None:
    name = tree.name("run")
    assert tree.call("PATCH", f"{tree.runs}/runs/{name}", body).status_code == 400
    assert tree.call("GET", f"{tree.runs}/runs/{name}").status_code == 404


def fetched(tree: Tree, uri: str) -> bytes:
    """As a client does: without a token, from the address alone."""
    trusted = ssl.create_default_context(cafile=str(tree.world.folder / "keys" / "tls" / "ca.pem"))
    return httpx.get(uri, verify=trusted).raise_for_status().content


def holds(tree: Tree, content: bytes) -> bool:
    """Whether any file of the store has these bytes."""
    wanted = hashlib.sha256(content).digest()
    objects = tree.world.folder.rglob("*")
    return any(hashlib.sha256(each.read_bytes()).digest() == wanted for each in objects if each.is_file())


def test_jobs_of_a_person_are_those_that_concern_them(tree: Tree) -> None:
    run = tree.name("run")
    tree.put_run(run, status="Running")
    tree.put_run(run, status="Failed")
    place = f"/notification/v1.0{tree.project}"
    jobs = tree.ok("GET", f"{place}/users/{tree.world.alice.object_id}/jobs")["value"]
    job = next(each for each in jobs if each["runId"] == run)
    assert (job["status"], job["projectName"]) == ("Failed", f"digits{tree.number}")
    assert tree.ok("GET", f"{place}/jobs/{job['jobId']}") == job
    assert tree.ok("GET", f"{place}/users/{tree.world.bob.object_id}/jobs")["value"] == []
    tree.ok("DELETE", f"{place}/jobs/{job['jobId']}")
    assert tree.call("GET", f"{place}/jobs/{job['jobId']}").status_code == 404


def test_a_notification_of_a_job_is_marked_and_deleted(tree: Tree) -> None:
    run = tree.name("run")
    tree.put_run(run, status="Running")
    tree.put_run(run, status="Failed")
    place = f"/notification/v1.0{tree.project}/jobs"
    job = next(each for each in tree.ok("GET", place)["value"] if each["runId"] == run)
    told = f"{place}/{job['jobId']}/notifications/{job['notifications'][0]['notificationId']}"
    for verb in ("PATCH", "DELETE"):
        assert tree.client.request(verb, told, json={"read": True}).status_code == 401
        assert as_person(tree, tree.world.charlie).call(verb, told, {"read": True}).status_code == 404
    marked = tree.ok("PATCH", told, {"read": True})
    assert (marked["jobId"], marked["notifications"][0]["read"]) == (job["jobId"], True)
    tree.ok("DELETE", told)
    assert tree.ok("GET", f"{place}/{job['jobId']}")["notifications"] == []
    assert tree.call("DELETE", told).status_code == 204
