import base64
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from freehold.domain.access.authority import AUDIENCES
from tests.identity.conftest import World

GRANTED = 200


def claims_of(world: World, answer: httpx.Response) -> dict[str, Any]:
    """Verified with nothing but the published keys."""
    with world.client() as client:
        keys = KeySet.import_key_set(client.get(f"/{world.owner.tenant_id}/discovery/v2.0/keys").json())
    return jwt.decode(answer.json()["access_token"], keys, algorithms=["RS256"]).claims


def test_v2_token_has_azures_claims(world: World) -> None:
    answer = world.ask_for_token()
    assert answer.status_code == GRANTED
    body = answer.json()
    assert body.keys() == {"token_type", "expires_in", "ext_expires_in", "access_token"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"
    claims = claims_of(world, answer)
    owner = world.owner
    assert claims["exp"] == claims["nbf"] + 3600 == claims["iat"] + 3600
    assert len(claims.pop("uti")) == 22
    for time in ("exp", "nbf", "iat"):
        del claims[time]
    assert claims == {
        "aud": "https://management.azure.com/",
        "iss": f"{world.https}/{owner.tenant_id}/v2.0",
        "azp": owner.client_id,
        "azpacr": "1",
        "idtyp": "app",
        "oid": owner.object_id,
        "sub": owner.object_id,
        "tid": owner.tenant_id,
        "ver": "2.0",
    }


def test_v1_token_has_azures_claims(world: World) -> None:
    answer = world.ask_for_token("/oauth2/token", scope=None, resource="https://management.core.windows.net/")
    body = answer.json()
    assert (body["expires_in"], body["resource"]) == ("3600", "https://management.core.windows.net/")
    assert int(body["expires_on"]) == int(body["not_before"]) + 3600
    claims = claims_of(world, answer)
    assert (claims["ver"], claims["appid"], claims["appidacr"]) == ("1.0", world.owner.client_id, "1")
    assert claims["iss"] == f"{world.https}/{world.owner.tenant_id}/"
    assert "azp" not in claims


@pytest.mark.parametrize("audience", sorted(AUDIENCES))
def test_token_for_every_audience_is_accepted(world: World, audience: str) -> None:
    for path, asked in (
        ("/oauth2/v2.0/token", {"scope": f"{audience}/.default"}),
        ("/oauth2/token", {"resource": audience, "scope": None}),
    ):
        token = world.ask_for_token(path, **asked).json()["access_token"]
        assert world.get(token).status_code == GRANTED


def test_two_tokens_differ(world: World) -> None:
    first, second = (world.ask_for_token().json()["access_token"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("tenant", ["adfs", "dstsv2/{tenant}", "common", "organizations", "{TENANT}"])
def test_every_name_of_the_tenant_gives_tokens(world: World, tenant: str) -> None:
    own = world.owner.tenant_id
    path = tenant.replace("{tenant}", own).replace("{TENANT}", own.upper())
    form = {
        "grant_type": "client_credentials",
        "client_id": world.owner.client_id,
        "client_secret": world.owner.client_secret,
        "scope": "https://management.azure.com/.default",
    }
    with world.client() as client:
        token = client.post(f"/{path}/oauth2/v2.0/token", data=form).json()["access_token"]
    assert world.get(token).status_code == GRANTED


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"client_secret": "x" * 10_000}, 401, "invalid_client"),
        ({"client_id": "01990000-0000-7000-8000-000000000000"}, 401, "invalid_client"),
        ({"client_id": "a\0b"}, 401, "invalid_client"),
        ({"client_id": "' OR 1=1 --"}, 401, "invalid_client"),
        ({"client_id": None}, 400, "invalid_request"),
        ({"client_secret": None}, 400, "invalid_request"),
        ({"grant_type": None}, 400, "unsupported_grant_type"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"scope": None}, 400, "invalid_request"),
        ({"scope": "https://graph.microsoft.com/.default"}, 400, "invalid_scope"),
        ({"scope": "https://management.azure.com/user_impersonation"}, 400, "invalid_scope"),
        ({"scope": None, "resource": "https://graph.windows.net/"}, 400, "invalid_resource"),
    ],
)
def test_bad_request_gets_an_oauth_error(world: World, changes: dict[str, str | None], status: int, error: str) -> None:
    answer = world.ask_for_token(**changes)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.json()["error_description"]
    assert answer.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in answer.headers) == (status == 401)


def test_unknown_client_and_wrong_secret_look_alike(world: World) -> None:
    answers = [
        world.ask_for_token(client_secret="wrong").json(),
        world.ask_for_token(client_id="01990000-0000-7000-8000-000000000000").json(),
    ]
    assert answers[0]["error_description"] == answers[1]["error_description"]


def test_unknown_tenant_is_refused(world: World) -> None:
    with world.client() as client:
        for path in ("oauth2/v2.0/token", "oauth2/token"):
            answer = client.post(f"/01990000-0000-7000-8000-000000000000/{path}", data={"a": "b"})
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_tenant")


def test_basic_header_signs_in(world: World) -> None:
    pair = f"{quote(world.owner.client_id)}:{quote(world.owner.client_secret, safe='')}"
    header = {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    form = {"grant_type": "client_credentials", "scope": "https://management.azure.com/.default"}
    path = f"/{world.owner.tenant_id}/oauth2/v2.0/token"
    with world.client() as client:
        assert client.post(path, data=form, headers=header).status_code == GRANTED
        both = client.post(path, data={**form, "client_secret": "x"}, headers=header)
        broken = client.post(path, data=form, headers={"Authorization": "Basic ?"})
        bearer = client.post(path, data=form, headers={"Authorization": "Bearer x.y.z"})
    assert (both.status_code, both.json()["error"]) == (400, "invalid_request")
    assert [broken.status_code, bearer.status_code] == [401, 401]
    assert broken.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "body",
    [b"grant_type=client_credentials&grant_type=client_credentials", b"\xff\xfe", b"&".join([b"a=1"] * 60)],
)
def test_form_with_doubt_is_refused(world: World, body: bytes) -> None:
    with world.client() as client:
        answer = client.post(f"/{world.owner.tenant_id}/oauth2/v2.0/token", content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_endless_form_is_refused(world: World) -> None:
    with world.client() as client:
        answer = client.post(f"/{world.owner.tenant_id}/oauth2/v2.0/token", content=b"a=" + b"x" * 20_000)
    assert (answer.status_code, answer.json()["error"]) == (413, "invalid_request")


def test_plain_http_on_loopback_is_accepted(world: World) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": world.owner.client_id,
        "client_secret": world.owner.client_secret,
        "scope": "api://freehold/.default",
    }
    answer = httpx.post(f"{world.http}/{world.owner.tenant_id}/oauth2/v2.0/token", data=form)
    assert answer.status_code == GRANTED
    token = answer.json()["access_token"]
    assert httpx.get(f"{world.http}/metrics", headers={"Authorization": f"Bearer {token}"}).status_code == GRANTED
