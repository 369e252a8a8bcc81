"""Accounts, their workspaces, projects, hosting accounts and clusters: made, read, listed, changed, refused, erased."""

from typing import Any

import pytest

from tests.azure2018.conftest import ACCOUNTS, CLUSTERS, EXPERIMENTATION, Tree, as_person
from tests.world import Person, World

CANARY = "storage-key-canary-9"
SERVICE_SECRET = "principal-canary-4"


def cluster(tree: Tree) -> str:
    return f"{tree.group}/providers/Microsoft.MachineLearningCompute/operationalizationClusters/{tree.name('cluster')}"


CLUSTER: dict[str, Any] = {
    "location": "local",
    "tags": {"team": "digits"},
    "properties": {
        "clusterType": "ACS",
        "description": "two agents",
        "containerService": {
            "orchestratorType": "Kubernetes",
            "agentCount": 2,
            "orchestratorProperties": {"servicePrincipal": {"clientId": "app", "secret": SERVICE_SECRET}},
        },
    },
}


@pytest.mark.parametrize(
    ("place", "version"),
    [("account", EXPERIMENTATION), ("above", EXPERIMENTATION), ("project", EXPERIMENTATION), ("hosting", ACCOUNTS)],
)
def test_strangers_see_none_of_them(tree: Tree, place: str, version: str) -> None:
    address = f"{getattr(tree, place)}?{version}"
    assert tree.client.get(address).status_code == 401
    assert tree.world.request("GET", address, tree.world.charlie).status_code == 404
    assert tree.world.request("DELETE", address, tree.world.charlie).status_code in (204, 404)
    assert tree.call("GET", address).status_code == 200


def test_an_account_is_read_with_its_storage(fresh_tree: Tree) -> None:
    tree = fresh_tree
    storage = {"storageAccountId": f"{tree.group}/providers/Microsoft.Storage/storageAccounts/s", "accessKey": CANARY}
    properties = {"vsoAccountId": "vso", "keyVaultId": "vault", "seats": "3", "storageAccount": storage}
    body = {"location": "local", "properties": properties | {"friendlyName": "Team account"}}
    assert tree.arm("PUT", tree.account, body).status_code == 200
    found = tree.arm("GET", tree.account).json()
    assert found["type"] == "Microsoft.MachineLearningExperimentation/accounts"
    assert found["properties"].items() >= (properties | {"friendlyName": "Team account"}).items()
    assert found["properties"]["provisioningState"] == "Succeeded"
    assert found["properties"]["accountId"]


def test_its_storage_key_is_sealed_and_given_to_those_with_the_right_only(fresh_tree: Tree) -> None:
    tree = fresh_tree
    storage = {"storageAccountId": "s", "accessKey": CANARY + "-sealed"}
    tree.arm("PUT", tree.account, {"location": "local", "properties": {"storageAccount": storage}})
    listed = tree.arm("GET", tree.account.rpartition("/")[0])
    assert CANARY not in listed.text
    database = (tree.world.folder / "freehold.db").read_bytes()
    wal = tree.world.folder / "freehold.db-wal"
    assert (CANARY + "-sealed").encode() not in database + (wal.read_bytes() if wal.exists() else b"")


def test_children_name_those_above(tree: Tree) -> None:
    account = tree.arm("GET", tree.account).json()["properties"]
    above = tree.arm("GET", tree.above).json()["properties"]
    project = tree.arm("GET", tree.project).json()["properties"]
    assert above["accountId"] == project["accountId"] == account["accountId"]
    assert project["workspaceId"] == above["workspaceId"]
    assert project["projectId"] not in (above["workspaceId"], account["accountId"])


def test_paths_are_understood_in_any_case(tree: Tree) -> None:
    found = tree.arm("GET", tree.project.upper())
    assert found.json()["id"] == tree.project


@pytest.mark.parametrize("version", [f"{ACCOUNTS}%20%20", f"{ACCOUNTS}%22"])
def test_the_blanks_of_the_published_page_are_forgiven(tree: Tree, version: str) -> None:
    assert tree.call("GET", f"{tree.hosting}?{version}").status_code == 200


