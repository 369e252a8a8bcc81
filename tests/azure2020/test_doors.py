"""Every route of these façades: without a token 401, for somebody from elsewhere 404, each in its own envelope."""

import re
from typing import Any

import httpx
import pytest

from freehold.api.azure2020.nouns import FACADES
from freehold.api.routing import Anonymous, Route, SignedIn, Within
from tests.world import World

ROUTES = [route for facade in FACADES for route in facade.routes]
CLOSED = [route for route in ROUTES if not isinstance(route.rule, Anonymous)]
OPEN_TO_ALL = {"/discovery", "/discovery/workspaces/{id}"}


def name_of(route: Route) -> str:
    return f"{route.method} {route.path.rpartition('{workspace}')[2] or route.path}"


def address(route: Route, world: World) -> str:
    values = {"subscription": world.subscription_id, "group": "freehold", "workspace": "default", "path": "a/b"}
    return re.sub(r"\{(\w+)(?::path)?\}", lambda found: values.get(found[1], "thing"), route.path)


def body_of(route: Route) -> dict[str, Any]:
    return {} if route.method in {"GET", "HEAD", "DELETE"} else {"json": {}}


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """ARM and the run history wrap their errors, the pipeline service spells them otherwise, the others do neither."""
    document = answer.json()
    found = document.get("error") or document.get("Error") or document
    return {key.lower(): value for key, value in found.items()}


def test_only_the_known_routes_are_anonymous() -> None:
    assert {route.path for route in ROUTES if isinstance(route.rule, Anonymous)} == OPEN_TO_ALL


@pytest.mark.parametrize("route", CLOSED, ids=name_of)
def test_a_stranger_is_asked_to_sign_in(shared_world: World, client: httpx.Client, route: Route) -> None:
    answer = client.request(route.method, address(route, shared_world), **body_of(route))
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    if route.method != "HEAD":
        assert error_of(answer)["message"]


@pytest.mark.parametrize("route", [r for r in CLOSED if isinstance(r.rule, Within)], ids=name_of)
def test_charlie_finds_nothing_in_the_workspace(shared_world: World, client: httpx.Client, route: Route) -> None:
    where = f"{address(route, shared_world)}?api-version=2019-11-01&path=a"
    answer = client.request(route.method, where, headers=shared_world.charlie.headers, **body_of(route))
    assert answer.status_code == 404
    assert "may not see it" in error_of(answer)["message"]
    assert isinstance(error_of(answer)["details"], list)


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_charlie_finds_no_group_to_work_in(shared_world: World, method: str) -> None:
    where = f"{shared_world.workspace}?api-version=2020-01-01"
    answer = shared_world.request(method, where, shared_world.charlie, **({"json": {}} if method == "PUT" else {}))
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "ResourceGroupNotFound"


def test_charlie_sees_his_own_lists_only(shared_world: World) -> None:
    signed_in = [route for route in CLOSED if isinstance(route.rule, SignedIn) and route.method == "GET"]
    assert len(signed_in) >= 8
    for route in signed_in:
        where = f"{address(route, shared_world)}?api-version=2020-01-01"
        answer = shared_world.get(where, shared_world.charlie)
        assert answer.status_code in {200, 404}, route.path
        assert shared_world.workspace not in answer.text, route.path
