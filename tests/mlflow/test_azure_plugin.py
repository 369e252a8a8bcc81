"""Azure ML's plugin for MLflow reads workspace and run out of the artifact address (azureml-mlflow 1.62)."""

import pytest

from tests.world import World


@pytest.fixture(scope="module")
def made(shared_world: World) -> tuple[World, str, str]:
    """The world, the MLflow address below a workspace, and a run's id."""
    base = f"/mlflow/v2.0{shared_world.workspace}/api/2.0/mlflow"
    run = shared_world.post(f"{base}/runs/create", {"experiment_id": "0"}, shared_world.alice).json()
    return shared_world, base, run["run"]["info"]["run_id"]


def artifact_uri(world: World, base: str, run_id: str, agent: str) -> str:
    answer = world.get(f"{base}/runs/get", world.alice, params={"run_id": run_id}, headers={"User-Agent": agent})
    uri: str = answer.json()["run"]["info"]["artifact_uri"]
    return uri


def test_the_plugin_is_given_an_address_of_its_own_form(made: tuple[World, str, str]) -> None:
    world, base, run_id = made
    uri = artifact_uri(world, base, run_id, "azureml-mlflow/1.62.0 python-requests")
    assert uri.startswith("azureml://127.0.0.1:")
    assert f"/mlflow/v2.0{world.workspace}/experiments/" in uri
    assert uri.endswith(f"/runs/{run_id}/artifacts")


def test_the_plain_client_is_given_the_store_of_the_server(made: tuple[World, str, str]) -> None:
    world, base, run_id = made
    assert artifact_uri(world, base, run_id, "mlflow-python-client/3.17.2").startswith("mlflow-artifacts:/")


def test_the_storage_suffix_reaches_this_server_without_a_name_server(shared_world: World) -> None:
    clouds = shared_world.get("/metadata/endpoints?api-version=2019-05-01").json()
    assert clouds[0]["suffixes"]["storage"].startswith("sas@")
