"""Microsoft's own clients, unmodified, against the built-in issuer over HTTPS with the private CA."""

import gc
from collections.abc import Iterator

import msal
import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential

from tests.identity.conftest import World

ARM = "https://management.azure.com/.default"


@pytest.fixture
def trusted(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """As a user does it: the CA by environment."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(world.ca))
    yield world
    gc.collect()  # a refused credential's answer holds its connection until it is collected


def credential(world: World, tenant: str, secret: str | None = None, **options: object) -> ClientSecretCredential:
    return ClientSecretCredential(
        tenant, world.owner.client_id, secret or world.owner.client_secret, authority=world.https, **options
    )


@pytest.mark.parametrize("scope", [ARM, "https://management.core.windows.net//.default"])
def test_azure_identity_signs_in_as_adfs(trusted: World, scope: str) -> None:
    with credential(trusted, "adfs") as signed_in:
        token = signed_in.get_token(scope)
    assert trusted.get(token.token).status_code == 200


def test_azure_identity_signs_in_by_tenant_id(trusted: World) -> None:
    with credential(trusted, trusted.owner.tenant_id, disable_instance_discovery=True) as signed_in:
        token = signed_in.get_token(ARM)
    assert trusted.get(token.token).status_code == 200


def test_azure_identity_is_told_of_a_wrong_secret(trusted: World) -> None:
    with (
        credential(trusted, "adfs", "wrong secret") as signed_in,
        pytest.raises(ClientAuthenticationError, match="no client with this id and secret"),
    ):
        signed_in.get_token(ARM)


def test_msal_signs_in_as_dsts(trusted: World) -> None:
    with requests.Session() as session:
        app = msal.ConfidentialClientApplication(
            trusted.owner.client_id,
            client_credential=trusted.owner.client_secret,
            authority=f"{trusted.https}/dstsv2/{trusted.owner.tenant_id}",
            http_client=session,
        )
        answer = app.acquire_token_for_client([ARM])
        assert trusted.get(answer["access_token"]).status_code == 200
        assert app.acquire_token_for_client([ARM])["token_source"] == "cache"


def test_requests_without_the_ca_refuses(world: World) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{world.https}/healthz", timeout=5)
