"""The service log names nobody and nothing: canaries planted in every field, then searched in every line."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.system.ending import until_ended
from tests.system.load import STORE
from tests.system.surfaces import packed, talk
from tests.world import World, make_world

STANDARD = {"time", "level", "logger", "message"}


class Canaries:
    """Words that occur nowhere by themselves."""

    def __init__(self) -> None:
        self.planted: list[str] = []

    def __call__(self, field: str) -> str:
        word = f"canary-{field}-{len(self.planted):03}-7f3a91"
        self.planted.append(word)
        return word


@pytest.fixture
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server that logs as much as it can."""
    made = make_world(tmp_path_factory.mktemp("noisy") / "data").start("--log-level", "debug")
    yield made
    made.kill()


def test_log_holds_no_name_no_token_and_no_secret(noisy: World) -> None:
    plant = Canaries()
    run_id = use_it_well(noisy, plant)
    use_it_badly(noisy, plant)
    operations = leave_and_forget(noisy, run_id)
    noisy.stop()
    log = (noisy.folder / "server.log").read_text()
    people = (noisy.alice, noisy.bob, noisy.charlie)
    secrets = [person.token for person in people] + [person.token.split(".")[2] for person in people]
    ids = [run_id, noisy.subscription_id, *(person.object_id for person in people)]
    names = ["Bob Builder", "Charlie Chaplin"]
    assert [word for word in [*plant.planted, *secrets, *ids, *names] if word in log] == []
    lines = [json.loads(line) for line in log.splitlines()]
    assert all(line.keys() >= STANDARD for line in lines)
    assert {line["message"] for line in lines} >= {"serving", "stopped"}
    assert len(operations) == 2


def use_it_well(world: World, plant: Canaries) -> str:
    experiment = world.mlflow("POST", "experiments/create", {"name": plant("experiment")})["experiment_id"]
    tags = [{"key": plant("key"), "value": plant("tag")}, {"key": "mlflow.user", "value": plant("user")}]
    body = {"experiment_id": experiment, "run_name": plant("run"), "tags": tags}
    run_id: str = world.mlflow("POST", "runs/create", body)["run"]["info"]["run_id"]
    metrics = [{"key": plant("metric"), "value": 1, "timestamp": 1, "step": 1}]
    params = [{"key": plant("param"), "value": plant("value")}]
    world.mlflow("POST", "runs/log-batch", {"run_id": run_id, "metrics": metrics, "params": params})
    address = f"{STORE}/{experiment}/{run_id}/artifacts/{plant('folder')}/{plant('file')}"
    headers = {"content-type": plant("type"), "user-agent": plant("agent"), "x-ms-client-request-id": plant("request")}
    sent = world.request("PUT", address, world.alice, content=plant("content").encode(), headers=headers)
    assert sent.status_code == 200
    assert world.get(address, world.alice).status_code == 200
    base = f"/history/v1.0{world.workspace}/experiments/{plant('history')}"
    assert world.post(base, {"description": plant("description"), "tags": {"a": plant("tag")}}, world.alice).is_success
    upsert = {"description": plant("text"), "tags": {"a": plant("tag")}, "properties": {"b": plant("property")}}
    assert world.request("PATCH", f"{base}/runs/{plant('id')}", world.alice, json=upsert).is_success
    return run_id


def use_it_badly(world: World, plant: Canaries) -> None:
    """What is refused passes through more code that might log it."""
    alice = world.alice
    world.get(f"/{plant('nothing')}/{plant('here')}?q={plant('query')}", alice)
    world.get(f"/api/2.0/mlflow/runs/get?run_id={plant('unknown')}", alice)
    world.get("/freehold/v1/operations", headers={"Authorization": f"Bearer {plant('token')}.a.b"})
    world.get(f"/freehold/v1/operations?before={plant('page')}", alice)
    world.post(f"/freehold/v1{world.workspace}{plant('workspace')}/exports", {"scope": "workspace"}, alice)
    world.post("/freehold/v1/exports", {"scope": plant("scope")}, alice)
    world.request("POST", "/api/2.0/mlflow/runs/log-batch", alice, content=f'{{"{plant("broken")}'.encode())
    world.request("PUT", f"{STORE}/{plant('no')}/{plant('such')}/artifacts/{plant('run')}", alice, content=b"x")
    form = {"grant_type": "client_credentials", "client_id": plant("client"), "client_secret": plant("secret")}
    tenant = plant("tenant")
    world.request("POST", f"/{tenant}/oauth2/token", data=form | {"resource": "api://freehold"})
    world.request("PUT", f"/blobs/{plant('a')}/b/c/{plant('blob')}?sig={plant('signature')}", content=b"x")
    talk(world, f"GET /{plant('wire')} HTTP/9.9\r\n{plant('header')}\r\n\r\n".encode())
    head = f"POST /api/2.0/mlflow/runs/log-batch HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {alice.token}\r\n"
    half = packed({"run_id": plant("half")})
    talk(world, f"{head}Content-Length: {len(half) + 9}\r\n\r\n".encode() + half, finish=True)


def leave_and_forget(world: World, run_id: str) -> list[dict[str, Any]]:
    """An export, then an erasure."""
    found = []
    for name in ("exports", "erasures"):
        answer = world.post(f"/freehold/v1/{name}", {"scope": "run", "id": run_id}, world.alice)
        assert answer.status_code == 202, answer.text
        found.append(until_ended(world, answer.json()["id"], 60))
    assert [each["state"] for each in found] == ["Succeeded", "Succeeded"], found
    return found
