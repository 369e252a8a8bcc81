"""Every part of every address gets hostile values: the server never falls over, and never lets one pass as another's.

A seeded sample in every run, all of them in `make test-all`.
"""

import os
import random
import re
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from freehold.api.routing import Route, SignedIn, Within
from freehold.app import facades
from tests.world import World

EXHAUSTIVE = bool(os.environ.get("FREEHOLD_TEST_EXHAUSTIVE"))
HOSTILE = [
    "..",
    "../../../../etc/passwd",
    "..%2f..%2f",
    "a\x00b",
    "'; DROP TABLE runs; --",
    "%' OR '1'='1",
    "x" * 6_000,
    "ﬁ𝖑𝖊\u202ename",
    "DEFAULT",
    "\ud800".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
    "0",
    "-1",
    "9" * 40,
    "null",
    " ",
    "a:b:c:1",
    "a:99999999999999999999",
    "{workspace}",
    "%25%32%65",
]
SAMPLE = 3
ROUTES = [route for facade in facades() for route in facade.routes if isinstance(route.rule, SignedIn | Within)]
_PART = re.compile(r"\{(\w+)(?::\w+)?\}")


def attacks() -> Iterator[tuple[Route, str, str]]:
    """Route, the name of the part, and what is put there."""
    chance = random.Random(7)
    for route in ROUTES:
        for part in _PART.findall(route.path):
            values = HOSTILE if EXHAUSTIVE else chance.sample(HOSTILE, SAMPLE)
            yield from ((route, part, value) for value in values)


@pytest.fixture(scope="module")
def client(shared_world: World) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=shared_world.url, headers=shared_world.alice.headers, timeout=60) as made:
        yield made


def test_no_hostile_part_of_an_address_makes_the_server_fall(shared_world: World, client: httpx.Client) -> None:
    faults = []
    for route, part, value in attacks():
        answer = client.request(route.method, address(shared_world, route, part, value), json={})
        if answer.status_code >= 500 and answer.status_code not in (501, 507):
            faults.append(
                f"{route.method} {route.path} {part}={value[:40]!r}: {answer.status_code} {answer.text[:200]}"
            )
    assert faults == []


def test_what_is_of_another_tenant_is_not_here(shared_world: World, client: httpx.Client) -> None:
    """Bob with the address of Charlie's workspace, at every route that enters one."""
    other = shared_world.elsewhere.split("/")
    seen = []
    for route in ROUTES:
        if isinstance(route.rule, Within) and "{workspace}" in route.path:
            path = _PART.sub(lambda found: _named(other, found[1]), route.path)
            there = f"{path}?api-version=2019-11-01"
            answer = client.request(route.method, there, json={}, headers=shared_world.bob.headers)
            if answer.status_code not in (400, 404):
                seen.append(f"{route.method} {route.path}: {answer.status_code}")
    assert seen == []


def address(world: World, route: Route, part: str, value: str) -> str:
    """In the default workspace, with one part replaced; every other part has a name that is nobody's."""
    place = world.workspace.split("/")
    filled = _PART.sub(lambda found: quote(value, safe="") if found[1] == part else _named(place, found[1]), route.path)
    version = sorted(route.versions)[0] if route.versions else "2019-11-01"
    return f"{filled}?api-version={version}"


def _named(place: list[str], part: str) -> str:
    known = {"subscription": place[2], "group": place[4], "workspace": place[8], "resource": "/".join(place[5:])}
    return known.get(part, "nothing")
