"""A hold keeps what was written into the things that it covers, whoever writes over it and by whichever façade."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.azure2020.conftest import Azure

MLFLOW = "/api/2.0/mlflow"
SCOPES = ("run", "experiment", "workspace")
ORIGIN = "ExperimentRun"


@contextmanager
def holding(azure: Azure, scope: str, root: str | None = None) -> Iterator[None]:
    body = {"scope": scope, "reason": "case 7"} | ({"id": root} if root else {})
    holds = f"/freehold/v1{azure.workspace}/holds"
    placed = azure.ok("POST", holds, body, status=201)
    try:
        yield
    finally:
        azure.ok("DELETE", f"{holds}/{placed['id']}")


def root_of(azure: Azure, scope: str, run: str) -> str | None:
    return {"run": run, "experiment": azure.experiment}.get(scope)


def by_mlflow(azure: Azure, run: str, content: bytes) -> httpx.Response:
    where = f"/api/2.0/mlflow-artifacts/artifacts/0/{run}/artifacts/a.txt"
    return azure.client.put(where, content=content, headers=azure.person.headers)


def by_azure(azure: Azure, run: str, content: bytes) -> httpx.Response:
    where = f"{azure.artifacts}/content/{ORIGIN}/{run}/a.txt?allowOverwrite=true"
    return azure.client.post(where, content=content, headers=azure.person.headers)


def by_signed_address(azure: Azure, run: str, content: bytes) -> httpx.Response:
    return httpx.put(
        _address(azure, run), content=content, headers={"x-ms-blob-type": "BlockBlob"}, verify=_trust(azure)
    )


def in_blocks(azure: Azure, run: str, content: bytes) -> httpx.Response:
    where, trust = _address(azure, run), _trust(azure)
    httpx.put(f"{where}&comp=block&blockid=AAAA", content=content, verify=trust).raise_for_status()
    listed = b"<BlockList><Latest>AAAA</Latest></BlockList>"
    return httpx.put(f"{where}&comp=blocklist", content=listed, verify=trust)


def _address(azure: Azure, run: str) -> str:
    told = azure.ok("GET", f"{azure.artifacts}/write/{ORIGIN}/{run}/a.txt")
    return str(told["contentUri"])


def _trust(azure: Azure) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(azure.world.folder / "keys" / "tls" / "ca.pem"))


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("write", [by_mlflow, by_azure, by_signed_address, in_blocks])
def test_content_is_not_written_over(
    azure: Azure, scope: str, write: Callable[[Azure, str, bytes], httpx.Response]
) -> None:
    run = azure.new_run()
    azure.upload(ORIGIN, run, **{"a.txt": b"evidence"})
    with holding(azure, scope, root_of(azure, scope, run)):
        refused = write(azure, run, b"nothing of the kind")
        assert refused.status_code == 409, refused.text
        assert "legal hold" in refused.text
        assert azure.content(ORIGIN, run, "a.txt") == b"evidence"
        write(azure, run, b"evidence").raise_for_status()  # sent again, since its answer was lost
    write(azure, run, b"another").raise_for_status()
    assert azure.content(ORIGIN, run, "a.txt") == b"another"


@pytest.mark.parametrize("scope", SCOPES)
def test_a_held_run_still_trains(azure: Azure, scope: str) -> None:
    run = azure.new_run(name="first", tags={"by": "alice"})
    azure.upload(ORIGIN, run, **{"log.txt": b"one\n"})
    with holding(azure, scope, root_of(azure, scope, run)):
        azure.upload(ORIGIN, run, **{"new.txt": b"new"})
        more = f"{azure.artifacts}/content/{ORIGIN}/{run}/log.txt?append=true"
        azure.client.post(more, content=b"two\n", headers=azure.person.headers).raise_for_status()
        azure.ok("POST", f"{MLFLOW}/runs/log-metric", {"run_id": run, "key": "loss", "value": 1, "timestamp": 1})
        azure.ok("POST", f"{MLFLOW}/runs/set-tag", {"run_id": run, "key": "more", "value": "said"})
        azure.ok("POST", f"{MLFLOW}/runs/set-tag", {"run_id": run, "key": "by", "value": "alice"})
        for word in ("Start", "Warning", "Warning", "Completed"):
            azure.report(run, word, Source="s", Message="m")
        azure.ok("POST", f"{MLFLOW}/runs/update", {"run_id": run, "status": "FAILED", "end_time": 5})
        azure.put_run(run, tags={"by": "alice"}, status="Completed")
        azure.ok("POST", f"{MLFLOW}/runs/delete", {"run_id": run})
        azure.ok("POST", f"{MLFLOW}/runs/restore", {"run_id": run})
    assert azure.content(ORIGIN, run, "log.txt") == b"one\ntwo\n"


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize(
    ("verb", "tail", "body"),
    [
        ("POST", f"{MLFLOW}/runs/set-tag", {"run_id": "{run}", "key": "by", "value": "nobody"}),
        ("POST", f"{MLFLOW}/runs/set-tag", {"run_id": "{run}", "key": "mlflow.user", "value": "nobody"}),
        ("POST", f"{MLFLOW}/runs/set-tag", {"run_id": "{run}", "key": "mlflow.runName", "value": "nobody"}),
        ("POST", f"{MLFLOW}/runs/delete-tag", {"run_id": "{run}", "key": "by"}),
        ("POST", f"{MLFLOW}/runs/delete-tag", {"run_id": "{run}", "key": "mlflow.user"}),
        ("POST", f"{MLFLOW}/runs/update", {"run_id": "{run}", "run_name": "nobody"}),
        ("POST", f"{MLFLOW}/runs/log-batch", {"run_id": "{run}", "tags": [{"key": "by", "value": "nobody"}]}),
        ("PATCH", "{runs}/{run}", {"tags": {"by": "nobody"}}),
        ("PATCH", "{runs}/{run}", {"properties": {"data": "none"}}),
        ("PATCH", "{runs}/{run}", {"description": "nothing to see"}),
        ("PATCH", "{runs}/{run}", {"target": "elsewhere"}),
        ("DELETE", "{runs}/{run}/tags", ["by"]),
    ],
)
def test_what_is_said_of_a_held_run_stays(azure: Azure, scope: str, verb: str, tail: str, body: Any) -> None:
    said = {"tags": {"by": "alice"}, "properties": {"data": "all"}, "description": "all of it", "target": "local"}
    run = azure.new_run(name="first", **said)
    azure.ok("POST", f"{MLFLOW}/runs/set-tag", {"run_id": run, "key": "mlflow.user", "value": "alice"})
    runs = f"{azure.history}/experiments/{azure.experiment}/runs"
    address = tail.format(runs=runs, run=run)
    sent = body if isinstance(body, list) else {key: run if value == "{run}" else value for key, value in body.items()}
    before = azure.ok("GET", f"{runs}/{run}")
    with holding(azure, scope, root_of(azure, scope, run)):
        refused = azure.call(verb, address, sent)
        assert refused.status_code == 409, refused.text
        assert azure.ok("GET", f"{runs}/{run}") == before
    azure.ok(verb, address, sent)


@pytest.mark.parametrize("scope", ["experiment", "workspace"])
@pytest.mark.parametrize("verb", ["set-experiment-tag", "delete-experiment-tag", "update"])
def test_what_is_said_of_a_held_experiment_stays(azure: Azure, scope: str, verb: str) -> None:
    made = azure.ok("POST", f"{MLFLOW}/experiments/create", {"name": azure.name("held")})["experiment_id"]
    named = {"experiment_id": made, "key": "by"}
    azure.ok("POST", f"{MLFLOW}/experiments/set-experiment-tag", named | {"value": "alice"})
    sent = {"experiment_id": made, "new_name": azure.name("x")} if verb == "update" else named | {"value": "nobody"}
    with holding(azure, scope, made if scope == "experiment" else None):
        assert azure.call("POST", f"{MLFLOW}/experiments/{verb}", sent).status_code == 409
        azure.ok("POST", f"{MLFLOW}/experiments/set-experiment-tag", named | {"key": "more", "value": "said"})
    azure.ok("POST", f"{MLFLOW}/experiments/{verb}", sent)


@pytest.mark.parametrize("scope", ["model", "workspace"])
def test_what_is_said_of_a_held_model_stays(azure: Azure, scope: str) -> None:
    body = {"name": azure.name("held"), "url": "aml://x", "mimeType": "a/b", "kvTags": {"by": "alice"}}
    made = azure.ok("POST", f"{azure.models}/models", body | {"description": "all"})["id"]
    where = f"{azure.models}/models/{made}"

    def patch(op: str, path: str, value: str) -> int:
        return azure.call("PATCH", where, [{"op": op, "path": path, "value": value}]).status_code

    with holding(azure, scope, made if scope == "model" else None):
        assert patch("replace", "/kvTags/by", "nobody") == 409
        assert patch("remove", "/kvTags/by", "") == 409
        assert patch("replace", "/description", "nothing") == 409
        assert patch("add", "/kvTags/more", "said") == 200
    assert patch("replace", "/description", "nothing") == 200


@pytest.mark.parametrize("scope", ["dataset", "workspace"])
def test_what_is_said_of_a_held_dataset_stays(azure: Azure, scope: str) -> None:
    root = f"/dataset/v1.0{azure.workspace}/datasets"
    body = {"name": azure.name("held"), "datasetType": "file", "latest": {"dataflow": '{"blocks": ["held"]}'}}
    made = azure.ok("POST", root, body | {"tags": {"by": "alice"}})
    where = f"{root}/{made['datasetId']}"
    sent = {"name": body["name"], "description": "new"}
    with holding(azure, scope, made["datasetId"] if scope == "dataset" else None):
        assert azure.call("PUT", where, sent | {"tags": {}}).status_code == 409
        other = {"dataflow": '{"blocks": []}'}
        assert azure.call("PUT", f"{where}/definitions/1", other).status_code == 409
        azure.ok("PUT", where, sent | {"tags": {"by": "alice", "more": "said"}})
        azure.ok("PUT", f"{where}/state", {"state": "deprecated"})
    azure.ok("PUT", f"{where}/definitions/1", other)
