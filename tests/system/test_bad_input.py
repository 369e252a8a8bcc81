"""Bad input gets a clear error in the words of the API it came through, and changes nothing."""

import base64
import json
import math
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from freehold.domain.access.actor import Actor
from freehold.domain.access.authority import Authority
from freehold.domain.access.issuer import TokenIssuer
from freehold.kit.clock import FixedClock, SystemClock
from freehold.storage.keys import KeyStore
from tests.system.surfaces import HISTORY, MLFLOW, SURFACES, Surface, data_of, make_run, packed, talk
from tests.world import Person, World

STORE = "/api/2.0/mlflow-artifacts/artifacts"
MEBIBYTE = 1 << 20
each_surface = pytest.mark.parametrize("surface", SURFACES, ids=[surface.name for surface in SURFACES])
MALFORMED = {
    "cut off": b'{"scope": "run", ',
    "no JSON": b"scope=run",
    "not UTF-8": b'{"scope": "run"}\xff\xfe',
    "an array": b"[]",
    "a number": b"7",
    "a text": b'"x"',
    "true": b"true",
    "deep arrays": b"[" * 200_000,
    "deep objects": b'{"a":' * 100_000,
    "deep and closed": b'{"scope":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "NUL": b'{"scope": "run\x00"}',
}
WRONG_TYPES: dict[str, list[Any]] = {
    "mlflow": [{"run_id": 7}, {"run_id": "a", "metrics": {}}, {"run_id": "a", "metrics": [{"key": 1}]}],
    "history": [{"tags": [1]}, {"status": 7}, {"properties": "x"}, {"startTimeUtc": "yesterday"}],
    "freehold": [{}, {"scope": 7}, {"scope": "galaxy"}, {"scope": "run", "id": []}, {"scope": "run", "more": 1}],
    "arm": [{"tags": 7}, {"tags": {"a": {}}}, {"properties": []}, {"location": 1}],
    "metric": [{"values": 1}, {"values": [1]}, {"values": [{"name": []}]}],
    "artifact": [{"path": 1}, {"origin": []}, {}],
}


@pytest.fixture(scope="module", autouse=True)
def surface_run(shared_world: World) -> str:
    """The run that the surfaces of the run history name."""
    assert HISTORY.send(shared_world, b"{}").status_code in (200, 404)
    make_run(shared_world, "surfaces")
    answer = HISTORY.send(shared_world, b'{"status": "Running"}')
    assert answer.status_code == 200, answer.text
    return "surface-run"


def refused(surface: Surface, answer: httpx.Response, status: int) -> str:
    """The message of a clear refusal."""
    assert answer.status_code == status, answer.text[:500]
    told = surface.read(answer)
    assert told.code
    assert len(told.message) > 15
    assert not any(word in told.message for word in ("Traceback", "sqlite", "msgspec", "site-packages"))
    return told.message


@each_surface
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_malformed_body_is_refused(shared_world: World, surface: Surface, body: bytes) -> None:
    refused(surface, surface.send(shared_world, body), 400)


@pytest.mark.parametrize("text", [b"\xff\xfe", b"\xed\xa0\x80", b"\\ud800"], ids=["bytes", "surrogate", "escape"])
def test_text_that_is_no_unicode_is_refused(shared_world: World, text: bytes) -> None:
    for surface, body in (
        (MLFLOW, b'{"run_id": "%s"}'),
        (HISTORY, b'{"name": "%s"}'),
        (HISTORY, b'{"tags": {"a": "%s"}}'),
    ):
        refused(surface, surface.send(shared_world, body % text), 400)


@each_surface
def test_wrong_types_are_refused(shared_world: World, surface: Surface) -> None:
    for body in WRONG_TYPES[surface.name]:
        refused(surface, surface.send(shared_world, packed(body)), 400)


