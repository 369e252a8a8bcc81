"""The real MLflow client against a real server."""

from collections.abc import Iterator

import pytest
from mlflow.tracking import MlflowClient

from tests.world import Person, World


@pytest.fixture(scope="session", autouse=True)
def quick_client() -> Iterator[None]:
    """The client gives up at once instead of retrying for minutes, and draws no progress bars."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        yield


@pytest.fixture
def client(shared_world: World, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    """Alice's client of the default workspace."""
    return client_of(shared_world.alice, shared_world.url, monkeypatch)


def client_of(person: Person, address: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", person.token)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    return MlflowClient(tracking_uri=address)
