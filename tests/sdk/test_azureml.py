"""The unmodified Azure ML SDK v1, with azureml-mlflow and azureml-dataprep, against a real server over TLS."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold.domain.access.bootstrap import owner_client
from freehold.kit.clock import SystemClock
from freehold.storage.keys import KeyStore
from tests.world import World, make_world

SECONDS = 240
SCRIPT = Path(__file__).parent / "team_script.py"
_SDK = Path(__file__).parents[2] / ".tools" / "sdk"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A server of its own: the SDK fails at lists with services that say nothing of the resources they need."""
    made = make_world(tmp_path_factory.mktemp("sdk") / "data").start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def found(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script saw. It is run once: importing the SDK takes seconds."""
    home = tmp_path_factory.mktemp("sdk")  # the SDK keeps what it discovered in its home
    owner = owner_client(KeyStore(world.settings().key_folder, SystemClock()))
    command = [_python(), SCRIPT, owner.subscription_id, owner.client_id, owner.client_secret]
    ended = subprocess.run(
        command, env=environment(world, home), cwd=home, capture_output=True, text=True, timeout=SECONDS
    )
    assert ended.returncode == 0, f"{ended.stdout[-2_000:]}\n{ended.stderr[-6_000:]}"
    last: dict[str, Any] = json.loads(ended.stdout.strip().rpartition("\n")[2])
    return last


def environment(world: World, home: Path) -> dict[str, str]:
    """All that points the SDK here; of our own environment only the path."""
    authority = str(world.settings().key_folder / "tls" / "ca.pem")
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "ARM_CLOUD_METADATA_URL": f"{world.secure_url}/metadata/endpoints?api-version=2019-05-01",
        "AZUREML_CURRENT_CLOUD": "AzureCloud",
        "SSL_CERT_FILE": authority,
        "REQUESTS_CA_BUNDLE": authority,
        "AZURE_CONFIG_DIR": str(home / "none"),
        "AZUREML_DEFAULT_BACKOFF": "1",
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }


def _python() -> str:
    chosen = os.environ.get("FREEHOLD_TEST_SDK", "")
    if chosen == "none":
        pytest.skip("the Azure ML SDK was not tried: FREEHOLD_TEST_SDK=none")
    python = Path(chosen or _SDK / "bin" / "python")
    if (_SDK / ".missing").exists() and not chosen:
        pytest.skip(f"the Azure ML SDK was not tried: {(_SDK / '.missing').read_text().strip()}")
    assert python.exists(), "The Azure ML SDK is missing: run `make sdk`, or name its python in FREEHOLD_TEST_SDK"
    return str(python)


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