def test_a_hosting_account_says_where_its_data_plane_is(tree: Tree) -> None:
    found = tree.arm("GET", tree.hosting, version=ACCOUNTS).json()
    assert found["sku"] == {"name": "S1", "capacity": 2}
    base = found["properties"]["modelManagementSwaggerLocation"].rpartition("/")[0]
    answer = tree.client.get(f"{base}/models?{ACCOUNTS}", headers=tree.person.headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(("place", "version"), [("account", EXPERIMENTATION), ("hosting", ACCOUNTS)])
def test_they_are_listed_in_their_group_and_subscription(tree: Tree, place: str, version: str) -> None:
    path = getattr(tree, place)
    of_type = path.partition("/providers/")[2].rpartition("/")[0]
    for where in (f"{tree.group}/providers/{of_type}", f"{tree.group.partition('/resource')[0]}/providers/{of_type}"):
        assert path in [each["id"] for each in tree.arm("GET", where, version=version).json()["value"]]


def test_children_are_listed_below_their_parent_in_pages(fresh_tree: Tree) -> None:
    tree = fresh_tree
    for number in range(3):
        tree.arm("PUT", f"{tree.above}/projects/extra{number}", {"location": "local", "properties": {}})
    address: str | None = f"{tree.above}/projects?{EXPERIMENTATION}&$top=2"
    names: list[str] = []
    while address:
        page = tree.client.get(address, headers=tree.person.headers).json()
        names += [each["name"] for each in page["value"]]
        address = page.get("nextLink")
    assert names == [f"digits{tree.number}", "extra0", "extra1", "extra2"]


def test_they_are_changed(fresh_tree: Tree) -> None:
    body = {"tags": {"a": "b"}, "properties": {"friendlyName": "Renamed", "gitrepo": "https://git.example.org/x"}}
    changed = fresh_tree.arm("PATCH", fresh_tree.project, body).json()
    assert changed["tags"] == {"a": "b"}
    assert fresh_tree.arm("GET", fresh_tree.project).json()["properties"]["friendlyName"] == "Renamed"
    assert changed["properties"]["gitrepo"] == "https://git.example.org/x"


@pytest.mark.parametrize("place", ["account", "above"])
def test_what_holds_others_is_not_deleted(fresh_tree: Tree, place: str) -> None:
    answer = fresh_tree.arm("DELETE", getattr(fresh_tree, place))
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "CannotDeleteResource")
    assert fresh_tree.arm("GET", fresh_tree.project).status_code == 200


def test_a_tree_is_taken_down_from_its_leaves(fresh_tree: Tree) -> None:
    for place in (fresh_tree.project, fresh_tree.above, fresh_tree.account):
        assert fresh_tree.arm("DELETE", place).status_code == 200
        assert fresh_tree.arm("GET", place).status_code == 404
    fresh_tree.erased()
    for place in (fresh_tree.project, fresh_tree.above):  # what was above is gone with its own name
        assert fresh_tree.arm("DELETE", place).status_code in (204, 404)
    assert fresh_tree.arm("DELETE", fresh_tree.account).status_code == 204


@pytest.mark.parametrize("place", ["project", "hosting"])
def test_who_was_inside_a_moment_ago_finds_nothing_after_a_delete(fresh_tree: Tree, place: str) -> None:
    fresh_tree.register("digits")
    version = ACCOUNTS if place == "hosting" else EXPERIMENTATION
    inside = f"{fresh_tree.api}/models?{ACCOUNTS}" if place == "hosting" else f"{fresh_tree.runs}/experiments"
    fresh_tree.ok("GET", inside)
    assert fresh_tree.arm("DELETE", getattr(fresh_tree, place), version=version).status_code == 200
    assert fresh_tree.call("GET", inside).status_code == 404


def test_a_document_and_then_its_account_are_both_erased_with_a_certificate(fresh_tree: Tree) -> None:
    model = fresh_tree.register("digits")["id"]
    assert fresh_tree.manage("DELETE", f"/models/{model}").status_code == 200
    assert fresh_tree.arm("DELETE", fresh_tree.hosting, version=ACCOUNTS).status_code == 200
    fresh_tree.erased()
    last = fresh_tree.ok("GET", "/freehold/v1/operations?kind=erase&limit=2")["value"]
    assert sorted(each["scope"] for each in last) == ["documents", "workspace"]
    assert all(each["result"]["certificate_id"] for each in last)


def test_a_tree_is_erased_as_one(fresh_tree: Tree) -> None:
    started = fresh_tree.call("POST", f"/freehold/v1{fresh_tree.account}/erasures", {"scope": "workspace"})
    assert started.status_code == 202, started.text
    fresh_tree.erased()
    assert fresh_tree.arm("GET", fresh_tree.project).status_code == 404
    assert fresh_tree.arm("GET", fresh_tree.account).status_code == 404


def test_errors_of_the_provider_are_not_wrapped(tree: Tree) -> None:
    answer = tree.arm("PUT", f"{tree.above}/projects/-", {"location": "local", "properties": {}})
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidResourceName")
    wrapped = tree.call("GET", f"{tree.project}?api-version=2001-01-01")
    assert (wrapped.status_code, wrapped.json()["error"]["code"]) == (400, "InvalidApiVersionParameter")


