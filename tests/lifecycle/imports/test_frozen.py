"""Bags of every format that was ever written come in, whatever has become of the format since."""

import pytest

from tests.lifecycle.imports.bags import files_of, frozen, rows_of
from tests.lifecycle.imports.content import import_bag, report_of
from tests.world import World

FORMATS = (1,)


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
