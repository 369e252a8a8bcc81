"""Models, manifests, images and services of a hosting account: calls 38 to 45 and 51 to 58, and what makes them."""

from typing import Any

import pytest

from tests.azure2018.conftest import Tree, as_person
from tests.world import World

SIGNED = "https://blobs.example.org/score.py?sig=secret"
NEEDED_BY = [("models", "manifests"), ("manifests", "images"), ("images", "services")]


@pytest.fixture
def deployed(tree: Tree) -> dict[str, str]:
    """Ids of a model, its manifest, its image and a service."""
    model = tree.register(tree.name("model"))["id"]
    manifest = tree.manage(
        "POST",
        "/manifests",
        {
            "name": tree.name("manifest"),
            "driverProgram": "score.py",
            "modelIds": [model],
            "modelType": "Registered",
            "assets": [
                {"id": "driver", "url": "https://blobs.example.org/score.py?sig=secret", "mimeType": "x-python"}
            ],
            "targetRuntime": {"runtimeType": "SparkPython", "properties": {"pipRequirements": "numpy"}},
        },
    ).json()["id"]
    image = made(tree, tree.manage("POST", "/images", {"name": tree.name("image"), "manifestId": manifest}))
    body = {
        "name": tree.name("service"),
        "imageId": image,
        "numReplicas": 2,
        "appInsightsEnabled": True,
        "computeResource": {"id": "cluster", "type": "Cluster"},
        "containerResourceReservation": {"cpu": "0.5", "memory": "1G"},
        "autoScaler": {"autoscaleEnabled": True, "minReplicas": 1, "maxReplicas": 3},
    }
    service = made(tree, tree.manage("POST", "/services", body))
    return {"models": model, "manifests": manifest, "images": image, "services": service, "name": body["name"]}


def made(tree: Tree, answer: Any) -> str:
    """The id of what an operation made, found as the client of that time finds it."""
    assert answer.status_code == 202, answer.text
    operation = tree.client.get(
        f"{answer.headers['Operation-Location']}?api-version=2017-09-01-preview", headers=tree.person.headers
    ).json()
    assert operation["state"] == "Succeeded"
    return str(operation["resourceLocation"].rpartition("/")[2])


@pytest.mark.parametrize("kind", ["models", "manifests", "images", "services"])
def test_each_is_listed_and_read_by_id(tree: Tree, deployed: dict[str, str], kind: str) -> None:
    found = tree.manage("GET", f"/{kind}/{deployed[kind]}").json()
    assert found["id"] == deployed[kind]
    page = tree.manage("GET", f"/{kind}").json()
    assert found in page["value"]


@pytest.mark.parametrize("kind", ["models", "manifests", "images", "services"])
def test_strangers_see_none(tree: Tree, deployed: dict[str, str], kind: str, shared_world: World) -> None:
    charlie = as_person(tree, shared_world.charlie)
    for tail in (f"/{kind}", f"/{kind}/{deployed[kind]}"):
        assert charlie.manage("GET", tail).status_code == 404
    assert charlie.manage("DELETE", f"/{kind}/{deployed[kind]}").status_code == 404


def test_documents_have_what_the_client_prints(tree: Tree, deployed: dict[str, str]) -> None:
    manifest = tree.manage("GET", f"/manifests/{deployed['manifests']}").json()
    assert manifest["modelIds"] == [deployed["models"]]
    assert manifest["targetRuntime"]["runtimeType"] == "SparkPython"
    assert manifest["webserviceType"] == "Realtime"
    image = tree.manage("GET", f"/images/{deployed['images']}").json()
    assert (image["version"], image["imageType"], image["creationState"]) == (1, "Docker", "NotStarted")
    assert image["manifest"]["id"] == deployed["manifests"]
    service = tree.manage("GET", f"/services/{deployed['services']}").json()
    assert service["name"] == deployed["name"]
    assert [each["id"] for each in service["models"]] == [deployed["models"]]
    assert service["image"]["manifest"]["id"] == deployed["manifests"]
    assert service["numReplicas"] == 2
    assert service["state"] == "Transitioning"


def test_a_signed_address_is_withheld_from_those_without_the_right(tree: Tree, deployed: dict[str, str]) -> None:
    shown = tree.manage("GET", f"/manifests/{deployed['manifests']}").json()
    assert shown["assets"][0]["url"].endswith("?sig=secret")
    exported = tree.manage("GET", f"/services/{deployed['services']}")
    assert "sig=secret" not in exported.json()["manifest"]["assets"][0]["url"]


@pytest.mark.parametrize("version", ["2017-09-01-preview%22", "2017-09-01-preview%20", "2017-09-01-preview"])
def test_the_stray_marks_of_the_page_are_forgiven(tree: Tree, version: str) -> None:
    assert tree.call("GET", f"{tree.api}/models?api-version={version}").status_code == 200