@pytest.mark.parametrize("address", ["operations?limit=2&more=1", "imports?new_id=true", "holds?limit=1", "log/key?x="])
def test_a_misspelt_query_parameter_is_refused(shared_world: World, address: str) -> None:
    method = "POST" if address.startswith("imports") else "GET"
    answer = shared_world.request(method, f"/freehold/v1/{address}", shared_world.alice)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (400, "UnknownParameter")
    assert "query parameter of this address. There are" in told["detail"]


def test_a_query_parameter_that_is_given_twice_is_refused(shared_world: World) -> None:
    for given in ("limit=2&limit=3", "limit=2&limit=2"):
        answer = shared_world.get(f"/freehold/v1/operations?{given}", shared_world.alice)
        told = answer.json()
        assert (answer.status_code, told["code"]) == (400, "RepeatedParameter")
        assert told["detail"] == "limit is given more than once. Give it once."


def test_other_ways_of_speaking_pass_over_parameters_that_they_do_not_know(shared_world: World) -> None:
    for path in ("/subscriptions?api-version=2019-11-01&more=1", "/healthz?more=1"):
        assert shared_world.get(path, shared_world.alice).status_code == 200


@each_surface
def test_body_ten_times_too_large_is_refused(shared_world: World, surface: Surface) -> None:
    message = refused(surface, surface.send(shared_world, b" " * (10 * MEBIBYTE)), 413)
    assert str(MEBIBYTE) in message


@each_surface
def test_body_of_undeclared_length_is_cut_off(shared_world: World, surface: Surface) -> None:
    path = surface.path.format(workspace=shared_world.workspace)
    head = f"{surface.method} {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += f"Authorization: Bearer {shared_world.alice.token}\r\n\r\n"
    chunk = f"{MEBIBYTE:x}\r\n".encode() + b" " * MEBIBYTE + b"\r\n"
    answer = talk(shared_world, head.encode() + chunk * 10 + b"0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413"), answer[:200]


def test_connection_goes_on_after_a_large_body(shared_world: World) -> None:
    """Usable or cleanly closed: the next request of the same client must be answered."""
    with httpx.Client(base_url=shared_world.url, headers=shared_world.alice.headers) as client:
        for _ in range(3):
            path = MLFLOW.path.format(workspace=shared_world.workspace)
            assert client.post(path, content=b" " * (10 * MEBIBYTE)).status_code == 413
            assert client.get("/freehold/v1/operations").status_code == 200


