"""Every door of the house: who may pass, what it says of itself, and that its description is true."""

import re
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema_rs
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31

from freehold.api.freehold.facade import V1
from freehold.api.openapi import template
from freehold.api.routing import Anonymous, Route, SignedIn, SignedUrl, Within
from freehold.app import facades
from tests.world import ELSEWHERE, World

FIND_THE_ISSUER = "whoever has no token yet must find out where to ask for one, and whose signature to trust"
GET_A_TOKEN = "this is where a token comes from; the client's secret is the proof"
WATCH_THE_PROCESS = "supervisors and load balancers carry no token; it says nothing but that the server lives"
CHECK_A_PROOF = "whoever was handed a certificate must be able to verify it; public keys only"
FIND_THE_SERVICES = "the Azure ML SDK asks without a token; the answer is the same for every workspace, known or not"
CHECK_THE_LOG = "a log that only some may read proves nothing; it holds digests and random ids"
KNOW_THE_ADDRESSES = "it describes the addresses and holds no data"

# Whoever adds a line here opens the house to everybody: the list may only shrink, or grow with a good reason.
ANONYMOUS = {
    "GET /healthz": WATCH_THE_PROCESS,
    "GET /readyz": WATCH_THE_PROCESS,
    "GET /openapi.json": KNOW_THE_ADDRESSES,
    "GET /openapi/{facade}.json": KNOW_THE_ADDRESSES,
    "GET /freehold/v1/certificates/keys": CHECK_A_PROOF,
    "GET /freehold/v1/log/checkpoint": CHECK_THE_LOG,
    "GET /freehold/v1/log/key": CHECK_THE_LOG,
    "GET /freehold/v1/log/tile/entries/{index:path}": CHECK_THE_LOG,
    "GET /freehold/v1/log/tile/{level}/{index:path}": CHECK_THE_LOG,
    "GET /freehold/v1/log/proofs/{certificate}": CHECK_THE_LOG,
    "GET /discovery": FIND_THE_SERVICES,
    "GET /discovery/workspaces/{id}": FIND_THE_SERVICES,
    "GET /metadata/endpoints": FIND_THE_ISSUER,
    "GET /common/discovery/instance": FIND_THE_ISSUER,
    "GET /{tenant}/v2.0/.well-known/openid-configuration": FIND_THE_ISSUER,
    "GET /{tenant}/.well-known/openid-configuration": FIND_THE_ISSUER,
    "GET /{tenant}/discovery/v2.0/keys": FIND_THE_ISSUER,
    "GET /{tenant}/discovery/keys": FIND_THE_ISSUER,
    "GET /dstsv2/{tenant}/v2.0/.well-known/openid-configuration": FIND_THE_ISSUER,
    "GET /dstsv2/{tenant}/.well-known/openid-configuration": FIND_THE_ISSUER,
    "GET /dstsv2/{tenant}/discovery/v2.0/keys": FIND_THE_ISSUER,
    "GET /dstsv2/{tenant}/discovery/keys": FIND_THE_ISSUER,
    "POST /{tenant}/oauth2/v2.0/token": GET_A_TOKEN,
    "POST /{tenant}/oauth2/token": GET_A_TOKEN,
    "POST /dstsv2/{tenant}/oauth2/v2.0/token": GET_A_TOKEN,
    "POST /dstsv2/{tenant}/oauth2/token": GET_A_TOKEN,
}
ROUTES = [route for facade in facades() for route in facade.routes]


def named(routes: list[Route]) -> list[Any]:
    return [pytest.param(route, id=f"{route.method} {route.path}") for route in routes]


TOKEN_ROUTES = named([route for route in ROUTES if isinstance(route.rule, SignedIn | Within)])
WITHIN = named([route for route in ROUTES if isinstance(route.rule, Within)])
WORKSPACE_ROUTES = named(
    [route for route in ROUTES if isinstance(route.rule, SignedIn) and "{workspace}" in route.path]
)
SIGNED_URLS = [route for route in ROUTES if isinstance(route.rule, SignedUrl)]


@pytest.fixture(scope="module")
def http(shared_world: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared_world.url, timeout=30) as client:
        yield client


def address(world: World, route: Route) -> str:
    """The route's path in the default workspace, with a name for every other part."""
    parts = world.workspace.split("/")
    given = {"subscription": parts[2], "group": parts[4], "workspace": parts[8], "resource": "/".join(parts[5:])}
    return re.sub(r"\{(\w+)(?::\w+)?\}", lambda found: given.get(found[1], "nothing"), route.path)


