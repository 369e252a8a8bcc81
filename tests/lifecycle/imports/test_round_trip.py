"""Out of one server and into another: the next bag is the same, byte for byte."""

from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.imports.bags import files_of, manifest_of
from tests.lifecycle.imports.content import build_everything, export_bag, import_bag, report_of
from tests.world import World, make_world


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = make_world(tmp_path_factory.mktemp("source") / "data").start()
    build_everything(made)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def bag(source: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bag(source, tmp_path_factory.mktemp("bag") / "bag.tar")


def test_the_same_identity_gives_the_same_manifest(world: World, bag: Path, tmp_path: Path) -> None:
    operation = import_bag(world, bag)
    assert operation["state"] == "Succeeded", (operation, report_of(world, operation))
    assert operation["result"]["counts"]["took_identity"] == 1
    again = files_of(export_bag(world, tmp_path / "again.tar"))
    before = files_of(bag)
    differing = {path for path, digest in manifest_of(before).items() if manifest_of(again).get(path) != digest}
    assert differing == set()
    assert again["manifest-sha256.txt"] == before["manifest-sha256.txt"]
