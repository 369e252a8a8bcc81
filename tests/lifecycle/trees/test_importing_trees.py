"""A tree comes in as one: whole or not at all, and the next bag of it is the same, byte for byte."""

import json
from pathlib import Path
from typing import Any

import pytest

from freehold.operations.faults import VARIABLE
from tests.lifecycle.imports.bags import Files, files_of, manifest_of, rows_of
from tests.lifecycle.imports.content import IMPORTS, begin_import, ended, export_bag, import_bag, report_of
from tests.lifecycle.imports.test_hostile import left_in
from tests.lifecycle.imports.test_importing import mapped, rows_as_text
from tests.lifecycle.imports.test_kills import objects_of, wait_for_death
from tests.lifecycle.imports.test_kills import rows_of as rows_in
from tests.lifecycle.trees.tree_world import SAME_RUN, TreeWorld, arm
from tests.world import Person, World

VERSION = "api-version=2017-05-01-preview"


def make_container(world: World, path: str) -> str:
    answer = world.request("PUT", f"{path}?{VERSION}", world.alice, json={"location": "local", "properties": {}})
    assert answer.status_code == 201, answer.text
    return path


def in_world(world: World, path: str) -> str:
    """The same place on another server."""
    return f"/subscriptions/{world.subscription_id}/resourceGroups/freehold/{arm(path)}"


def standing(world: World, path: str, person: Person | None = None) -> int:
    return world.get(f"{path}?{VERSION}", person or world.alice).status_code


def test_a_tree_is_brought_in_by_who_owns_it(made: TreeWorld, bag: Path) -> None:
    place = f"/freehold/v1{made.account}/imports"
    for person, status in ((None, 401), (made.world.charlie, 404)):
        assert made.world.request("POST", place, person, content=bag.read_bytes()).status_code == status


def test_the_same_identity_gives_the_same_manifest(made: TreeWorld, empty: World, bag: Path, tmp_path: Path) -> None:
    account = make_container(empty, in_world(empty, made.account))
    operation = import_bag(empty, bag, at=account)
    assert operation["state"] == "Succeeded", (operation, report_of(empty, operation))
    counts = operation["result"]["counts"]
    assert (counts["containers"], counts["took_identity"]) == (len(made.containers), 1)
    assert counts["metric_points"] == 31
    before, again = files_of(bag), files_of(export_bag(empty, tmp_path / "again.tar", at=account))
    differing = {path for path, digest in manifest_of(before).items() if manifest_of(again).get(path) != digest}
    assert differing == set()
    assert again["manifest-sha256.txt"] == before["manifest-sha256.txt"]
    runs = empty.get(f"/history/v1.0{in_world(empty, made.letters)}/runs", empty.alice).json()["value"]
    assert [each["runId"] for each in runs] == [SAME_RUN]
    assert standing(empty, in_world(empty, made.letters), empty.charlie) == 404


def test_under_new_ids_it_is_equal_by_the_mapping(made: TreeWorld, bag: Path, tmp_path: Path) -> None:
    """Beside itself, on one server."""
    account = make_container(made.world, f"{made.account}-copy")
    operation = import_bag(made.world, bag, at=account, new_ids="true")
    assert operation["state"] == "Succeeded", (operation, report_of(made.world, operation))
    mapping = made.world.get(f"{IMPORTS}/{operation['id']}/mapping", made.world.alice).json()
    before, after = files_of(bag), files_of(export_bag(made.world, tmp_path / "after.tar", at=account))
    ids = {each["container_id"]: each["arm_path"] for each in rows_of(before, "containers")}
    for each in rows_of(after, "containers"):
        old = next(old for old in ids if mapping[old] == each["container_id"])
        assert each["arm_path"] == ids[old].replace(arm(made.account), arm(account))
        one, other = container_of(before, old), container_of(after, each["container_id"])
        assert tables_of(one) == tables_of(other)
        for name in tables_of(one) - {"workspaces"}:
            assert sorted(mapped(rows_as_text(one, name), mapping)) == sorted(rows_as_text(other, name)), name
        assert sorted(mapped(artifacts_of(one), mapping)) == sorted(artifacts_of(other))
    assert len(rows_of(after, "containers")) == len(ids)


def container_of(files: Files, container_id: str) -> Files:
    folder = f"data/containers/container_id={container_id}/"
    return {f"data/{path.removeprefix(folder)}": each for path, each in files.items() if path.startswith(folder)}


def tables_of(files: Files) -> set[str]:
    return {path.split("/")[2] for path in files if path.startswith("data/tables/")}


def artifacts_of(files: Files) -> list[str]:
    return [path for path in files if path.startswith("data/artifacts/")]


