"""All containers of a bag are of one moment, whatever is made, erased or killed meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceName
from freehold.domain.access.bootstrap import RESOURCE_GROUP
from freehold.domain.access.kinds import Kind
from freehold.domain.workspaces.service import Wanted, put_workspace
from freehold.kit.faults import VARIABLE
from freehold.kit.problems import Conflict
from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.export_task import write_bag
from freehold.lifecycle.spool import Spool
from freehold.lifecycle.tree import standing_tree
from freehold.records.containers import Workspace
from tests.conftest import House
from tests.lifecycle.export.content import LocalBench, add_experiment, add_file, add_run, job_of
from tests.lifecycle.export.test_resuming import FINISHED, MANIFEST, dies, finish
from tests.lifecycle.export.test_resuming import start as start_job
from tests.sent_bags import as_sent
from tests.world import World, make_world

ACCOUNT, TEAM, PROJECTS = ("tree",), ("tree", "team"), (("tree", "team", "one"), ("tree", "team", "two"))


def put(house: House, names: tuple[str, ...]) -> Any:
    kinds = (Kind.EXPERIMENTATION_ACCOUNT, Kind.EXPERIMENTATION_WORKSPACE, Kind.PROJECT)
    name = WorkspaceName(house.workspace.subscription_id, RESOURCE_GROUP, names, kinds[len(names) - 1])
    view, _ = house.database.write_now(lambda db: put_workspace(db, house.alice, name, Wanted()))
    return view.ref


def build(house: House) -> House:
    """The house, at home in the account of a tree with two projects, each with a run and files."""
    account, _ = put(house, ACCOUNT), put(house, TEAM)
    for names in PROJECTS:
        project = House(**vars(house) | {"workspace": put(house, names)})
        run_id = add_run(project, add_experiment(project, "same"), "same", run_id="client-chosen")
        for path in ("a", "A", "b/c"):
            add_file(project, run_id, path, path.encode() * 50 + names[-1].encode())
    return House(**vars(house) | {"workspace": account})


def tree_job(house: House, operation_id: str) -> dict[str, Any]:
    workspace_id = house.workspace.workspace_id
    tree = house.database.read_now(lambda db: standing_tree(db, workspace_id))
    job = job_of(house, operation_id, root_row=workspace_id)
    return job | {"tree": msgspec.to_builtins(tree)}


def test_two_projects_with_the_same_ids_leave_as_two(house: House) -> None:
    account = build(house)
    statement = write_bag(LocalBench(account), tree_job(account, "op"))
    assert (statement["containers"], statement["rows"]["runs"], statement["points"]) == (4, 2, 120)
    bag = as_sent(Spool(house.settings.data_folder, "op").bag)
    assert verify_bag(bag).faults == []
    assert len(list(bag.rglob("b/c"))) == 2


@pytest.mark.parametrize("change", ["made", "erased"])
def test_a_tree_that_changed_before_the_snapshot_is_not_exported(house: House, change: str) -> None:
    account = build(house)
    job = tree_job(account, "op")
    if change == "made":
        put(house, (*TEAM, "three"))
    else:
        hide = sa.update(Workspace.table).where(Workspace.c.name == "two").values(hidden_at=1)
        house.database.write_now(lambda db: db.execute(hide).rowcount)
    with pytest.raises(Conflict) as told:
        write_bag(LocalBench(account), job)
    assert told.value.code == "ExportTreeChanged"


def test_what_is_being_erased_below_does_not_leave(house: House) -> None:
    account = build(house)
    hide = sa.update(Workspace.table).where(Workspace.c.name == "two").values(hidden_at=1)
    house.database.write_now(lambda db: db.execute(hide).rowcount)
    assert write_bag(LocalBench(account), tree_job(account, "op"))["containers"] == 3


def test_killed_anywhere_a_tree_is_the_same_bag(sqlite_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker is killed behind each entry of its journal, and begun again."""
    account = build(sqlite_house)
    monkeypatch.setattr("tests.lifecycle.export.test_resuming.job_of", tree_job)
    finish(start_job(account, "whole"))
    spool, kills = Spool(account.settings.data_folder, "killed"), 0
    monkeypatch.setenv(VARIABLE, FINISHED)
    while dies(start_job(account, "killed")):
        kills += 1
        assert len(list(spool.entries())) >= kills, "a try repeated what an earlier one had finished"
        assert kills < 30
    monkeypatch.delenv(VARIABLE)
    finish(start_job(account, "killed"))
    assert kills >= 8  # the snapshot, points of four containers, files of two, contents
    whole = Spool(account.settings.data_folder, "whole")
    assert (spool.bag / MANIFEST).read_bytes() == (whole.bag / MANIFEST).read_bytes()


def test_who_may_not_export_something_below_exports_nothing(tmp_path: Path) -> None:
    """Roles reach down three levels, as deep as ARM's trees are; what stands deeper is asked for by itself."""
    world = make_world(tmp_path / "data")
    group = world.workspace.split("/providers/")[0]
    account = f"{group}/providers/Microsoft.MachineLearningExperimentation/accounts/deep"
    world.start()
    try:
        paths = (account, f"{account}/workspaces/team", f"{account}/workspaces/team/projects/one")
        for path in paths:
            body = {"location": "local", "properties": {}}
            answer = world.request("PUT", f"{path}?api-version=2017-05-01-preview", world.alice, json=body)
            assert answer.status_code == 201, answer.text
        world.stop()
        _give_bob(world, "deep")
        _bury(world)
        world.start()
        for more in ({}, {"dry_run": True}):
            answer = world.post(f"/freehold/v1{account}/exports", {"scope": "workspace"} | more, world.bob)
            assert (answer.status_code, answer.json()["code"]) == (403, "TreeNotAllowed"), answer.text
            assert "buried" not in answer.text
        answer = world.post(f"/freehold/v1{account}/exports", {"scope": "workspace", "alone": True}, world.bob)
        assert answer.status_code == 202, answer.text
    finally:
        world.kill()


def _give_bob(world: World, name: str) -> None:
    """Contributor of the account, so of all that ARM lets stand below it."""
    person = "SELECT row_id FROM persons WHERE object_id = ?"
    account = "SELECT workspace_id FROM workspaces WHERE name = ?"
    with closing(sqlite3.connect(world.folder / "freehold.db")) as database, database:
        database.execute("DELETE FROM role_assignments WHERE person_row = (" + person + ")", (world.bob.object_id,))
        database.execute(
            "INSERT INTO role_assignments (person_row, role, scope_workspace, created_at) "
            f"VALUES (({person}), 'Contributor', ({account}), 0)",
            (world.bob.object_id, name),
        )


def _bury(world: World) -> None:
    """A container below a project, where no role on the account reaches."""
    with closing(sqlite3.connect(world.folder / "freehold.db")) as database, database:
        database.row_factory = sqlite3.Row
        row = dict(database.execute("SELECT * FROM workspaces WHERE name = 'one'").fetchone())
        row |= {"parent_workspace": row["workspace_id"], "workspace_id": 99, "name": "buried"}
        row |= {"public_id": "00000000-0000-7000-8000-000000000099"}
        row |= {name: f"{row[name]}/buried/buried" for name in ("arm_path", "arm_path_folded")}
        names = ", ".join(row)
        database.execute(f"INSERT INTO workspaces ({names}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
