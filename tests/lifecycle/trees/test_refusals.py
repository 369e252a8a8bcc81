"""What a bag of a tree is not for yet is refused, with the way on, and leaves nothing."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from freehold.kit.problems import Invalid
from freehold.lifecycle.increments.index import write_index
from tests.lifecycle.imports.content import ended, export_bag, import_bag, report_of
from tests.lifecycle.trees.tree_world import TreeWorld, unpacked
from tests.world import make_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TreeWorld]:
    world = make_world(tmp_path_factory.mktemp("tree") / "data").start()
    try:
        with httpx.Client(base_url=world.url, timeout=60) as client:
            yield TreeWorld(world, client)
    finally:
        world.stop()


@pytest.fixture(scope="module")
def bag(made: TreeWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bag(made.world, tmp_path_factory.mktemp("bag") / "bag.tar", at=made.account)


def test_a_bag_of_a_tree_is_not_imported(made: TreeWorld, bag: Path) -> None:
    refused = import_bag(made.world, bag)
    assert (refused["state"], refused["error"]["code"]) == ("Failed", "BagIsTree"), refused
    assert "--alone" in str(report_of(made.world, refused))
    runs = made.world.get(f"/history/v1.0{made.world.workspace}/experiments", made.world.alice).json()
    assert runs["value"] == []


def test_an_increment_is_of_one_container(made: TreeWorld) -> None:
    place = f"/freehold/v1{made.account}"
    alone = {"scope": "workspace", "alone": True}
    base = made.world.post(f"{place}/exports", alone, made.world.alice).json()["id"]
    assert ended(made.world, base)["state"] == "Succeeded"
    whole = made.world.post(f"{place}/exports", {"scope": "workspace", "since": base}, made.world.alice)
    assert (whole.status_code, whole.json()["code"]) == (400, "NoIncrementOfATree"), whole.text
    one = made.world.post(f"{place}/exports", alone | {"since": base}, made.world.alice)
    assert one.status_code == 202, one.text
    assert ended(made.world, one.json()["id"])["state"] == "Succeeded"


def test_a_bag_of_a_tree_is_no_base(bag: Path, tmp_path: Path) -> None:
    with pytest.raises(Invalid) as told:
        write_index(unpacked(bag, tmp_path / "bag"), tmp_path / "index", "0" * 32)
    assert told.value.code == "BaseIsTree"
