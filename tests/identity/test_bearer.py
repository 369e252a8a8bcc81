import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from joserfc.jwk import RSAKey

from freehold.domain.access.actor import Actor
from freehold.domain.access.directory import service as directory
from tests.identity.conftest import World

GRANTED = 200


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def refused(answer: httpx.Response, code: str) -> None:
    assert answer.status_code == 401
    assert answer.json()["code"] == code
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_anonymous_is_refused(world: World) -> None:
    refused(world.get(None), "AuthenticationFailed")


def test_good_token_is_accepted(world: World) -> None:
    assert world.get(world.sign(world.claims())).status_code == GRANTED


@pytest.mark.parametrize("header", ["", "Bearer", "Basic YTpi", "Token x", "x.y.z"])
def test_other_header_is_refused(world: World, header: str) -> None:
    with world.client() as client:
        refused(client.get("/metrics", headers={"Authorization": header}), "AuthenticationFailed")


@pytest.mark.parametrize("token", ["x", "a.b", "a.b.c", "..", "a.b.c.d.e", "{}.{}.{}", "e30.e30.e30", "A" * 20_000])
def test_garbage_is_refused(world: World, token: str) -> None:
    refused(world.get(token), "InvalidAuthenticationToken")


def test_unsigned_token_is_refused(world: World) -> None:
    claims = json.dumps(world.claims()).encode()
    for algorithm in ("none", "None", "NONE", ""):
        head = json.dumps({"alg": algorithm, "kid": world.services.keys.tokens.signing_key().kid}).encode()
        refused(world.get(f"{b64url(head)}.{b64url(claims)}."), "InvalidAuthenticationToken")


def test_public_key_as_hmac_secret_is_refused(world: World) -> None:
    """The confusion of algorithms: the public key is known, so a server that took HS256 would let all in."""
    key = world.services.keys.tokens.signing_key()
    for secret in (key.as_pem(private=False), key.as_der(private=False)):
        head = b64url(json.dumps({"alg": "HS256", "kid": key.kid}).encode())
        signed = f"{head}.{b64url(json.dumps(world.claims()).encode())}"
        signature = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        refused(world.get(f"{signed}.{b64url(signature)}"), "InvalidAuthenticationToken")


def test_other_key_under_our_kid_is_refused(world: World) -> None:
    stranger = RSAKey.generate_key(2048)
    kid = world.services.keys.tokens.signing_key().kid
    refused(world.get(world.sign(world.claims(), stranger, kid=kid)), "InvalidAuthenticationToken")


def test_key_in_header_is_not_believed(world: World) -> None:
    stranger = RSAKey.generate_key(2048, auto_kid=True)
    token = world.sign(world.claims(), stranger, jwk=stranger.as_dict(private=False))
    refused(world.get(token), "InvalidAuthenticationToken")


@pytest.mark.parametrize("part", [1, 2])
def test_changed_token_is_refused(world: World, part: int) -> None:
    parts = world.sign(world.claims()).split(".")
    parts[part] = parts[part][:10] + ("A" if parts[part][10] != "A" else "B") + parts[part][11:]
    refused(world.get(".".join(parts)), "InvalidAuthenticationToken")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "https://graph.microsoft.com/"}, "InvalidAuthenticationTokenAudience"),
        ({"aud": "https://management.azure.com.evil.example/"}, "InvalidAuthenticationTokenAudience"),
        ({"aud": ["https://management.azure.com/"]}, "InvalidAuthenticationToken"),
        ({"aud": None}, "InvalidAuthenticationToken"),
        ({"tid": "01990000-0000-7000-8000-000000000000"}, "InvalidAuthenticationTokenTenant"),
        ({"tid": None}, "InvalidAuthenticationToken"),
        ({"iss": "https://evil.example/x/v2.0"}, "InvalidAuthenticationTokenIssuer"),
        ({"iss": "https://localhost/"}, "InvalidAuthenticationTokenIssuer"),
        ({"iss": None}, "InvalidAuthenticationToken"),
        ({"exp": None}, "InvalidAuthenticationToken"),
        ({"exp": "9999999999"}, "InvalidAuthenticationToken"),
        ({"exp": True}, "InvalidAuthenticationToken"),
        ({"exp": 1e300}, "InvalidAuthenticationToken"),
        ({"nbf": None}, "InvalidAuthenticationToken"),
        ({"oid": None}, "InvalidAuthenticationToken"),
        ({"oid": "01990000-0000-7000-8000-000000000000"}, "InvalidAuthenticationToken"),
        ({"exp": 1_500_000_000}, "ExpiredAuthenticationToken"),
        ({"nbf": 4_000_000_000, "exp": 4_000_003_600}, "InvalidAuthenticationToken"),
    ],
)
def test_wrong_claim_is_refused(world: World, changes: dict[str, Any], code: str) -> None:
    refused(world.get(world.sign(world.claims(**changes))), code)


