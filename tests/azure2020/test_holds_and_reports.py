"""Freehold's own doors to documents: holds forbid, reports move states, erasures and exports take any scope by name."""

from typing import Any

import pytest

from tests.azure2020.conftest import Azure

PLAIN = {"mimeType": "application/json", "unpack": False}


def own(azure: Azure, tail: str) -> str:
    return f"/freehold/v1{azure.workspace}{tail}"


@pytest.fixture
def model(azure: Azure) -> str:
    made = azure.ok("POST", f"{azure.models}/models", {"name": azure.name("digits"), "url": "aml://x", **PLAIN})
    return str(made["id"])


def hold(azure: Azure, **body: Any) -> Any:
    return azure.ok("POST", own(azure, "/holds"), {"reason": "case 7", **body}, status=201)


def test_what_is_held_cannot_be_deleted_or_erased(azure: Azure, model: str) -> None:
    held = hold(azure, scope="model", id=model)
    assert held["root_id"] is not None
    assert azure.call("DELETE", f"{azure.models}/models/{model}").status_code == 409
    assert azure.call("POST", own(azure, "/erasures"), {"scope": "model", "id": model}).status_code == 409
    lifted = azure.ok("DELETE", own(azure, f"/holds/{held['id']}"))
    assert lifted["lifted_at"] is not None
    azure.ok("DELETE", f"{azure.models}/models/{model}")
    azure.erased()


def test_a_refused_erasure_names_the_hold_and_how_it_is_lifted(azure: Azure, model: str) -> None:
    held = hold(azure, scope="model", id=model)
    refused = azure.call("POST", own(azure, "/erasures"), {"scope": "model", "id": model}).json()
    lifting = own(azure, f"/holds/{held['id']}")
    assert refused["code"] == "UnderLegalHold"
    assert f"DELETE {lifting}." in refused["detail"]
    assert f"freehold holds lift {held['id']} --workspace {azure.workspace}`" in refused["detail"]
    azure.ok("DELETE", lifting)


@pytest.mark.parametrize("scope", ["run", "experiment", "workspace"])
@pytest.mark.parametrize(
    ("verb", "tail", "body"),
    [
        ("DELETE", "{artifacts}/metadata/ExperimentRun/dcid.{run}/a.txt?hardDelete=true", None),
        ("DELETE", "{artifacts}/batch/ExperimentRun/{run}", None),
        ("POST", "{artifacts}/ExperimentRun/{run}/batch/metadata:delete", {"paths": [{"path": "a.txt"}]}),
        ("DELETE", "/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/a.txt", None),
    ],
)
def test_files_of_what_is_held_stay(azure: Azure, scope: str, verb: str, tail: str, body: Any) -> None:
    run = azure.new_run()
    azure.put_run(run)
    azure.client.post(
        f"{azure.artifacts}/content/ExperimentRun/{run}/a.txt", content=b"kept", headers=azure.person.headers
    ).raise_for_status()
    root = {"run": {"id": run}, "experiment": {"id": azure.experiment}, "workspace": {}}[scope]
    held = hold(azure, scope=scope, **root)
    address = tail.format(artifacts=azure.artifacts, run=run)
    try:
        assert azure.call(verb, address, body).status_code == 409
    finally:
        azure.ok("DELETE", own(azure, f"/holds/{held['id']}"))
    assert azure.content("ExperimentRun", run, "a.txt") == b"kept"
    assert azure.call(verb, address, body).status_code == 200
    assert azure.content("ExperimentRun", run, "a.txt") is None


def test_the_content_of_a_held_model_stays(azure: Azure) -> None:
    name = azure.name("held")
    azure.upload("LocalUpload", name, w=b"weights")
    entry = {"prefix": f"LocalUpload/{name}"}
    asset = azure.ok("POST", f"{azure.models}/assets", {"name": name, "artifacts": [entry]})["id"]
    made = azure.ok("POST", f"{azure.models}/models", {"name": name, "url": f"aml://asset/{asset}", **PLAIN})["id"]
    held = hold(azure, scope="model", id=made)
    addresses = (f"{azure.models}/assets/{asset}", f"{azure.artifacts}/metadata/LocalUpload/{name}/w")
    for address in addresses:
        assert azure.call("DELETE", address).status_code == 409
    assert azure.content("LocalUpload", name, "w") == b"weights"
    azure.ok("DELETE", own(azure, f"/holds/{held['id']}"))
    azure.ok("DELETE", addresses[0])
    azure.erased()