def test_conflicts_of_every_container_are_listed_first(made: TreeWorld, bag: Path) -> None:
    account = make_container(made.world, f"{made.account}-taken")
    dry = import_bag(made.world, bag, at=account, dry_run="true")
    assert dry["state"] == "Succeeded", dry
    assert report_of(made.world, dry)["containers"] == [arm(path) for path in made.containers]
    refused = import_bag(made.world, bag, at=account)
    assert (refused["state"], refused["error"]["code"]) == ("Failed", "ImportConflicts"), refused
    for operation in (dry, refused):
        taken = report_of(made.world, operation)["taken"]
        ids = {each["what"].get("public_id") for each in taken if each["record"] == "workspaces"}
        assert ids == {each["container_id"] for each in rows_of(files_of(bag), "containers")[1:]}
        assert "stored_objects" in {each["record"] for each in taken}
    below = made.world.get(f"{account}/workspaces?{VERSION}", made.world.alice).json()["value"]
    assert below == []


def test_a_place_that_is_taken_is_a_conflict(made: TreeWorld, bag: Path) -> None:
    account = make_container(made.world, f"{made.account}-half")
    make_container(made.world, f"{account}/workspaces/IDLE")
    refused = import_bag(made.world, bag, at=account, new_ids="true")
    assert refused["error"]["code"] == "ImportConflicts", refused
    taken = [each["what"] for each in report_of(made.world, refused)["taken"]]
    assert taken == [{"arm_path": f"{arm(account)}/workspaces/idle"}]


def test_the_root_goes_into_a_container_of_its_kind(made: TreeWorld, bag: Path) -> None:
    refused = import_bag(made.world, bag)
    assert (refused["state"], refused["error"]["code"]) == ("Failed", "BagOfAnotherKind"), refused
    told = report_of(made.world, refused)["refused"]["message"]
    assert "experimentation account" in told
    assert "--workspace" in told


def test_what_was_erased_in_one_container_stays_away(made: TreeWorld, empty: World, bag: Path) -> None:
    """Under new ids and in another account, too."""
    account = make_container(empty, in_world(empty, made.account))
    assert import_bag(empty, bag, at=account)["state"] == "Succeeded"
    place = f"/freehold/v1{in_world(empty, made.letters)}"
    erased = empty.post(f"{place}/erasures", {"scope": "run", "id": SAME_RUN}, empty.alice)
    assert ended(empty, erased.json()["id"])["state"] == "Succeeded"
    other = make_container(empty, f"{account}-other")
    refused = import_bag(empty, bag, at=other, new_ids="true")
    assert refused["error"]["code"] == "ImportErasedIds", refused
    erased_runs = [each for each in report_of(empty, refused)["erased"] if each["record"] == "run"]
    assert erased_runs == [{"record": "run", "id": SAME_RUN}]


def test_an_erasure_in_a_container_that_came_takes_the_files_of_the_import(made: TreeWorld, bag: Path) -> None:
    account = make_container(made.world, f"{made.account}-short")
    operation = import_bag(made.world, bag, at=account, new_ids="true")
    folder = made.world.folder / "imports" / operation["id"]
    assert (folder / "mapping.json").exists()
    project = made.letters.replace(made.account, account)
    assert (
        ended(
            made.world,
            made.world.post(f"/freehold/v1{project}/erasures", {"scope": "workspace"}, made.world.alice).json()["id"],
        )["state"]
        == "Succeeded"
    )
    assert not folder.exists()
    assert made.world.get(f"{IMPORTS}/{operation['id']}/report", made.world.alice).status_code == 404


@pytest.mark.parametrize("moment", ["before", "inside"])
def test_killed_while_it_is_written_it_ends_whole(
    made: TreeWorld, world: World, bag: Path, tmp_path: Path, moment: str
) -> None:
    """No container of it stands before all of them do."""
    account = make_container(world, in_world(world, made.account))
    world.stop()
    before = rows_in(world, "workspaces")
    world.start(**{VARIABLE: f"import:rows:{moment}"})
    began = begin_import(world, bag, at=account)
    wait_for_death(world)
    assert (rows_in(world, "workspaces"), rows_in(world, "runs")) == (before, 0)
    world.start()
    operation = ended(world, began)
    assert operation["state"] == "Succeeded", operation
    again = files_of(export_bag(world, tmp_path / "again.tar", at=account))
    assert again["manifest-sha256.txt"] == files_of(bag)["manifest-sha256.txt"]
    folder = world.folder / "imports" / began
    assert [path.name for path in folder.rglob("*")] == ["report.json"]


def test_refused_it_leaves_no_objects(made: TreeWorld, world: World, bag: Path) -> None:
    account = make_container(world, in_world(world, made.account))
    make_container(world, f"{account}/workspaces/idle")
    world.stop()
    before = rows_in(world, "workspaces")
    world.start()
    refused = import_bag(world, bag, at=account)
    assert refused["error"]["code"] == "ImportConflicts", refused
    assert left_in(world.folder / "imports" / refused["id"]) == ["report.json"]
    world.stop()
    assert objects_of(world) == []
    assert (rows_in(world, "workspaces"), rows_in(world, "object_ledger")) == (before, 0)


def test_the_command_line_brings_a_tree_in(made: TreeWorld, world: World, bag: Path) -> None:
    from tests.commands import freehold

    account = make_container(world, in_world(world, made.account))
    told: Any = json.loads(freehold(world, "import", str(bag), "--workspace", account, "--json"))
    assert told["operation"]["result"]["counts"]["containers"] == len(made.containers)