def test_token_ends_after_an_hour(world: World) -> None:
    token = world.ask_for_token().json()["access_token"]
    world.clock.shift_seconds = 3600
    assert world.get(token).status_code == GRANTED  # clocks may differ by half a minute
    world.clock.shift_seconds = 3631
    refused(world.get(token), "ExpiredAuthenticationToken")


def test_early_token_is_accepted_within_leeway(world: World) -> None:
    token = world.ask_for_token().json()["access_token"]
    world.clock.shift_seconds = -20
    assert world.get(token).status_code == GRANTED
    world.clock.shift_seconds = -60
    world.tokens.forget_person()
    refused(world.get(token), "InvalidAuthenticationToken")


def test_tokens_survive_a_restart_on_another_port(make_world: Callable[[], World]) -> None:
    world = make_world()
    token = world.ask_for_token().json()["access_token"]
    again = make_world()
    assert again.https != world.https
    assert again.owner == world.owner
    assert again.get(token).status_code == GRANTED


def test_tokens_survive_a_key_rotation(world: World) -> None:
    token = world.ask_for_token().json()["access_token"]
    world.services.keys.tokens.rotate()
    world.tokens.forget_person()
    assert world.get(token).status_code == GRANTED
    assert world.get(world.ask_for_token().json()["access_token"]).status_code == GRANTED


def add_app(world: World, object_id: str | None = None) -> Actor:
    return world.services.database.write_now(
        lambda db: directory.add_person(db, kind="app", display_name="Bob", object_id=object_id)
    )


def erase(world: World, actor: Actor) -> None:
    from freehold.records.people import Person

    delete = Person.table.delete().where(Person.c.row_id == actor.person_row)
    world.services.database.write_now(lambda db: db.execute(delete))


def test_tokens_of_an_erased_person_die_at_once(world: World) -> None:
    bob = add_app(world)
    token = world.tokens.issuer.issue(bob, client_id="bob").token
    assert world.get(token).status_code == GRANTED
    erase(world, bob)
    world.tokens.forget_person()
    refused(world.get(token), "InvalidAuthenticationToken")


def test_erasure_by_another_server_is_seen_soon(world: World) -> None:
    bob = add_app(world)
    token = world.tokens.issuer.issue(bob, client_id="bob").token
    assert world.get(token).status_code == GRANTED
    erase(world, bob)
    world.clock.shift_seconds = 6
    refused(world.get(token), "InvalidAuthenticationToken")


def test_old_token_does_not_pass_to_a_new_person(world: World) -> None:
    """A later sign-in with the same object id is a new person."""
    bob = add_app(world)
    token = world.tokens.issuer.issue(bob, client_id="bob").token
    erase(world, bob)
    world.clock.shift_seconds = 2
    newcomer = add_app(world, object_id=bob.object_id)
    refused(world.get(token), "InvalidAuthenticationToken")
    assert world.get(world.tokens.issuer.issue(newcomer, client_id="bob").token).status_code == GRANTED


def test_known_token_needs_no_database(world: World) -> None:
    token = world.ask_for_token().json()["access_token"]
    header = f"Bearer {token}"
    assert world.tokens.known(header) is None
    assert world.get(token).status_code == GRANTED
    assert world.tokens.known(header) == world.actor()
    world.clock.shift_seconds = 6
    assert world.tokens.known(header) is None


def test_tokens_are_not_kept_in_memory(world: World) -> None:
    token = world.ask_for_token().json()["access_token"]
    world.get(token)
    assert world.tokens._known
    assert not [key for key in world.tokens._known if token.encode() in key]
    assert {len(key) for key in world.tokens._known} == {32}