@pytest.mark.parametrize("query", ["", "?api-version=2019-11-01"])
def test_another_version_is_refused(tree: Tree, query: str) -> None:
    answer = tree.call("GET", f"{tree.api}/models{query}")
    assert answer.status_code == 400
    assert "2017-09-01-preview" in answer.json()["error"]["message"]


def test_a_service_is_found_by_its_name_too(tree: Tree, deployed: dict[str, str]) -> None:
    assert tree.manage("GET", f"/services/{deployed['name']}").json()["id"] == deployed["services"]


@pytest.mark.parametrize(
    ("kind", "filters"),
    [
        ("manifests", {"modelId": "models"}),
        ("images", {"manifestId": "manifests"}),
        ("services", {"imageId": "images"}),
        ("services", {"manifestId": "manifests"}),
        ("services", {"modelId": "models"}),
        ("services", {"serviceName": "name"}),
    ],
)
def test_lists_are_filtered(tree: Tree, deployed: dict[str, str], kind: str, filters: dict[str, str]) -> None:
    query = "".join(f"&{name}={deployed[of]}" for name, of in filters.items())
    assert [each["id"] for each in tree.manage("GET", f"/{kind}", query=query).json()["value"]] == [deployed[kind]]
    nothing = "".join(f"&{name}=00000000-0000-0000-0000-000000000000" for name in filters)
    assert tree.manage("GET", f"/{kind}", query=nothing).json()["value"] == []


def test_models_are_found_by_name_and_tag_in_pages(tree: Tree) -> None:
    name = tree.name("paged")
    ids = [tree.register(name, tags=["blue"])["id"] for _ in range(3)]
    page = tree.manage("GET", "/models", query=f"&name={name}&tag=blue&count=2").json()
    seen = [each["id"] for each in page["value"]]
    last = tree.client.get(page["nextLink"], headers=tree.person.headers).json()
    assert "nextLink" not in last
    assert seen + [each["id"] for each in last["value"]] == ids[::-1]
    assert [each["version"] for each in page["value"]] == [3, 2]


@pytest.mark.parametrize(
    ("kind", "needed_by"), [("models", "manifests"), ("manifests", "images"), ("images", "services")]
)
def test_what_is_still_needed_stays(tree: Tree, deployed: dict[str, str], kind: str, needed_by: str) -> None:
    answer = tree.manage("DELETE", f"/{kind}/{deployed[kind]}")
    assert (answer.status_code, answer.json()["code"]) == (412, "DeletionRequired")
    assert answer.json()["details"]
    assert tree.manage("GET", f"/{kind}/{deployed[kind]}").status_code == 200


def test_all_are_deleted_from_the_last_on(tree: Tree, deployed: dict[str, str]) -> None:
    for kind in ("services", "images", "manifests", "models"):
        place = f"/{kind}/{deployed[kind]}"
        assert tree.manage("DELETE", place).status_code == 200
        assert tree.manage("GET", place).status_code == 404
        assert tree.manage("DELETE", place).status_code == 204
        assert deployed[kind] not in [each["id"] for each in tree.manage("GET", f"/{kind}").json()["value"]]
    tree.erased()


def test_a_service_is_changed_and_its_keys_renewed(tree: Tree, deployed: dict[str, str]) -> None:
    place = f"/services/{deployed['services']}"
    made(tree, tree.manage("PUT", place, {"numReplicas": 7}))
    changed = tree.manage("GET", place).json()
    assert (changed["numReplicas"], changed["appInsightsEnabled"]) == (7, True)
    old = tree.manage("GET", f"{place}/keys").json()
    new = tree.manage("POST", f"{place}/regenerateKeys", {"keyType": "Secondary"}).json()
    assert new["primaryKey"] == old["primaryKey"]
    assert new["secondaryKey"] != old["secondaryKey"]


def test_names_are_taken_once(tree: Tree, deployed: dict[str, str]) -> None:
    again = tree.manage("POST", "/services", {"name": deployed["name"], "imageId": deployed["images"]})
    assert (again.status_code, again.json()["code"]) == (409, "ServiceExists")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("models", {}),
        ("models", {"name": "a/b"}),
        ("models", {"name": "x" * 300}),
        ("models", {"name": 7}),
        ("manifests", {"name": "m", "modelIds": "all"}),
        ("services", {"imageId": None}),
        ("services", {"name": ""}),
    ],
)
def test_what_has_the_wrong_shape_is_refused(tree: Tree, kind: str, body: dict[str, Any]) -> None:
    answer = tree.manage("POST", f"/{kind}", body)
    assert answer.status_code == 400
    assert {"code", "message", "statusCode", "details"} <= answer.json().keys()


@pytest.mark.parametrize(
    ("kind", "body"),
    [("manifests", {"name": "m", "modelIds": ["no"]}), ("images", {"name": "i", "manifestId": "no"})],
)
def test_what_names_nothing_here_is_not_made(tree: Tree, kind: str, body: dict[str, Any]) -> None:
    assert tree.manage("POST", f"/{kind}", body).status_code == 404
