import httpx
import pytest

from tests.identity.conftest import World

ANONYMOUS = [
    ("GET", "/common/discovery/instance"),
    ("GET", "/metadata/endpoints"),
    *(
        (method, prefix + path)
        for prefix in ("/{tenant}", "/dstsv2/{tenant}")
        for method, path in (
            ("GET", "/v2.0/.well-known/openid-configuration"),
            ("GET", "/.well-known/openid-configuration"),
            ("GET", "/discovery/v2.0/keys"),
            ("GET", "/discovery/keys"),
            ("POST", "/oauth2/v2.0/token"),
            ("POST", "/oauth2/token"),
        )
    ),
]


def test_anonymous_routes_are_these() -> None:
    from freehold.api.identity import identity
    from freehold.api.routing import Anonymous

    assert all(isinstance(route.rule, Anonymous) for route in identity.routes)
    assert sorted((route.method, route.path) for route in identity.routes) == sorted(ANONYMOUS)


@pytest.mark.parametrize("path", ["{tenant}/v2.0", "{tenant}", "adfs", "dstsv2/{tenant}", "common/v2.0"])
def test_configuration_points_back_here(world: World, path: str) -> None:
    path = path.replace("{tenant}", world.owner.tenant_id)
    with world.client() as client:
        document = client.get(f"/{path}/.well-known/openid-configuration").json()
        keys = client.get(document["jwks_uri"]).json()["keys"]
    assert keys[0]["kid"] == world.services.keys.tokens.signing_key().kid
    assert {document[name].startswith(f"{world.https}/") for name in ("issuer", "token_endpoint")} == {True}
    form = {
        "grant_type": "client_credentials",
        "client_id": world.owner.client_id,
        "client_secret": world.owner.client_secret,
    }
    if document["token_endpoint"].endswith("/oauth2/v2.0/token"):
        form["scope"] = "https://management.azure.com/.default"
    else:
        form["resource"] = "https://management.azure.com/"
    with world.client() as client:
        token = client.post(document["token_endpoint"], data=form).json()["access_token"]
    assert world.get(token).status_code == 200


def test_issuer_of_document_is_that_of_tokens(world: World) -> None:
    from joserfc import jwt

    for host in ("127.0.0.1", "localhost"):
        base = world.https.replace("127.0.0.1", host)
        with world.client() as client:
            client.base_url = httpx.URL(base)
            document = client.get(f"/{world.owner.tenant_id}/v2.0/.well-known/openid-configuration").json()
            form = {
                "grant_type": "client_credentials",
                "client_id": world.owner.client_id,
                "client_secret": world.owner.client_secret,
                "scope": "api://freehold/.default",
            }
            token = client.post(document["token_endpoint"], data=form).json()["access_token"]
        claims = jwt.decode(token, world.services.keys.tokens.signing_key(), algorithms=["RS256"]).claims
        assert claims["iss"] == document["issuer"] == f"{base}/{world.owner.tenant_id}/v2.0"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8443", "localhost@evil.example", "local host", "["])
def test_forged_host_names_nothing(world: World, host: str) -> None:
    with world.client() as client:
        for path in (f"/{world.owner.tenant_id}/v2.0/.well-known/openid-configuration", "/metadata/endpoints"):
            answer = client.get(path, headers={"Host": host})
            assert "evil" not in answer.text
            assert world.https in answer.text


def test_published_keys_hold_no_private_part(world: World) -> None:
    with world.client() as client:
        (key,) = client.get(f"/{world.owner.tenant_id}/discovery/keys").json()["keys"]
    assert key.keys() == {"kty", "use", "alg", "kid", "x5t", "n", "e"}


@pytest.mark.parametrize("path", ["v2.0/.well-known/openid-configuration", "discovery/keys"])
def test_unknown_tenant_is_refused(world: World, path: str) -> None:
    with world.client() as client:
        answer = client.get(f"/01990000-0000-7000-8000-000000000000/{path}")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_tenant")


def test_instance_discovery_knows_this_server_only(world: World) -> None:
    own = f"{world.https}/{world.owner.tenant_id}/oauth2/v2.0/authorize"
    with world.client() as client:
        found = client.get("/common/discovery/instance", params={"authorization_endpoint": own, "api-version": "1.0"})
        assert client.get(found.json()["tenant_discovery_endpoint"]).status_code == 200
        for other in ("https://evil.example/x/oauth2/v2.0/authorize", "", "https://["):
            answer = client.get("/common/discovery/instance", params={"authorization_endpoint": other})
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_instance")


def test_cloud_metadata_has_what_the_sdk_reads(world: World) -> None:
    with world.client() as client:
        (cloud,) = client.get("/metadata/endpoints", params={"api-version": "2019-05-01"}).json()
    assert cloud["name"] == "AzureCloud"
    assert cloud["authentication"]["audiences"][0] == "https://management.core.windows.net/"
    assert cloud["authentication"]["loginEndpoint"] == cloud["resourceManager"] == world.https
    assert cloud["suffixes"]["storage"]
    assert cloud["graphAudience"]
