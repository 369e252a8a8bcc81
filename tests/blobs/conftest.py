"""Signed addresses of one artifact, and a client that trusts the server's own CA and sends no token."""

import itertools
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tests.world import World

_NUMBERS = itertools.count(1)


@dataclass
class Blob:
    """`write` and `read` are signed for an artifact of a fresh run."""

    world: World
    client: httpx.Client
    run: str
    write: str
    read: str

    def put(self, content: bytes = b"", query: str = "", **headers: str) -> httpx.Response:
        sent = {"x-ms-blob-type": "BlockBlob"} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.put(self.write + query, content=content, headers=sent)

    def get(self, **headers: str) -> httpx.Response:
        return self.client.get(self.read, headers={name.replace("_", "-"): value for name, value in headers.items()})


@pytest.fixture(scope="session")
def client(shared_world: World) -> Iterator[httpx.Client]:
    with httpx.Client(verify=trust(shared_world)) as made:
        yield made


def trust(world: World) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(world.folder / "keys" / "tls" / "ca.pem"))


@pytest.fixture
def blob(shared_world: World, client: httpx.Client) -> Blob:
    return make_blob(shared_world, client)


def make_blob(world: World, client: httpx.Client) -> Blob:
    run = f"blob-{next(_NUMBERS)}"
    history = f"/history/v1.0{world.workspace}"
    world.post(f"{history}/experiments/blobs", None, world.alice)
    world.request("PATCH", f"{history}/experiments/blobs/runs/{run}", world.alice, json={})
    where = f"{history}/runs/{run}/artifacts"
    told = world.post(f"{where}/batch/metadata", {"paths": [{"path": "out/a b.txt"}]}, world.alice).json()
    read = world.get(f"{where}/contentinfo?path=out/a b.txt", world.alice).json()["contentUri"]
    return Blob(world, client, run, told["artifactContentInformation"]["out/a b.txt"]["contentUri"], read)
