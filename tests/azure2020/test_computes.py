"""Computes: documents with a life of their own, registered, changed, reported and deleted. Nothing is ever run."""

from typing import Any

import pytest

from tests.azure2020.conftest import Azure

VERSION = "api-version=2019-11-01"
SDK = "api-version=2020-02-02"
AML = {
    "location": "local",
    "properties": {
        "computeType": "AmlCompute",
        "description": "two small machines",
        "properties": {"vmSize": "STANDARD_D2_V2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 2}},
    },
}
VIRTUAL_MACHINE = {
    "location": "local",
    "properties": {
        "computeType": "VirtualMachine",
        "resourceId": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm",
        "properties": {
            "address": "vm.example.org",
            "sshPort": 22,
            "administratorAccount": {"username": "admin", "password": "hunter2-canary"},
        },
    },
}


@pytest.fixture
def compute(azure: Azure) -> str:
    name = azure.name("cpu")
    azure.ok("PUT", at(azure, name), AML, status=201)
    return name


def at(azure: Azure, name: str = "", tail: str = "", version: str = SDK) -> str:
    place = f"{azure.workspace}/computes"
    return f"{place}{'/' if name else ''}{name}{tail}?{version}"


def report(azure: Azure, name: str, **body: Any) -> Any:
    return azure.call("POST", f"/freehold/v1{azure.workspace}/computes/{name}/reports", body)


def test_it_is_made_with_the_operation_that_clients_wait_for(azure: Azure) -> None:
    name = azure.name("cpu")
    made = azure.call("PUT", at(azure, name), AML)
    assert made.status_code == 201
    status = azure.client.get(made.headers["Azure-AsyncOperation"], headers=azure.person.headers)
    assert "/computeOperationsStatus/" in made.headers["Azure-AsyncOperation"]
    assert status.json()["status"] == "Succeeded"
    assert azure.call("PUT", at(azure, name), AML).status_code == 200


@pytest.mark.parametrize("root", ["", "/rp/workspaces"])
@pytest.mark.parametrize("version", ["2018-03-01-preview", "2019-11-01", "2020-02-02"])
def test_it_is_read_with_what_clients_need(azure: Azure, compute: str, root: str, version: str) -> None:
    found = azure.ok("GET", root + at(azure, compute, version=f"api-version={version}"))
    assert found["id"] == f"{azure.workspace}/computes/{compute}"
    assert found["tags"] is None
    properties = found["properties"]
    assert properties["provisioningState"] == "Succeeded"
    assert properties["isAttachedCompute"] is False
    assert properties["description"] == "two small machines"
    assert properties["properties"]["vmSize"] == "STANDARD_D2_V2"
    assert properties["properties"]["allocationState"] == "Steady"
    assert properties["properties"]["nodeStateCounts"]["idleNodeCount"] == 0


def test_the_singular_group_of_the_published_page_is_understood(azure: Azure, compute: str) -> None:
    singular = at(azure, version=VERSION).replace("resourceGroups", "resourceGroup")
    assert compute in [each["name"] for each in azure.ok("GET", singular)["value"]]
    one = at(azure, compute.upper(), version=VERSION).replace("resourceGroups", "resourceGroup")
    assert azure.ok("GET", one)["name"] == compute


def test_lists_come_in_pages_and_by_type(azure: Azure) -> None:
    names = [azure.name("machine") for _ in range(3)]
    for name in names:
        azure.ok("PUT", at(azure, name), VIRTUAL_MACHINE, status=201)
    page = azure.ok("GET", f"{at(azure)}&compute-type=VirtualMachine&$top=2")
    seen = [each["name"] for each in page["value"]]
    while "nextLink" in page:
        page = azure.client.get(page["nextLink"], headers=azure.person.headers).json()
        seen += [each["name"] for each in page["value"]]
    assert set(names) <= set(seen)
    assert len(seen) == len(set(seen))
    types = {each["properties"]["computeType"] for each in azure.ok("GET", f"{at(azure)}&compute-type=AKS")["value"]}
    assert types <= {"AKS"}


def test_secrets_are_given_only_by_list_keys(azure: Azure) -> None:
    name = azure.name("vm")
    azure.ok("PUT", at(azure, name), VIRTUAL_MACHINE, status=201)
    found = azure.call("GET", at(azure, name))
    assert "hunter2-canary" not in found.text
    assert found.json()["properties"]["isAttachedCompute"] is True
    keys = azure.ok("POST", at(azure, name, "/listKeys"))
    assert keys == {
        "computeType": "VirtualMachine",
        "administratorAccount": {"username": "admin", "password": "hunter2-canary"},
    }
    bob = Azure(azure.world, azure.client, azure.world.bob, azure.workspace, "")
    assert bob.call("POST", at(azure, name, "/listKeys")).status_code == 403


def test_a_secret_that_is_not_given_again_stays(azure: Azure) -> None:
    name = azure.name("vm")
    azure.ok("PUT", at(azure, name), VIRTUAL_MACHINE, status=201)
    azure.ok("PUT", at(azure, name), azure.ok("GET", at(azure, name)))
    keys = azure.ok("POST", at(azure, name, "/listKeys"))
    assert keys["administratorAccount"]["password"] == "hunter2-canary"


def test_scale_settings_are_changed(azure: Azure, compute: str) -> None:
    body = {"properties": {"scaleSettings": {"minNodeCount": 1, "maxNodeCount": 9}}}
    azure.ok("PATCH", at(azure, compute), body)
    inner = azure.ok("GET", at(azure, compute))["properties"]["properties"]
    unsaid = {"nodeIdleTimeBeforeScaleDown": "PT120S"}
    assert inner["scaleSettings"] == {"minNodeCount": 1, "maxNodeCount": 9} | unsaid
    assert inner["vmSize"] == "STANDARD_D2_V2"


def test_its_state_moves_by_reports_only(azure: Azure, compute: str) -> None:
    nodes = [{"nodeId": "tvm-1", "privateIpAddress": "10.0.0.4", "nodeState": "running"}]
    told = report(azure, compute, state="Updating", properties={"currentNodeCount": 1}, nodes=nodes)
    assert told.json() == {"name": compute, "state": "Updating"}
    found = azure.ok("GET", at(azure, compute))["properties"]
    assert found["provisioningState"] == "Updating"
    assert found["properties"]["currentNodeCount"] == 1
    assert azure.ok("POST", at(azure, compute, "/listNodes"))["nodes"] == nodes
    assert report(azure, compute, state="Creating").status_code == 409
    assert report(azure, compute, state="Sleeping").status_code == 400


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
def test_nothing_is_started_here(azure: Azure, compute: str, verb: str) -> None:
    answer = azure.call("POST", at(azure, compute, f"/{verb}"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (501, "NotImplemented")
    assert azure.call("POST", at(azure, "nowhere", f"/{verb}")).status_code == 404


def test_a_delete_says_what_becomes_of_what_lies_below(azure: Azure, compute: str) -> None:
    refused = azure.call("DELETE", at(azure, compute, version=VERSION))
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "InvalidParameter")
    answer = azure.call("DELETE", f"{at(azure, compute, version=VERSION)}&underlyingResourceAction=Detach")
    assert answer.status_code == 202
    assert {"azure-asyncoperation", "location", "retry-after"} <= answer.headers.keys()
    assert azure.call("GET", at(azure, compute)).status_code == 404
    assert compute not in [each["name"] for each in azure.ok("GET", at(azure))["value"]]
    azure.erased()
    status = azure.client.get(answer.headers["Azure-AsyncOperation"], headers=azure.person.headers).json()
    assert status["status"] == "Succeeded"
    again = azure.call("DELETE", f"{at(azure, compute)}&underlyingResourceAction=delete")
    assert again.status_code == 204


def test_a_name_is_free_again_after_a_delete(azure: Azure, compute: str) -> None:
    azure.ok("DELETE", f"{at(azure, compute)}&underlyingResourceAction=delete", status=202)
    azure.ok("PUT", at(azure, compute), VIRTUAL_MACHINE, status=201)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "InvalidComputeType"),
        ({"properties": {"computeType": "Abacus"}}, "InvalidComputeType"),
        ({"properties": {"computeType": 7}}, "InvalidBody"),
    ],
)
def test_what_is_no_compute_is_refused(azure: Azure, body: dict[str, Any], code: str) -> None:
    answer = azure.call("PUT", at(azure, azure.name("bad")), body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_one_of_another_type_keeps_its_name(azure: Azure, compute: str) -> None:
    assert azure.call("PUT", at(azure, compute), VIRTUAL_MACHINE).status_code == 409


def test_each_person_follows_their_own_deletion(azure: Azure) -> None:
    """Two people delete within the moment in which one person's deletions become one operation."""
    bob = Azure(azure.world, azure.client, azure.world.bob, azure.workspace, "")
    statuses = []
    for person in (azure, bob, azure):
        name = azure.name("cpu")
        azure.ok("PUT", at(azure, name), AML, status=201)
        deleted = person.call("DELETE", f"{at(azure, name)}&underlyingResourceAction=Delete")
        assert deleted.status_code == 202
        statuses.append(deleted.headers["Azure-AsyncOperation"])
        assert azure.client.get(statuses[-1], headers=person.person.headers).status_code == 200
    assert statuses[0] == statuses[2] != statuses[1]
    assert azure.client.get(statuses[0], headers=bob.person.headers).status_code == 404
    azure.erased()
