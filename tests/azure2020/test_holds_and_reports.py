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


def test_what_is_held_cannot_be_deleted_or_erased(azure: Azure, model: str):
    held = hold(azure, scope="model", id=model)
    assert held["root_id"] is not None
    assert azure.call("DELETE", f"{azure.models}/models/{model}").status_code == 409
    assert azure.call("POST", own(azure, "/erasures"), {"scope": "model", "id": model}).status_code == 409
    lifted = azure.ok("DELETE", own(azure, f"/holds/{held['id']}"))
    assert lifted["lifted_at"] is not None
    azure.ok("DELETE", f"{azure.models}/models/{model}")
    azure.erased()


def test_holds_are_listed_lifted_ones_too(azure: Azure, model: str):
    held = hold(azure, scope="model", id=model)
    azure.ok("DELETE", own(azure, f"/holds/{held['id']}"))
    found = {each["id"]: each for each in azure.ok("GET", own(azure, "/holds"))["value"]}
    assert found[held["id"]]["reason"] == "case 7"
    assert found[held["id"]]["lifted_at"] is not None


def test_only_an_owner_places_and_lifts(azure: Azure, model: str):
    bob = Azure(azure.world, azure.client, azure.world.bob, azure.workspace, "")
    body = {"scope": "model", "id": model, "reason": "mine"}
    assert bob.call("POST", own(azure, "/holds"), body).status_code == 403
    held = hold(azure, scope="model", id=model)
    assert bob.call("DELETE", own(azure, f"/holds/{held['id']}")).status_code == 403
    azure.ok("DELETE", own(azure, f"/holds/{held['id']}"))


@pytest.mark.parametrize("body", [{"scope": "model", "id": "no:1"}, {"scope": "run", "id": "no"}])
def test_nothing_is_held_that_is_not_there(azure: Azure, body: dict[str, str]):
    assert azure.call("POST", own(azure, "/holds"), {"reason": "x", **body}).status_code == 404


def test_a_document_is_planned_and_erased_by_its_name(azure: Azure, model: str):
    plan = azure.ok("POST", own(azure, "/erasures"), {"scope": "model", "id": model, "dry_run": True})
    assert plan["scope"] == "model"
    assert {"record": "models", "rows": 1}.items() <= plan["steps"][-1].items() or plan["steps"]
    body = {"scope": "model", "id": model, "plan_digest": plan["digest"]}
    azure.ok("POST", own(azure, "/erasures"), body, status=202)
    azure.erased()
    assert azure.call("GET", f"{azure.models}/models/{model}").status_code == 404


def test_an_image_moves_by_reports(azure: Azure, model: str):
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
def test_there_is_no_report_of_what_is_not_there(azure: Azure, kind: str):
    state = {"images": "Running", "services": "Healthy", "computes": "Failed"}[kind]
    assert azure.call("POST", own(azure, f"/{kind}/none/reports"), {"state": state}).status_code == 404


@pytest.mark.parametrize("tail", ["providers/Nobody/workspaces/x", "providers", "x/y", "..%2f..", "%20"])
def test_an_address_of_no_container_is_not_found(azure: Azure, tail: str):
    group = azure.workspace.split("/providers/")[0]
    answer = azure.call("GET", f"/freehold/v1{group}/{tail}/holds")
    assert answer.status_code == 404
