"""Tokens and secrets cross a network in TLS only. The peer's address is the ASGI scope's, as uvicorn fills it."""

import asyncio
from typing import Any

import httpx
import pytest

from freehold.api.entry import Entrance
from freehold.api.health import health
from freehold.api.identity import identity
from tests.identity.conftest import World

LOOPBACK = ["127.0.0.1", "127.8.9.10", "::1"]
ELSEWHERE = ["203.0.113.9", "10.0.0.1", "::ffff:203.0.113.9", "fe80::1", "testclient", ""]


def send(world: World, peer: str, base: str, method: str, path: str, **options: Any) -> httpx.Response:
    entrance = Entrance(world.services, [health, identity])

    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(entrance, client=(peer, 40_000))
        async with httpx.AsyncClient(transport=transport, base_url=base) as client:
            return await client.request(method, path, **options)

    return asyncio.run(call())


def bearer(world: World) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.sign(world.claims())}"}


@pytest.mark.parametrize("peer", LOOPBACK)
def test_token_in_clear_is_accepted_from_here(world: World, peer: str) -> None:
    assert send(world, peer, "http://localhost", "GET", "/metrics", headers=bearer(world)).status_code == 200


@pytest.mark.parametrize("peer", ELSEWHERE)
def test_token_in_clear_is_refused_from_elsewhere(world: World, peer: str) -> None:
    headers = bearer(world) | {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"}
    answer = send(world, peer, "http://localhost", "GET", "/metrics", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "InsecureTransport")


@pytest.mark.parametrize("peer", ELSEWHERE[:4])
def test_token_in_tls_is_accepted_from_elsewhere(world: World, peer: str) -> None:
    assert send(world, peer, "https://localhost", "GET", "/metrics", headers=bearer(world)).status_code == 200


@pytest.mark.parametrize("path", ["oauth2/v2.0/token", "oauth2/token"])
def test_secret_in_clear_is_refused_from_elsewhere(world: World, path: str) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": world.owner.client_id,
        "client_secret": world.owner.client_secret,
        "scope": "api://freehold/.default",
    }
    answer = send(world, "203.0.113.9", "http://localhost", "POST", f"/{world.owner.tenant_id}/{path}", data=form)
    assert answer.status_code == 403
    assert "access_token" not in answer.text


@pytest.mark.parametrize("path", ["/healthz", "/metadata/endpoints"])
def test_anonymous_routes_need_no_tls(world: World, path: str) -> None:
    assert send(world, "203.0.113.9", "http://localhost", "GET", path).status_code == 200
