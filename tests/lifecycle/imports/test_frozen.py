"""Bags of every format that was ever written come in, whatever has become of the format since."""

from typing import Any

import pytest

from tests.lifecycle.imports.bags import Files, files_of, frozen, rows_of
from tests.lifecycle.imports.content import import_bag, report_of
from tests.world import World

FORMATS = (1,)
"""Of one container; format 2 is of a tree, which goes into an account."""


@pytest.mark.parametrize("version", FORMATS)
def test_a_frozen_bag_comes_in_whole(world: World, version: int) -> None:
    operation = import_bag(world, frozen(version))
    assert operation["state"] == "Succeeded", (operation, report_of(world, operation))
    files = files_of(frozen(version))
    counts = operation["result"]["counts"]
    assert counts["metric_points"] == len(rows_of(files, "metric_points")) > 1_000
    assert counts["objects"] == len(rows_of(files, "stored_objects")) > 5
    found = world.get(f"/history/v1.0{world.workspace}/experiments", world.alice).json()["value"]
    assert {"digits", "flow/ø"} <= {each["name"] for each in found}


def test_a_frozen_tree_comes_in_whole(world: World) -> None:
    files = files_of(frozen(2))
    containers = rows_of(files, "containers")
    group = f"/subscriptions/{world.subscription_id}/resourceGroups/freehold"
    account = f"{group}/{containers[0]['arm_path']}"
    version, body = "api-version=2017-05-01-preview", {"location": "local", "properties": {}}
    assert world.request("PUT", f"{account}?{version}", world.alice, json=body).status_code == 201
    operation = import_bag(world, frozen(2), at=account)
    assert operation["state"] == "Succeeded", (operation, report_of(world, operation))
    counts = operation["result"]["counts"]
    objects = [path for path in files if "/tables/stored_objects/" in path]
    assert (counts["containers"], counts["metric_points"], len(objects)) == (6, 31, 6)
    for each in containers:
        if each["kind"] == "project":
            runs = world.get(f"/history/v1.0{group}/{each['arm_path']}/runs", world.alice).json()["value"]
            assert len(runs) == len(rows_in(files, each["folder"], "runs"))


def rows_in(files: Files, folder: str, table: str) -> list[dict[str, Any]]:
    below = f"data/{folder}/"
    return rows_of({f"data/{path.removeprefix(below)}": each for path, each in files.items() if below in path}, table)
