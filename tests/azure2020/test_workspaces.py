"""ARM workspaces: made, read in any spelling, listed, changed, erased."""

import time
from collections.abc import Callable

import httpx
import pytest

from tests.azure2020.conftest import Azure
from tests.world import Person, World

VERSION = "api-version=2020-01-01"
HISTORICAL = ["2018-03-01-preview", "2019-06-01", "2019-11-01", "2020-08-01", "2022-05-01"]


def in_group(world: World, name: str, group: str = "freehold") -> str:
    return (
        f"/subscriptions/{world.subscription_id}/resourceGroups/{group}"
        f"/providers/Microsoft.MachineLearningServices/workspaces/{name}"
    )


def put(azure: Azure, name: str, **body: object) -> httpx.Response:
    return azure.call("PUT", f"{in_group(azure.world, name)}?{VERSION}", {"location": "local", **body})


def test_a_workspace_is_read_with_what_clients_need(azure: Azure) -> None:
    found = azure.ok("GET", f"{azure.workspace}?{VERSION}")
    assert found["id"] == azure.workspace
    assert found["type"] == "Microsoft.MachineLearningServices/workspaces"
    assert found["properties"]["discoveryUrl"].endswith(f"/discovery/workspaces/{found['properties']['workspaceId']}")
    assert found["properties"]["provisioningState"] == "Succeeded"
    services = httpx.get(found["properties"]["discoveryUrl"]).json()
    assert {"api", "experimentation", "history", "hyperdrive", "modelmanagement", "studio"} <= services.keys()
    assert services["history"] == azure.world.url


@pytest.mark.parametrize(
    "spell",
    [str.lower, str.upper, lambda path: path.replace("resourceGroups", "resourceGroup")],
    ids=["lower", "upper", "singular"],
)
def test_a_path_is_understood_in_any_case(azure: Azure, spell: Callable[[str], str]) -> None:
    assert azure.ok("GET", f"{spell(azure.workspace)}?{VERSION}")["id"] == azure.workspace


@pytest.mark.parametrize("version", [*HISTORICAL, "2019-11-01%22", "2019-11-01%20"])
def test_the_versions_of_all_clients_are_served(azure: Azure, version: str) -> None:
    azure.ok("GET", f"{azure.workspace}?api-version={version}")


