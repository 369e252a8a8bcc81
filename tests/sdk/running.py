"""Runs a script in the SDK's own environment, pointed at a test's server."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from freehold.domain.access.owner import owner_client
from freehold.kit.clock import SystemClock
from freehold.storage.keys import KeyStore
from tests.world import World

SECONDS = 240
_SDK = Path(__file__).parents[2] / ".tools" / "sdk"


def run_script(script: Path, world: World, home: Path) -> dict[str, Any]:
    """What it printed last, one JSON object. `home`: the SDK keeps there what it discovered."""
    owner = owner_client(KeyStore(world.settings().key_folder, SystemClock()))
    command: list[str | Path] = [_python(), script, owner.subscription_id, owner.client_id, owner.client_secret]
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
