"""A container leaves with all that stand below it: one snapshot, one bag, one certificate."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bagit
import duckdb
import httpx
import pyarrow.parquet as pq
import pytest

from freehold.lifecycle.bag.certificate import CertificateState
from freehold.lifecycle.bag.verify import verify_bag
from tests.commands import freehold
from tests.lifecycle.export.test_operation import keys_of
from tests.lifecycle.imports.bags import Files, files_of, rows_of
from tests.lifecycle.imports.content import EXPORTS, ended
from tests.lifecycle.trees.tree_world import SAME_RUN, TreeWorld, arm, content_of, database_of, unpacked
from tests.unit.bag.crate_oracle import faults_of
from tests.world import make_world


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TreeWorld]:
    world = make_world(tmp_path_factory.mktemp("tree") / "data", **database_of(request)).start()
    try:
        with httpx.Client(base_url=world.url, timeout=60) as client:
            yield TreeWorld(world, client)
    finally:
        world.stop()


@pytest.fixture(scope="module")
def folder(bag: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpacked(bag, tmp_path_factory.mktemp("unpacked"))


def test_a_tree_is_for_those_who_may_export_it(made: TreeWorld) -> None:
    body = {"scope": "workspace"}
    for more in ({}, {"dry_run": True}):
        assert made.world.post(f"/freehold/v1{made.account}/exports", body | more).status_code == 401
        answer = made.world.post(f"/freehold/v1{made.account}/exports", body | more, made.world.charlie)
        assert answer.status_code == 404


def test_each_container_is_what_it_is_alone(made: TreeWorld, bag: Path, tmp_path: Path) -> None:
    """The same bytes, in a folder of its own; and only these containers."""
    whole = files_of(bag)
    containers = rows_of(whole, "containers")
    assert [each["arm_path"] for each in containers] == [arm(path) for path in made.containers]
    for each, path in zip(containers, made.containers, strict=True):
        answer = made.world.post(f"/freehold/v1{path}/exports", {"scope": "workspace", "alone": True}, made.world.alice)
        operation = ended(made.world, answer.json()["id"])
        alone = made.world.get(f"{EXPORTS}/{operation['id']}/bag", made.world.alice).content
        assert content_of(whole, each["container_id"]) == content_of(files_of(alone)), path
        assert json.loads(files_of(alone)["data/coverage.json"])["format_version"] == 1
    below = {path.split("/")[2] for path in whole if path.startswith("data/containers/")}
    assert below == {each["folder"].rpartition("/")[2] for each in containers}


def test_the_containers_tell_which_stands_in_which(made: TreeWorld, bag: Path) -> None:
    containers = rows_of(files_of(bag), "containers")
    by_id = {each["container_id"]: each for each in containers}
    assert containers[0]["parent_id"] is None
    for each in containers[1:]:
        assert each["arm_path"].startswith(by_id[each["parent_id"]]["arm_path"] + "/")
    kinds = {arm(made.account): "experimentation_account", arm(made.letters): "project"}
    assert kinds.items() <= {each["arm_path"]: each["kind"] for each in containers}.items()


def test_coverage_accounts_for_every_container(bag: Path, made: TreeWorld) -> None:
    files = files_of(bag)
    coverage = json.loads(files["data/coverage.json"])
    assert (coverage["format_version"], coverage["scope"]) == (2, "workspace")
    for container_id, account in coverage["containers"].items():
        folder = f"data/containers/container_id={container_id}"
        tables = {path.split("/")[4] for path in files if path.startswith(f"{folder}/tables/")}
        assert tables == {*account["tables"], "metric_points"}
        for name, table in account["tables"].items():
            assert table["rows_exported"] == len(rows_of(content(files, folder), name))
    assert "persons" in coverage["withheld"]


def content(files: Files, folder: str) -> Files:
    return {f"data{path.removeprefix(folder)}": each for path, each in files.items() if path.startswith(folder)}


def test_the_certificate_states_the_whole_tree(made: TreeWorld, bag: Path) -> None:
    report = verify_bag(bag, keys=keys_of(made.world))
    assert (report.faults, report.certificate) == ([], CertificateState.VALID)
    files = files_of(bag)
    assert report.claims["containers"] == len(made.containers)
    runs = [path for path in files if "/tables/runs/" in path]
    rows = report.claims["rows"]
    assert isinstance(rows, dict)
    assert rows["runs"] == sum(pq.read_table(_file(files, path)).num_rows for path in runs) == 2
    assert SAME_RUN not in str(report.claims)


def _file(files: Files, path: str) -> Any:
    import io

    return io.BytesIO(files[path])


def test_other_tools_accept_a_tree(folder: Path, tmp_path: Path) -> None:
    bagit.Bag(str(folder)).validate()
    subprocess.run(["sha256sum", "--check", "--quiet", "manifest-sha256.txt"], cwd=folder, check=True)
    for profile in ("ro-crate-1.2", "process-run-crate-0.5"):
        assert faults_of(folder / "data", tmp_path, profile=profile) == []


def test_duckdb_reads_all_containers_at_once(made: TreeWorld, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "data")
    connection = duckdb.connect()
    connection.execute(Path("open.sql").read_text())
    query = """SELECT c.name, r.run_id, count(p.value) FROM containers c JOIN runs r USING (container_id)
        JOIN metric_points p USING (container_id, run_id) GROUP BY ALL ORDER BY ALL"""
    number = made.tree.number
    assert connection.execute(query).fetchall() == [
        (f"digits{number}", SAME_RUN, 1),
        (f"letters{number}", SAME_RUN, 30),
    ]
    assert connection.execute("SELECT count(*) FROM workspaces").fetchone() == (len(made.containers),)


def test_the_pages_lead_to_every_container(made: TreeWorld, folder: Path) -> None:
    page, readme = (folder / "data/index.html").read_text(), (folder / "data/README.md").read_text()
    for line in pq.read_table(folder / "data/tables/containers").to_pylist():
        assert f'href="{line["folder"]}/"' in page
        assert line["folder"] in readme
        assert (folder / "data" / line["folder"]).is_dir()


def test_the_plan_counts_what_leaves(made: TreeWorld) -> None:
    place = f"/freehold/v1{made.account}/exports"
    planned = made.world.post(place, {"scope": "workspace", "dry_run": True}, made.world.alice).json()
    assert planned["containers"] == [arm(path) for path in made.containers]
    began = made.world.post(place, {"scope": "workspace"}, made.world.alice).json()
    counts = ended(made.world, began["id"])["result"]["counts"]
    assert {each["record"]: each["rows"] for each in planned["records"]}.items() <= counts.items()
    assert planned["metric_points"] == counts["metric_points"] == 31
    alone = made.world.post(place, {"scope": "workspace", "dry_run": True, "alone": True}, made.world.alice).json()
    assert alone["containers"] == [arm(made.account)]
    assert alone["metric_points"] == 0


def test_the_command_line_takes_a_tree_out(made: TreeWorld, tmp_path: Path) -> None:
    account = ("--workspace", made.account)
    assert "6 containers" in freehold(made.world, "plan", "export", "workspace", *account)
    freehold(made.world, "export", "workspace", "--to", str(tmp_path / "tree"), *account)
    assert len(list((tmp_path / "tree/data/containers").iterdir())) == len(made.containers)
    freehold(made.world, "export", "workspace", "--alone", "--to", str(tmp_path / "alone"), *account)
    assert not (tmp_path / "alone/data/containers").exists()
    freehold(made.world, "export", "run", SAME_RUN, "--alone", "--to", str(tmp_path / "no"), expect=2)
    freehold(made.world, "plan", "erase", "workspace", "--alone", *account, expect=2)


@pytest.mark.parametrize("what", ["run", "project"])
def test_what_goes_inside_takes_the_bag_of_the_tree(made: TreeWorld, what: str) -> None:
    """In any of its containers; the rows of the others go with it."""
    world, gone = made.world, f"{made.team}/projects/gone{what}"
    assert made.tree.arm("PUT", gone, {"location": "local", "properties": {}}).status_code == 201
    made.tree.ok("PATCH", f"/history/v1.0{gone}/runs/soon", {"status": "Completed"})
    began = world.post(f"/freehold/v1{made.account}/exports", {"scope": "workspace"}, world.alice).json()["id"]
    assert ended(world, began)["state"] == "Succeeded"
    root = {"scope": "run", "id": "soon"} if what == "run" else {"scope": "workspace"}
    plan = world.post(f"/freehold/v1{gone}/erasures", root | {"dry_run": True}, world.alice).json()
    assert began in [copy["operation_id"] for copy in plan["copies"]]
    erased = world.post(f"/freehold/v1{gone}/erasures", root, world.alice)
    assert erased.status_code == 202, erased.text
    assert world.get(f"{EXPORTS}/{began}/bag", world.alice).status_code == 404
    assert ended(world, erased.json()["id"])["state"] == "Succeeded"
    assert not (world.folder / "exports" / began).exists()
    plan = world.post(f"/freehold/v1{made.account}/erasures", {"scope": "workspace", "dry_run": True}, world.alice)
    assert began not in [copy["operation_id"] for copy in plan.json()["copies"]]
    if what == "run":
        answer = world.post(f"/freehold/v1{gone}/erasures", {"scope": "workspace"}, world.alice)
        assert ended(world, answer.json()["id"])["state"] == "Succeeded"
