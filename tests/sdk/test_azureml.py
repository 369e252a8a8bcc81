"""The unmodified Azure ML SDK v1, with azureml-mlflow and azureml-dataprep, against a real server over TLS."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.running import run_script
from tests.world import World, make_world

SCRIPT = Path(__file__).parent / "team_script.py"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server of its own: the lists hold what this script made and nothing else."""
    made = make_world(tmp_path_factory.mktemp("sdk") / "data").start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def found(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script saw. It is run once: importing the SDK takes seconds."""
    return run_script(SCRIPT, world, tmp_path_factory.mktemp("sdk"))


def test_a_workspace_that_is_not_there_is_the_clients_own_exception(found: dict[str, Any]) -> None:
    assert found["missing workspace"] is True


def test_a_run_is_logged_and_read_back(found: dict[str, Any]) -> None:
    assert found["status"] == "Completed"
    assert found["metrics"] == {"loss": [0.5, 0.25, 0.125], "accuracy": 0.75, "sizes": [1, 2, 3]}
    assert found["tags"] == {"stage": "one"}
    assert found["properties"]["seed"] == "7"
    assert found["runs"] == [found["run"]]


def test_files_come_back_as_they_were(found: dict[str, Any]) -> None:
    assert found["files"] == ["outputs/weights.bin"]
    assert found["same bytes"] is True


def test_models_are_registered_downloaded_and_deleted(found: dict[str, Any]) -> None:
    assert found["model of run"] == ["of-run", 1, found["run"]]
    assert found["models"] == [["sdk-model", 1, {"a": "b"}], ["sdk-model", 2, {"a": "b"}]]
    assert found["model's bytes"] is True
    assert found["models left"] == [2]


def test_datastores_are_registered_and_unregistered(found: dict[str, Any]) -> None:
    assert "lake" in found["datastores"]
    assert found["account"] == "lake"
    assert "lake" not in found["datastores left"]


def test_datasets_are_registered_versioned_and_unregistered(found: dict[str, Any]) -> None:
    assert found["datasets"]["pixels"] == 2
    assert found["dataset"] == "of digits"
    assert "pixels" not in found["datasets left"]


def test_mlflow_logs_through_the_plugin(found: dict[str, Any]) -> None:
    assert found["plugin's run"] == {"loss": 0.5}
    assert found["plugin's files"] == ["weights.bin"]


def test_the_lists_of_what_else_there_is_are_understood(found: dict[str, Any]) -> None:
    assert {"pipelines", "drafts", "computes", "images and services"} <= found.keys()