def test_anonymous_routes_are_those_listed() -> None:
    anonymous = [f"{route.method} {route.path}" for route in ROUTES if isinstance(route.rule, Anonymous)]
    assert sorted(anonymous) == sorted(ANONYMOUS)


def test_anonymous_routes_give_their_reason() -> None:
    assert all(len(route.rule.because) > 15 for route in ROUTES if isinstance(route.rule, Anonymous))


def test_no_address_is_declared_twice() -> None:
    declared = [(route.method, re.sub(r"\{[^}]+\}", "{}", route.path)) for route in ROUTES]
    assert sorted(declared) == sorted(set(declared))


@pytest.mark.parametrize("route", TOKEN_ROUTES)
def test_no_token_no_entry(shared_world: World, http: httpx.Client, route: Route) -> None:
    methods = [route.method, "HEAD"] if route.method == "GET" else [route.method]
    for method in methods:
        answer = http.request(method, address(shared_world, route))
        assert answer.status_code == 401, answer.text
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize("route", WITHIN)
def test_stranger_sees_no_workspace(shared_world: World, http: httpx.Client, route: Route) -> None:
    answer = http.request(route.method, address(shared_world, route), headers=shared_world.charlie.headers, json={})
    assert answer.status_code == 404, answer.text


@pytest.mark.parametrize("route", WORKSPACE_ROUTES)
def test_stranger_does_nothing_to_a_workspace(shared_world: World, http: httpx.Client, route: Route) -> None:
    """Routes that enter no workspace by rule (it may not be there yet): the domain must refuse."""
    path = address(shared_world, route) + "?api-version=2020-04-01"
    body = {"location": "local", "properties": {}}
    answer = http.request(route.method, path, headers=shared_world.charlie.headers, json=body)
    assert answer.status_code in (403, 404), answer.text


def test_stranger_sees_no_group_of_others(shared_world: World, http: httpx.Client) -> None:
    path = f"/subscriptions/{shared_world.subscription_id}/resourceGroups?api-version=2019-11-01"
    found = http.get(path, headers=shared_world.charlie.headers).raise_for_status().json()
    assert [group["name"] for group in found["value"]] == [ELSEWHERE]


@pytest.mark.parametrize("route", named(SIGNED_URLS))
def test_address_without_its_signature_opens_nothing(shared_world: World, http: httpx.Client, route: Route) -> None:
    for headers in ({}, shared_world.alice.headers):
        assert http.request(route.method, address(shared_world, route), headers=headers).status_code in (401, 403)


@pytest.mark.parametrize("route", named(ROUTES))
def test_route_says_what_it_does(route: Route) -> None:
    assert re.fullmatch(r"[A-Z0-9].{5,130}\.", route.summary), f"{route.endpoint.__module__}: {route.summary!r}"


@pytest.fixture(scope="module")
def document(http: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = http.get("/openapi.json").raise_for_status().json()
    return found


def test_description_is_openapi_3_1(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    faults = jsonschema_rs.validator_for(OPENAPI_31).iter_errors(document)
    assert [f"{fault.instance_path}: {fault.message}" for fault in faults] == []


def test_description_covers_our_own_routes(document: dict[str, Any]) -> None:
    described = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    ours = [route for route in ROUTES if route.path.startswith(V1)]
    assert described == {f"{route.method} {template(route)}" for route in ours}


def test_description_holds_together(document: dict[str, Any]) -> None:
    operations = [each for item in document["paths"].values() for each in item.values()]
    ids = [each["operationId"] for each in operations]
    assert sorted(ids) == sorted(set(ids))
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(references(document)) <= schemas


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from references(each)


def test_the_description_names_the_query_parameters(document: dict[str, Any]) -> None:
    """From the declaration that requests are held against, so none is missing."""
    described = {
        (method.upper(), path): {each["name"] for each in operation["parameters"] if each["in"] == "query"}
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }
    assert described["POST", "/freehold/v1/imports"] == {"new_ids", "dry_run"}
    assert described["GET", "/freehold/v1/operations"] == {"kind", "before", "limit"}
    assert described["GET", "/freehold/v1/exports/{operation}/bag"] == {"format"}
    assert described["GET", "/freehold/v1/holds"] == set()
