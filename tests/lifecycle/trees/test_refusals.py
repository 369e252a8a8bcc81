"""What a bag of a tree is not for yet is refused, with the way on, and leaves nothing."""

from pathlib import Path

import pytest

from freehold.kit.problems import Invalid
from freehold.lifecycle.increments.index import write_index
from tests.lifecycle.imports.content import ended
from tests.lifecycle.trees.tree_world import TreeWorld, unpacked


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


def test_an_erasure_that_a_hold_above_forbids_names_where_it_stands(made: TreeWorld) -> None:
    world, above = made.world, f"/freehold/v1{made.account}/holds"
    placed = world.post(above, {"scope": "workspace", "reason": "case 7"}, world.alice).json()["id"]
    refused = world.post(f"/freehold/v1{made.empty}/erasures", {"scope": "workspace"}, world.alice)
    assert (refused.status_code, refused.json()["code"]) == (409, "UnderLegalHold")
    assert f"DELETE {above}/{placed}." in refused.json()["detail"]
    assert world.request("DELETE", f"{above}/{placed}", world.alice).status_code == 200
