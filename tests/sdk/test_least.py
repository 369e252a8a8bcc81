"""The unmodified SDK reads what was made over REST with as little said as is accepted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.azure2020.conftest import Azure
from tests.sdk.least import COMPUTES, DATASTORES, SERVICES, UNKNOWN_TO_THE_SDK, make_least
from tests.sdk.running import run_script
from tests.world import World, make_world

SCRIPT = Path(__file__).parent / "least_script.py"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("least") / "data").start()
    yield made
    made.kill()


@pytest.fixture(scope="module")
def found(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the script saw. It is run once: importing the SDK takes seconds."""
    with httpx.Client(base_url=world.url, timeout=60) as client:
        azure = Azure(world, client, world.alice, world.workspace, "least")
        azure.make_experiment()
        make_least(azure)
    return run_script(SCRIPT, world, tmp_path_factory.mktemp("sdk"))


def test_nothing_that_says_little_stops_a_list_or_a_look(found: dict[str, Any]) -> None:
    faults = [f"{what}: {fault}" for what, fault in found["faults"].items() if fault]
    assert not faults, "\n".join(faults)


def test_the_lists_leave_nothing_out(found: dict[str, Any]) -> None:
    seen = found["seen"]
    assert {f"least{each.lower()}" for each in SERVICES} <= set(seen["webservices"])
    assert {f"least{each.lower()}" for each in DATASTORES} <= set(seen["datastores"])
    known = set(COMPUTES) - UNKNOWN_TO_THE_SDK
    assert {f"least-{each}" for each in known} <= set(seen["compute_targets"])
    assert seen["models"] == ["least"]


def test_what_was_not_said_of_a_service_has_azures_defaults(found: dict[str, Any]) -> None:
    seen = found["seen"]
    assert seen["requirements leastaci"] == seen["requirements leastaks"] == [0.1, 0.5]
    assert seen["requirements partly-aci"] == seen["requirements partly-aks"] == [0.1, 2]
    assert seen["scaler"]["max_replicas"] == 3
    assert seen["scaler"]["min_replicas"] == 1
    assert [seen["scale"]["minimum_node_count"], seen["scale"]["maximum_node_count"]] == [0, 4]