def test_a_child_needs_its_parent(tree: Tree) -> None:
    answer = tree.arm("PUT", f"{tree.account}/workspaces/none/projects/orphan", {"location": "local"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "ParentResourceNotFound")


@pytest.mark.parametrize(
    "body",
    [
        {"location": "local", "properties": {"seats": 3}},
        {"location": 7},
        [],
        {"location": "local", "properties": []},
        {"location": "local", "tags": {"k": "v" * 300}},
    ],
)
def test_what_has_the_wrong_shape_is_refused(tree: Tree, body: Any) -> None:
    account = tree.account.rpartition("/")[0] + "/" + tree.name("bad")
    assert tree.arm("PUT", account, body).status_code == 400
    assert tree.arm("GET", account).status_code == 404


def test_a_cluster_lives_by_the_verbs_its_client_has(tree: Tree) -> None:
    place = cluster(tree)
    assert tree.arm("PUT", place, CLUSTER, CLUSTERS).status_code == 201
    lower = place.replace("resourceGroups", "resourcegroups")
    found = tree.arm("GET", lower, version=CLUSTERS)
    assert found.json()["properties"]["containerService"]["agentCount"] == 2
    assert SERVICE_SECRET not in found.text
    assert place in [each["id"] for each in tree.arm("GET", lower.rpartition("/")[0], version=CLUSTERS).json()["value"]]
    changed = tree.arm("PATCH", place, {"tags": {"team": "letters"}}, "api-version=2017-08-01-preview")
    assert changed.json()["tags"] == {"team": "letters"}
    keys = tree.arm("POST", f"{place}/listKeys", version=CLUSTERS).json()
    assert keys["containerService"]["servicePrincipalConfiguration"] == {"clientId": "app", "secret": SERVICE_SECRET}
    gone = tree.arm("DELETE", place, version=CLUSTERS)
    assert gone.status_code == 202
    tree.erased()
    polled = tree.client.get(gone.headers["Azure-AsyncOperation"], headers=tree.person.headers)
    assert polled.json()["status"] == "Succeeded"
    assert tree.arm("DELETE", place, version=CLUSTERS).status_code == 204


@pytest.mark.parametrize("number", ["9007199254740993", "1" + "0" * 30, "NaN", "Infinity"])
def test_a_number_that_readers_take_for_another_is_refused(tree: Tree, number: str) -> None:
    bare = f'{{"location": "local", "properties": {{"clusterType": "ACS", "containerService": {{"n": {number}}}}}}}'
    headers = tree.person.headers | {"content-type": "application/json"}
    answer = tree.client.put(f"{cluster(tree)}?{CLUSTERS}", content=bare, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "InvalidProperty"), answer.text


def test_what_was_given_no_role_makes_nothing(tree: Tree, shared_world: World) -> None:
    bob = as_person(tree, shared_world.bob)
    assert bob.arm("PUT", tree.account + "x", {"location": "local", "properties": {}}).status_code == 403


@pytest.mark.parametrize(("place", "version"), [("account", EXPERIMENTATION), ("hosting", ACCOUNTS)])
def test_who_may_make_none_does_not_learn_which_names_are_taken(tree: Tree, place: str, version: str) -> None:
    """Charlie sees no group, and Bob one in which he may make nothing."""
    taken = getattr(tree, place)
    free = taken + "x"

    def put(person: Person | None, at: str) -> tuple[int, str]:
        made = tree.world.request("PUT", f"{at}?{version}", person, json={"location": "local", "properties": {}})
        return made.status_code, made.text if person else ""

    def bring(person: Person | None, at: str) -> tuple[int, str]:
        brought = tree.world.request("POST", f"/freehold/v1{at}/imports/new", person, content=b"no bag")
        return brought.status_code, brought.json()["detail"]

    for ask in (put, bring):
        assert ask(None, taken)[0] == 401
        assert ask(tree.world.charlie, taken) == ask(tree.world.charlie, free)
        assert ask(tree.world.charlie, taken)[0] == 404
        assert ask(tree.world.bob, taken) == ask(tree.world.bob, free)
        assert ask(tree.world.bob, taken)[0] == 403


def test_a_new_project_below_an_account_is_another_plan(fresh_tree: Tree) -> None:
    where = f"/freehold/v1{fresh_tree.account}/erasures"

    def plan() -> str:
        return str(fresh_tree.ok("POST", where, {"scope": "workspace", "dry_run": True})["digest"])

    before = plan()
    fresh_tree.ok("POST", f"{fresh_tree.runs}/experiments/default")
    assert plan() == before, "what lies in a project grows below it"
    made = fresh_tree.arm("PUT", f"{fresh_tree.above}/projects/more", {"location": "local", "properties": {}})
    assert made.status_code == 201, made.text
    asked = {"scope": "workspace", "plan_digest": before}
    assert fresh_tree.call("POST", where, asked).status_code == 412
    fresh_tree.ok("POST", where, asked | {"plan_digest": plan()}, status=202)
    fresh_tree.erased()
