"""`rest/` has the documents of every noun as a GET answers them, of any scope, without secrets and without people."""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from freehold.api.azure.rest_documents import SUBSCRIPTION
from tests.commands import freehold
from tests.world import World

SIGNED = "https://blobs.example.org/model.pkl?sv=2&sig=canary-of-a-signature"
VERSION = "api-version=2020-02-02"


@pytest.fixture(scope="module")
def client(shared_world: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared_world.url, headers=shared_world.alice.headers, timeout=60) as made:
        yield made


@pytest.fixture(scope="module")
def made(shared_world: World, client: httpx.Client) -> dict[str, Any]:
    """Addresses of one document of each noun."""
    root, place = f"/modelmanagement/v1.0{shared_world.workspace}", shared_world.workspace
    model = client.post(f"{root}/models", json={"name": "rest", "url": SIGNED, "mimeType": "x"}).json()["id"]
    image = {"name": "rest", "modelIds": [model], "imageType": "Docker", "imageLocation": "registry.example.org/i:1"}
    service = {"name": "rest-service", "computeType": "ACI", "imageId": "rest:1", "sslKey": "canary-of-a-key"}
    for kind, body in (("images", image), ("services", service)):
        assert client.post(f"{root}/{kind}", json=body).status_code == 202
    asset = client.post(f"{root}/assets", json={"name": "rest", "artifacts": [{"prefix": "LocalUpload/x"}]}).json()
    secret = {"administratorAccount": {"username": "admin", "password": "canary-of-a-password"}}
    machine = {"properties": {"computeType": "VirtualMachine", "properties": secret}}
    assert client.put(f"{place}/computes/rest?{VERSION}", json=machine).status_code == 201
    return {
        "models": f"{root}/models/{model}",
        "assets": f"{root}/assets/{asset['id']}",
        "images": f"{root}/images/rest:1",
        "services": f"{root}/services/rest-service",
        "computes": f"{place}/computes/rest?{VERSION}",
    }


@pytest.fixture(scope="module")
def whole(shared_world: World, made: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return exported(shared_world, tmp_path_factory.mktemp("whole"), "workspace")


@pytest.mark.parametrize("kind", ["models", "assets", "images", "services", "computes"])
def test_a_document_reads_in_the_bag_as_over_http(
    shared_world: World, client: httpx.Client, made: dict[str, Any], whole: dict[str, bytes], kind: str
) -> None:
    answer = client.get(made[kind]).json()
    found = documents(whole, kind)
    (mine,) = [each for each in found if each["name"] == answer["name"]]
    answer = json.loads(json.dumps(answer).replace(shared_world.subscription_id, SUBSCRIPTION))
    assert without_persons_and_secrets(mine) == without_persons_and_secrets(answer)


def test_the_workspace_itself_reads_in_its_bag_as_over_http(
    shared_world: World, client: httpx.Client, whole: dict[str, bytes]
) -> None:
    (mine,) = documents(whole, "workspaces")
    answer = client.get(f"{shared_world.workspace}?{VERSION}").json()
    answer = json.loads(json.dumps(answer).replace(shared_world.subscription_id, SUBSCRIPTION))
    answer["properties"]["discoveryUrl"] = answer["identity"]["tenantId"] = None
    assert mine == answer
    assert "workspaces" in json.loads(whole["coverage.json"])["rest"]


def test_a_bag_of_less_than_the_workspace_does_not_have_it(
    shared_world: World, made: dict[str, Any], tmp_path: Path
) -> None:
    bag = exported(shared_world, tmp_path, "model", "rest:1")
    assert not [name for name in bag if name.startswith("rest/workspaces/")]


def test_no_secret_is_in_a_bag(whole: dict[str, bytes]) -> None:
    for name, content in whole.items():
        assert b"canary-of-a" not in content, name
    (model,) = [each for each in documents(whole, "models") if each["id"] == "rest:1"]
    assert model["url"] == SIGNED.partition("?")[0]
    coverage = json.loads(whole["coverage.json"])
    assert "sealed_secrets" in json.dumps(coverage)


@pytest.mark.parametrize(("scope", "name"), [("model", "rest:1"), ("image", "rest:1"), ("service", "rest-service")])
def test_one_document_is_exported_by_its_name(
    shared_world: World, made: dict[str, Any], tmp_path: Path, scope: str, name: str
) -> None:
    bag = exported(shared_world, tmp_path, scope, name)
    (found,) = documents(bag, f"{scope}s")
    assert found["id"] == name
    assert f"tables/{scope}s/part-00000.parquet" in bag


def exported(world: World, folder: Path, *what: str) -> dict[str, bytes]:
    """Path below `data/` → content."""
    bag = folder / "bag.tar"
    freehold(world, "export", *what, "--to", str(bag))
    content: dict[str, bytes] = {}
    with tarfile.open(bag) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None and "/data/" in member.name:
                content[member.name.partition("/data/")[2]] = file.read()
    return content


def documents(bag: dict[str, bytes], kind: str) -> list[Any]:
    lines = [line for name in sorted(bag) if name.startswith(f"rest/{kind}/") for line in bag[name].splitlines()]
    return [json.loads(line) for line in lines]


def without_persons_and_secrets(part: Any) -> Any:
    """What is withheld is null in the bag; here it is null in both."""
    if isinstance(part, dict):
        hidden = {"createdBy", "sslKey"}
        return {key: None if key in hidden else without_persons_and_secrets(value) for key, value in part.items()}
    if isinstance(part, list):
        return [without_persons_and_secrets(each) for each in part]
    return part.partition("?sv=")[0] if isinstance(part, str) else part
