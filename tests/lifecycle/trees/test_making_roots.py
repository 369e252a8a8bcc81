"""A bag comes into an empty server with no step before: the import makes the container that the bag is of."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from freehold.operations.faults import VARIABLE
from tests.azure2018.conftest import ACCOUNTS
from tests.commands import freehold
from tests.lifecycle.imports.bags import files_of
from tests.lifecycle.imports.content import IMPORTS, OPERATIONS, ended, export_bag, report_of
from tests.lifecycle.imports.test_hostile import left_in
from tests.lifecycle.imports.test_kills import objects_of, wait_for_death
from tests.lifecycle.imports.test_kills import rows_of as rows_in
from tests.lifecycle.trees.test_importing_trees import in_world, make_container, standing
from tests.lifecycle.trees.tree_world import TreeWorld
from tests.world import Person, World

VERSION = {"api-version": "2019-11-01"}


def send(world: World, bag: Path | bytes, at: str, person: Person | None, **flags: str) -> Any:
    content = bag if isinstance(bag, bytes) else bag.read_bytes()
    return world.request("POST", f"/freehold/v1{at}/imports/new", person, content=content, params=flags)


def begin(world: World, bag: Path | bytes, at: str, **flags: str) -> str:
    answer = send(world, bag, at, world.alice, **flags)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def drop(world: World, operation_id: str) -> None:
    assert world.request("DELETE", f"{IMPORTS}/{operation_id}/report", world.alice).status_code == 204


def test_nobody_makes_one_unknown_or_from_elsewhere(made: TreeWorld, world: World, bag: Path) -> None:
    """As for a PUT of it: one must see the resource group, and own it."""
    account = in_world(world, made.account)
    for person, status in ((None, 401), (world.charlie, 404), (world.bob, 403)):
        assert send(world, bag, account, person).status_code == status
    assert standing(world, account) == 404
    assert not list((world.folder / "imports").glob("*"))


def test_a_tree_comes_into_an_empty_server(made: TreeWorld, empty: World, bag: Path, tmp_path: Path) -> None:
    account = in_world(empty, made.account)
    operation = ended(empty, begin(empty, bag, account))
    assert operation["state"] == "Succeeded", (operation, report_of(empty, operation))
    counts = operation["result"]["counts"]
    assert (counts["containers"], counts["took_identity"]) == (len(made.containers), 1)
    again = files_of(export_bag(empty, tmp_path / "again.tar", at=account))
    assert again["manifest-sha256.txt"] == files_of(bag)["manifest-sha256.txt"]
    assert standing(empty, account, empty.charlie) == 404
    drop(empty, operation["id"])
    assert standing(empty, account) == 200


def test_one_container_comes_below_another(made: TreeWorld, world: World, tmp_path: Path) -> None:
    """Under new ids, beside what stands there; one that has none above it is told so."""
    project = export_bag(made.world, tmp_path / "project.tar", at=made.letters)
    account = in_world(world, made.account)
    lost = send(world, project, f"{account}/workspaces/team/projects/letters", world.alice)
    assert (lost.status_code, lost.json()["code"]) == (404, "ParentResourceNotFound")
    make_container(world, account)
    make_container(world, f"{account}/workspaces/other")
    place = f"{account}/workspaces/other/projects/copy"
    operation = ended(world, begin(world, project, place, new_ids="true"))
    assert operation["state"] == "Succeeded", operation
    assert len(world.get(f"/history/v1.0{place}/runs", world.alice).json()["value"]) == 1


def test_refused_nothing_of_it_stays_but_the_report(made: TreeWorld, empty: World, bag: Path) -> None:
    """And with the report the container goes, which held nothing else."""
    place = in_world(empty, made.account).replace("Experimentation/", "ModelManagement/")
    refused = ended(empty, begin(empty, bag, place))
    assert refused["error"]["code"] == "BagOfAnotherKind", refused
    assert "/imports/new" in report_of(empty, refused)["refused"]["message"]
    assert left_in(empty.folder / "imports" / refused["id"]) == ["report.json"]
    again = ended(empty, begin(empty, bag, place))
    drop(empty, refused["id"])
    assert empty.get(f"{place}?{ACCOUNTS}", empty.alice).status_code == 200  # the second one's report is still here
    drop(empty, again["id"])
    assert empty.get(f"{place}?{ACCOUNTS}", empty.alice).status_code == 404
    empty.stop()
    if (empty.folder / "freehold.db").exists():
        assert [rows_in(empty, name) for name in ("kept_bags", "object_ledger")] == [0, 0]


def test_one_that_came_to_be_used_stays(made: TreeWorld, world: World) -> None:
    place = in_world(world, made.account)
    refused = ended(world, begin(world, b"no bag at all", place))
    make_container(world, f"{place}/workspaces/used")
    drop(world, refused["id"])
    assert standing(world, place) == 200


def test_cancelled_it_leaves_no_container(made: TreeWorld, world: World, bag: Path) -> None:
    place = in_world(world, made.account)
    world.stop()
    world.start(**{VARIABLE: "import:conflicts:before"})
    began = begin(world, bag, place)
    wait_for_death(world)
    world.start(**{VARIABLE: "import:rows:before"})
    answer = world.post(f"{OPERATIONS}/{began}/cancel", None, world.alice)
    assert answer.json()["state"] == "Canceled", answer.text
    deadline = time.monotonic() + 30
    while standing(world, place) != 404 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert standing(world, place) == 404
    world.stop()
    assert objects_of(world) == []
    assert (rows_in(world, "kept_bags"), rows_in(world, "object_ledger")) == (0, 0)


@pytest.mark.parametrize("moment", ["before", "inside"])
def test_killed_it_ends_whole(made: TreeWorld, world: World, bag: Path, tmp_path: Path, moment: str) -> None:
    account = in_world(world, made.account)
    world.stop()
    world.start(**{VARIABLE: f"import:rows:{moment}"})
    began = begin(world, bag, account)
    wait_for_death(world)
    assert rows_in(world, "runs") == 0
    world.start()
    assert ended(world, began)["state"] == "Succeeded"
    again = files_of(export_bag(world, tmp_path / "again.tar", at=account))
    assert again["manifest-sha256.txt"] == files_of(bag)["manifest-sha256.txt"]


def test_the_command_line_needs_no_step_before(made: TreeWorld, world: World, bag: Path, tmp_path: Path) -> None:
    group = in_world(world, made.account).partition("/providers/")[0]
    asked = freehold(world, "import", str(bag), "--make", expect=2)
    assert f"--below PATH\n  {group}\n" in asked  # of the two that she sees
    told: Any = json.loads(freehold(world, "import", str(bag), "--make", "--below", group, "--json"))
    assert told["operation"]["result"]["counts"]["took_identity"] == 1
    assert standing(world, in_world(world, made.account)) == 200
    team = export_bag(world, tmp_path / "team.tar", at=in_world(world, made.team))
    wrong = freehold(world, "import", str(team), "--make", "--below", in_world(world, made.digits), expect=2)
    assert "--below name the experimentation account" in wrong
    other = make_container(world, f"{in_world(world, made.account)}-other")
    freehold(world, "import", str(team), "--make", "--below", other, "--new-ids")
    assert standing(world, f"{other}/workspaces/{made.team.rpartition('/')[2]}") == 200
    assert objects_of(world)


SETTINGS = {"location": "westeurope", "tags": {"team": "digits"}}
FRIENDLY = {"friendlyName": "The whole", "description": "What the team did."}


@pytest.mark.parametrize("flags", [{"new_ids": "true"}, {}])
def test_what_an_import_makes_has_the_settings_of_the_bag(
    world: World, empty: World, tmp_path: Path, flags: dict[str, str]
) -> None:
    """Also under a name or ids of its own: nobody else has said what it is like."""
    source, wanted = f"{world.workspace}-source", SETTINGS | {"properties": FRIENDLY}
    assert world.request("PUT", source, world.alice, json=wanted, params=VERSION).status_code < 300
    bag = export_bag(world, tmp_path / "bag.tar", at=source)
    copy = f"{empty.workspace}-copy"
    assert ended(empty, begin(empty, bag, copy, **flags))["state"] == "Succeeded"
    before, after = (read(*each) for each in ((world, source), (empty, copy)))
    assert facts(after) == facts(before)
    assert facts(after)["friendlyName"] == "The whole"
    assert after["properties"]["workspaceId"] != before["properties"]["workspaceId"]


def read(world: World, at: str) -> Any:
    return world.get(at, world.alice, params=VERSION).json()


def facts(found: Any) -> dict[str, Any]:
    of_its_own = ("friendlyName", "description", "creationTime")
    return {name: found[name] for name in SETTINGS} | {name: found["properties"][name] for name in of_its_own}