NAMES = {
    "up": "../../etc/passwd",
    "up in the middle": "a/../../b",
    "encoded up": "%2e%2e/%2e%2e/x",
    "NUL": "a\0b",
    "newline": "a\nb",
    "too long": "n" * 2_000,
    "backslash": "..\\..\\x",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_name_that_could_leave_its_folder_is_refused(shared_world: World, name: str) -> None:
    run_id = make_run(shared_world, "names")
    address = f"{STORE}/1/{run_id}/artifacts/{quote(name, safe='')}"
    answer = shared_world.request("PUT", address, shared_world.alice, content=b"x")
    assert answer.status_code in (400, 404) or "%2e" in name, answer.text
    registered = SURFACES[-1].send(
        shared_world, packed({"origin": "ExperimentRun", "container": f"dcid.{run_id}", "path": name})
    )
    if "%2e" in name:
        assert registered.status_code == 200  # these are three plain characters here; nobody decodes them again
    else:
        refused(SURFACES[-1], registered, 400)
    assert not [each for each in shared_world.folder.parent.rglob("passwd")]


@pytest.mark.parametrize("name", ["🚀 " * 50, "n" * 1_000, "Ünïcödé/ñ 名前", "a'b\"c`d;--", "<script>", "%s %d {x}"])
def test_unusual_name_is_kept_as_it_is(shared_world: World, name: str) -> None:
    run_id = make_run(shared_world, "unusual names")
    for path, body in (
        ("runs/set-tag", {"key": "unusual", "value": name}),
        ("runs/log-parameter", {"key": "unusual", "value": name}),
    ):
        shared_world.mlflow("POST", path, {"run_id": run_id} | body)
    data = data_of(shared_world, run_id)
    assert {"key": "unusual", "value": name} in data["tags"]
    assert data["params"] == [{"key": "unusual", "value": name}]
    address = f"{STORE}/1/{run_id}/artifacts/{quote(name)}"
    assert shared_world.request("PUT", address, shared_world.alice, content=name.encode()).status_code == 200
    assert shared_world.get(address, shared_world.alice).content == name.encode()


@pytest.mark.parametrize("field", ["experiments/create", "runs/set-tag", "runs/log-parameter", "runs/log-metric"])
def test_nul_is_refused_in_every_text(shared_world: World, field: str) -> None:
    run_id = make_run(shared_world, "nul")
    body = {"run_id": run_id, "name": "a\0b", "key": "a\0b", "value": "1", "timestamp": 1}
    answer = shared_world.post(f"/api/2.0/mlflow/{field}", body, shared_world.alice)
    refused(MLFLOW, answer, 400)
    assert "params" not in data_of(shared_world, run_id)


def test_nul_in_a_value_is_refused_in_both_protocols(shared_world: World) -> None:
    for key in ("tags", "params"):
        body = {"run_id": make_run(shared_world, "nul"), key: [{"key": "k", "value": "a\0b"}]}
        refused(MLFLOW, MLFLOW.send(shared_world, packed(body)), 400)
    for wrong in ({"tags": {"k": "a\0b"}}, {"properties": {"k": "a\0b"}}, {"name": "a\0b"}, {"tags": {"a\0b": "v"}}):
        refused(HISTORY, HISTORY.send(shared_world, packed(wrong)), 400)


SPELT = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@pytest.mark.parametrize("word", SPELT)
def test_numbers_without_end_cross_from_one_protocol_to_the_other(shared_world: World, word: str) -> None:
    run_id, base = make_run(shared_world, "numbers"), f"/metric/v2.0{shared_world.workspace}/runs"
    shared_world.mlflow(
        "POST", "runs/log-metric", {"run_id": run_id, "key": "m", "value": word, "timestamp": 1, "step": 0}
    )
    values = [{"name": "a", "columns": {"a": "double"}, "value": [{"step": 0, "data": {"a": SPELT[word]}}]}]
    bare = packed({"values": values})  # Python's json writes NaN and Infinity bare, as azureml-core does
    path, headers = f"{base}/{run_id}/batch", {"content-type": "application/json"}
    sent = shared_world.request("POST", path, shared_world.alice, content=bare, headers=headers)
    assert (sent.status_code, sent.json()["errors"]) == (200, []), sent.text
    for key in ("m", "a"):
        query = {"run_id": run_id, "metric_key": key}
        history = shared_world.mlflow("GET", "metrics/get-history", query)
        assert [point["value"] for point in history["metrics"]] == [word]
        full = shared_world.post(f"{base}/{run_id}/full", {"metricName": key}, shared_world.alice).json()
        (value,) = full["value"]
        assert value["data"][key] in (word, SPELT[word]) or math.isnan(float(value["data"][key]))


@pytest.mark.parametrize("number", ["²", "٣", "-1", "0", "1.5", "9" * 5_000])
def test_what_is_no_number_from_one_to_a_page_is_refused(shared_world: World, number: str) -> None:
    answer = shared_world.get("/freehold/v1/operations", shared_world.alice, params={"limit": number})
    assert (answer.status_code, answer.json()["code"]) == (400, "InvalidLimit")


@pytest.mark.parametrize("part", ["²", "9" * 5_000])
def test_id_of_a_metric_that_ends_with_no_number_is_not_found(shared_world: World, part: str) -> None:
    address = f"/history/v1.0{shared_world.workspace}/experiments/surfaces/metrics/surface-run~bQ~{part}"
    assert shared_world.get(address, shared_world.alice).status_code == 404


@each_surface
def test_unknown_workspace_is_not_found(shared_world: World, surface: Surface) -> None:
    if surface.name == "arm":
        unknown = shared_world.workspace.replace("resourceGroups/", "resourceGroups/no-")
    else:
        unknown = shared_world.workspace + "-unknown"
    refused(surface, surface.send(shared_world, b'{"scope": "workspace"}', workspace=unknown), 404)


@each_surface
def test_workspace_of_others_reads_like_an_unknown_one(shared_world: World, surface: Surface) -> None:
    alices = surface.send(shared_world, b'{"scope": "workspace"}', shared_world.charlie)
    refused(surface, alices, 404)
    if surface.name != "arm":
        unknown = surface.send(
            shared_world,
            b'{"scope": "workspace"}',
            shared_world.charlie,
            "/subscriptions/0" + shared_world.workspace[15:],
        )
        assert surface.read(alices) == surface.read(unknown)


def test_run_of_another_workspace_is_not_found(shared_world: World) -> None:
    run_id, there = make_run(shared_world, "at home"), shared_world.elsewhere
    base = f"/mlflow/v2.0{there}/api/2.0/mlflow/runs"
    charlie = shared_world.charlie
    for verb, body in (
        ("log-metric", {"key": "a", "value": 1, "timestamp": 1}),
        ("log-parameter", {"key": "a", "value": "1"}),
        ("set-tag", {"key": "a", "value": "1"}),
        ("update", {"status": "FAILED"}),
        ("delete", {}),
    ):
        answer = shared_world.post(f"{base}/{verb}", {"run_id": run_id} | body, charlie)
        refused(MLFLOW, answer, 404)
    values = {"values": [{"name": "a", "columns": {"a": "double"}, "value": [{"data": {"a": 1}}]}]}
    answer = shared_world.post(f"/metric/v2.0{there}/runs/{run_id}/batch", values, charlie)
    refused(SURFACES[4], answer, 404)
    for name in ("exports", "erasures"):
        answer = shared_world.post(f"/freehold/v1{there}/{name}", {"scope": "run", "id": run_id}, charlie)
        refused(SURFACES[2], answer, 404)
    data = data_of(shared_world, run_id)
    assert "metrics" not in data
    assert "params" not in data


@pytest.fixture(scope="module")
def bad_tokens(shared_world: World) -> dict[str, str]:
    settings, clock = shared_world.settings(), SystemClock()
    keys = KeyStore(settings.key_folder, clock)
    claims = shared_world.alice.token.split(".")[1]
    tenant = json.loads(base64.urlsafe_b64decode(claims + "=="))["tid"]
    actor = Actor(0, "", shared_world.alice.object_id, tenant, "app")
    authority = Authority.of(tenant, ())
    past = FixedClock(clock.now() - 2 * 3_600 * 1_000_000)
    now = TokenIssuer(authority, keys.tokens, clock)
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').rstrip(b"=").decode()
    return {
        "expired": TokenIssuer(authority, keys.tokens, past).issue(actor, client_id="x").token,
        "wrong audience": now.issue(actor, client_id="x", audience="https://graph.example/").token,
        "unsigned": f"{head}.{claims}.",
        "tampered": shared_world.alice.token[:-8] + "AAAAAAAA",
        "garbage": "garbage",
    }


@each_surface
@pytest.mark.parametrize("kind", ["expired", "wrong audience", "unsigned", "tampered", "garbage"])
def test_bad_token_is_refused(shared_world: World, surface: Surface, bad_tokens: dict[str, str], kind: str) -> None:
    answer = surface.send(shared_world, b"{}", Person("Mallory", bad_tokens[kind], ""))
    message = refused(surface, answer, 401)
    assert "www-authenticate" in answer.headers
    assert kind.split()[-1] in message or kind in ("unsigned", "tampered", "garbage")


def test_half_sent_body_changes_nothing(shared_world: World) -> None:
    run_id = make_run(shared_world, "half")
    body = packed({"run_id": run_id, "params": [{"key": "half", "value": "sent"}]})
    path = "/api/2.0/mlflow/runs/log-batch"
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body) + 10}\r\n"
    head += f"Authorization: Bearer {shared_world.alice.token}\r\n\r\n"
    talk(shared_world, head.encode() + body, finish=True)
    assert "params" not in data_of(shared_world, run_id)