@pytest.mark.parametrize(
    ("query", "code"),
    [("", "MissingApiVersionParameter"), ("?api-version=1999-01-01", "NoRegisteredProviderFound")],
)
def test_another_version_is_refused_by_name(azure: Azure, query: str, code: str) -> None:
    answer = azure.call("GET", azure.workspace + query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
    assert query == "" or "2020-08-01" in answer.json()["error"]["message"]


def test_a_workspace_is_made_changed_and_listed(azure: Azure) -> None:
    made = put(azure, "made-1", tags={"team": "a"}, properties={"description": "d", "friendlyName": "Made"})
    assert made.status_code == 201
    assert made.json()["properties"]["friendlyName"] == "Made"
    again = put(azure, "MADE-1", sku={"name": "enterprise"}, properties={"keyVault": "/subscriptions/s/kv"})
    assert again.status_code == 200
    assert again.json()["name"] == "made-1"
    assert again.json()["sku"] == {"name": "Enterprise", "tier": "Enterprise"}
    assert again.json()["tags"] == {"team": "a"}
    changed = azure.ok(
        "PATCH", f"{in_group(azure.world, 'made-1')}?{VERSION}", {"tags": {}, "properties": {"description": "e"}}
    )
    assert (changed["tags"], changed["properties"]["description"]) == ({}, "e")
    assert changed["properties"]["keyVault"] == "/subscriptions/s/kv"
    names = {each["name"] for each in azure.ok("GET", f"{in_group(azure.world, '')[:-1]}?{VERSION}")["value"]}
    assert {"default", "made-1"} <= names
    assert "elsewhere" not in names


def test_lists_come_in_pages_of_absolute_links(azure: Azure) -> None:
    for number in range(3):
        put(azure, f"paged-{number}")
    root = f"/subscriptions/{azure.world.subscription_id}/providers/Microsoft.MachineLearningServices/workspaces"
    names, link = [], f"{azure.world.url}{root}?{VERSION}&$top=2"
    while link:
        page = httpx.get(link, headers=azure.person.headers).json()
        assert len(page["value"]) <= 2
        names += [each["name"] for each in page["value"]]
        link = page.get("nextLink")
    assert len(names) == len(set(names))
    assert {"default", "elsewhere", "paged-0", "paged-1", "paged-2"} <= set(names)


def test_a_page_token_of_another_is_refused(azure: Azure) -> None:
    for name in ("token-1", "token-2"):
        put(azure, name)
    root = f"/subscriptions/{azure.world.subscription_id}/providers/Microsoft.MachineLearningServices/workspaces"
    link = azure.ok("GET", f"{root}?{VERSION}&$top=1")["nextLink"]
    answer = httpx.get(link, headers=azure.world.bob.headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidPageToken")


def test_generic_resources_list_workspaces(azure: Azure) -> None:
    resources = f"/subscriptions/{azure.world.subscription_id}/resources?api-version=2025-04-01"
    wanted = "resourceType eq 'Microsoft.MachineLearningServices/workspaces'"
    found = azure.ok("GET", resources, params={"$filter": wanted, "api-version": "2025-04-01"})
    assert azure.workspace in {each["id"] for each in found["value"]}
    other = {"$filter": "resourceType eq 'Microsoft.Storage/storageAccounts'", "api-version": "2025-04-01"}
    assert azure.ok("GET", resources, params=other) == {"value": []}


def test_subscriptions_and_groups_are_told(azure: Azure) -> None:
    found = azure.ok("GET", "/subscriptions?api-version=2022-12-01")["value"]
    assert [each["subscriptionId"] for each in found] == [azure.world.subscription_id]
    one = azure.ok("GET", f"/subscriptions/{azure.world.subscription_id}?api-version=2022-12-01")
    assert one["state"] == "Enabled"
    root = f"/subscriptions/{azure.world.subscription_id}/resourcegroups"
    assert {"freehold", "elsewhere"} <= {
        each["name"] for each in azure.ok("GET", f"{root}?api-version=2025-04-01")["value"]
    }
    assert azure.ok("GET", f"{root}/FREEHOLD?api-version=2025-04-01")["name"] == "freehold"
    assert azure.call("GET", f"{root}/none?api-version=2025-04-01").json()["error"]["code"] == "ResourceGroupNotFound"


def test_bob_may_not_make_a_workspace(azure: Azure) -> None:
    bob = Azure(azure.world, azure.client, azure.world.bob, azure.workspace, "")
    answer = put(bob, "bobs")
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "AuthorizationFailed")


@pytest.mark.parametrize("name", ["x", "-x1", "a" * 34, "a b", "a.b"])
def test_a_bad_name_is_refused(azure: Azure, name: str) -> None:
    answer = put(azure, name)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidResourceName")


def test_preconditions_hold_a_put_back(azure: Azure) -> None:
    where = f"{azure.workspace}?{VERSION}"
    assert azure.call("PUT", where, {}, headers={"If-None-Match": "*"}).status_code == 412
    assert azure.call("PUT", where, {}, headers={"If-Match": "*"}).status_code == 200
    missing = f"{in_group(azure.world, 'not-there')}?{VERSION}"
    assert azure.call("PUT", missing, {}, headers={"If-Match": "*"}).status_code == 412
    assert azure.call("GET", missing).status_code == 404


def test_a_workspace_does_not_move(azure: Azure) -> None:
    answer = azure.call("PUT", f"{azure.workspace}?{VERSION}", {"location": "East US 2"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "InvalidResourceLocation")


def test_deleting_none_is_204(azure: Azure) -> None:
    assert azure.call("DELETE", f"{in_group(azure.world, 'never-was')}?{VERSION}").status_code == 204


def test_bob_may_not_delete_the_workspace(azure: Azure) -> None:
    answer = azure.world.request("DELETE", f"{azure.workspace}?{VERSION}", azure.world.bob)
    assert answer.status_code == 403
    azure.ok("GET", f"{azure.workspace}?{VERSION}")


def test_delete_erases_and_frees_the_name(azure: Azure) -> None:
    first = put(azure, "to-delete").json()
    inside = Azure(azure.world, azure.client, azure.person, first["id"], "exp")
    inside.make_experiment()
    inside.put_run("kept-id", tags={"secret": "x"})
    answer = azure.call("DELETE", f"{first['id']}?{VERSION}")
    assert answer.status_code in {200, 202}
    assert azure.call("GET", f"{first['id']}?{VERSION}").status_code == 404
    assert inside.call("GET", f"{inside.history}/runs/kept-id").status_code == 404
    if answer.status_code == 202:
        follow(azure, answer)
    second = put(azure, "to-delete")
    assert second.status_code == 201
    assert second.json()["properties"]["workspaceId"] != first["properties"]["workspaceId"]
    assert azure.ok("GET", f"{inside.history}/experiments")["value"] == []


@pytest.mark.parametrize("verb", ["erasures", "exports"])
def test_a_key_for_what_was_asked_of_an_erased_one_is_none_for_another_of_its_name(azure: Azure, verb: str) -> None:
    """Or the erasure of a run that stands would be answered by one that is verified."""
    name = azure.name("again")
    inside = Azure(azure.world, azure.client, azure.person, in_group(azure.world, name), "exp")

    def ask(person: Person | None) -> httpx.Response:
        body = {"scope": "run", "id": "the-run"}
        headers = {"Idempotency-Key": name}
        return azure.world.post(f"/freehold/v1{inside.workspace}/{verb}", body, person, headers=headers)

    def make() -> None:
        assert put(azure, name).status_code == 201
        inside.make_experiment()
        inside.put_run("the-run")

    make()
    assert ask(None).status_code == 401
    assert ask(azure.world.charlie).status_code == 404
    assert ask(azure.person).json()["id"] == ask(azure.person).json()["id"]
    deleted = azure.call("DELETE", f"{inside.workspace}?{VERSION}")
    if deleted.status_code == 202:
        follow(azure, deleted)
    make()
    again = ask(azure.person)
    assert (again.status_code, again.json()["code"]) == (409, "IdempotencyKeyReused")


def follow(azure: Azure, answer: httpx.Response) -> None:
    """Both ways of polling, to the end."""
    assert answer.headers["retry-after"] == "1"
    status, location = answer.headers["azure-asyncoperation"], answer.headers["location"]
    assert httpx.get(status).status_code == 401
    assert httpx.get(status, headers=azure.world.charlie.headers).status_code == 404
    for _ in range(300):
        document = httpx.get(status, headers=azure.person.headers).json()
        if document["status"] not in {"InProgress"}:
            break
        time.sleep(0.1)
    assert document["status"] == "Succeeded"
    assert httpx.get(location, headers=azure.person.headers).status_code == 204
