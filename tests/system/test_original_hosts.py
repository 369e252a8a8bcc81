"""The published pages' host names, pointed at this server, lead to every address; links keep the name."""

import ssl
from collections.abc import Iterator

import httpx
import pytest

from tests.world import World

HOSTS = [
    "management.azure.com",
    "eastus2.experiments.azureml.net",
    "eastus2.modelmanagement.azureml.net",
    "eastus2.aether.ms",
]


@pytest.fixture(scope="module")
def client(shared_world: World) -> Iterator[httpx.Client]:
    trusted = ssl.create_default_context(cafile=str(shared_world.folder / "keys" / "tls" / "ca.pem"))
    with httpx.Client(verify=trusted, headers=shared_world.alice.headers) as made:
        yield made


def get(client: httpx.Client, world: World, host: str, path: str) -> httpx.Response:
    """As a client does that was told by DNS that the name is here."""
    named = {"Host": host}
    return client.get(world.secure_url + path, headers=named, extensions={"sni_hostname": host})


@pytest.mark.parametrize("host", HOSTS)
def test_the_certificate_is_good_for_the_name(client: httpx.Client, shared_world: World, host: str) -> None:
    answer = get(client, shared_world, host, f"/history/v1.0{shared_world.workspace}/experiments")
    assert answer.status_code == 200


@pytest.mark.parametrize("host", HOSTS[:1])
def test_links_keep_the_name(client: httpx.Client, shared_world: World, host: str) -> None:
    for name in ("one", "two"):
        path = f"{shared_world.workspace}/computes/{name}-host?api-version=2020-02-02"
        body = {"location": "local", "properties": {"computeType": "AmlCompute"}}
        client.put(shared_world.url + path, json=body).raise_for_status()
    page = get(client, shared_world, host, f"{shared_world.workspace}/computes?api-version=2019-11-01&$top=1").json()
    assert page["nextLink"].startswith(f"https://{host}/subscriptions/")


@pytest.mark.parametrize("host", ["evil.example.org", "management.azure.com.example.org", "a.b.aether.ms.example.org"])
def test_another_name_is_not_repeated(client: httpx.Client, shared_world: World, host: str) -> None:
    path = f"{shared_world.workspace}?api-version=2019-11-01"
    answer = client.get(shared_world.url + path, headers={"Host": host})
    assert host not in answer.text