def test_what_a_held_dataset_was_saved_as_stays(azure: Azure) -> None:
    root = f"/dataset/v1.0{azure.workspace}"
    body = {"name": azure.name("held"), "datasetType": "file", "latest": {"dataflow": '{"blocks": ["held"]}'}}
    made = azure.ok("POST", f"{root}/datasets", body)
    held = hold(azure, scope="dataset", id=made["datasetId"])
    saved = f"{root}/saveddatasets/{made['latest']['savedDatasetId']}"
    assert azure.call("DELETE", saved).status_code == 409
    azure.ok("DELETE", own(azure, f"/holds/{held['id']}"))
    azure.ok("DELETE", f"{root}/datasets/{made['datasetId']}")
    azure.erased()


def test_holds_are_listed_lifted_ones_too(azure: Azure, model: str) -> None:
    held = hold(azure, scope="model", id=model)
    azure.ok("DELETE", own(azure, f"/holds/{held['id']}"))
    found = {each["id"]: each for each in azure.ok("GET", own(azure, "/holds"))["value"]}
    assert found[held["id"]]["reason"] == "case 7"
    assert found[held["id"]]["lifted_at"] is not None


def test_only_an_owner_places_and_lifts(azure: Azure, model: str) -> None:
    bob = Azure(azure.world, azure.client, azure.world.bob, azure.workspace, "")
    body = {"scope": "model", "id": model, "reason": "mine"}
    assert bob.call("POST", own(azure, "/holds"), body).status_code == 403
    held = hold(azure, scope="model", id=model)
    assert bob.call("DELETE", own(azure, f"/holds/{held['id']}")).status_code == 403
    azure.ok("DELETE", own(azure, f"/holds/{held['id']}"))


@pytest.mark.parametrize("body", [{"scope": "model", "id": "no:1"}, {"scope": "run", "id": "no"}])
def test_nothing_is_held_that_is_not_there(azure: Azure, body: dict[str, str]) -> None:
    assert azure.call("POST", own(azure, "/holds"), {"reason": "x", **body}).status_code == 404


def test_a_document_is_planned_and_erased_by_its_name(azure: Azure, model: str) -> None:
    plan = azure.ok("POST", own(azure, "/erasures"), {"scope": "model", "id": model, "dry_run": True})
    assert plan["scope"] == "model"
    assert {"record": "models", "rows": 1}.items() <= plan["steps"][-1].items() or plan["steps"]
    body = {"scope": "model", "id": model, "plan_digest": plan["digest"]}
    azure.ok("POST", own(azure, "/erasures"), body, status=202)
    azure.erased()
    assert azure.call("GET", f"{azure.models}/models/{model}").status_code == 404


def test_an_image_moves_by_reports(azure: Azure, model: str) -> None:
    name = azure.name("img")
    azure.ok("POST", f"{azure.models}/images", {"name": name, "modelIds": [model], "imageType": "Docker"}, status=202)
    report = {"state": "Running"}
    assert azure.ok("POST", own(azure, f"/images/{name}:1/reports"), report)["state"] == "Running"
    ended = {"state": "Succeeded", "location": "registry.example.org/img:1"}
    azure.ok("POST", own(azure, f"/images/{name}:1/reports"), ended)
    found = azure.ok("GET", f"{azure.models}/images/{name}:1")
    assert (found["creationState"], found["imageLocation"]) == ("Succeeded", "registry.example.org/img:1")
    assert azure.call("POST", own(azure, f"/images/{name}:1/reports"), {"state": "Failed"}).status_code == 409


@pytest.mark.parametrize("kind", ["images", "services", "computes"])
def test_there_is_no_report_of_what_is_not_there(azure: Azure, kind: str) -> None:
    state = {"images": "Running", "services": "Healthy", "computes": "Failed"}[kind]
    assert azure.call("POST", own(azure, f"/{kind}/none/reports"), {"state": state}).status_code == 404


@pytest.mark.parametrize("tail", ["providers/Nobody/workspaces/x", "providers", "x/y", "..%2f..", "%20"])
def test_an_address_of_no_container_is_not_found(azure: Azure, tail: str) -> None:
    group = azure.workspace.split("/providers/")[0]
    answer = azure.call("GET", f"/freehold/v1{group}/{tail}/holds")
    assert answer.status_code == 404
