"""Rights that are taken while the server runs: what needs them waits and says so, or answers 503, and goes on then."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lifecycle.erase.site import traces
from tests.lifecycle.imports.content import export_bag, other_workspace
from tests.patience import patient
from tests.system.ending import until_ended, until_waiting
from tests.system.load import STORE
from tests.system.surfaces import make_run
from tests.world import World, make_world

POWERS = "-dac_override,-dac_read_search"
"""By which root reads and writes whatever the rights of a file are."""
WITHOUT_POWERS = ("setpriv", "--bounding-set", POWERS, "--inh-caps", POWERS)
PATIENCE = patient(60)


def can_run(*command: str) -> bool:
    return shutil.which(command[0]) is not None and subprocess.run(command, capture_output=True).returncode == 0


IS_ROOT = os.geteuid() == 0
CAN_MOUNT = IS_ROOT and can_run("unshare", "--mount", "mount", "--bind", "/", "/mnt")
pytestmark = [
    pytest.mark.filterwarnings("ignore:EdDSA is deprecated"),  # joserfc, by RFC 9864; verifiers know this name
    pytest.mark.skipif(IS_ROOT and not can_run(*WITHOUT_POWERS, "true"), reason="root's powers cannot be taken here"),
]


def exhaustive(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.exhaustive)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = make_world(tmp_path / "data")
    if IS_ROOT:
        made.through = WITHOUT_POWERS
    try:
        yield made.start()
    finally:
        made.kill()


@contextlib.contextmanager
def denied(path: Path, mode: int = 0) -> Iterator[None]:
    before = path.stat().st_mode
    path.chmod(mode)
    try:
        yield
    finally:
        path.chmod(before)


def fill(world: World, name: str = "kea") -> str:
    run_id = make_run(world, name)
    assert put(world, run_id, "file").status_code == 200
    return run_id


def put(world: World, run_id: str, name: str) -> Any:
    return world.request("PUT", f"{STORE}/1/{run_id}/artifacts/{name}", world.alice, content=os.urandom(2_000))


def ask(world: World, what: str, body: dict[str, Any]) -> str:
    answer = world.post(f"/freehold/v1/{what}", body, world.alice)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def waits(world: World, operation_id: str, for_what: str) -> None:
    said = until_waiting(world, operation_id, PATIENCE)
    assert (said["state"], said["error"]["code"]) == ("Running", "AccessDenied")
    assert for_what in said["error"]["message"]


def succeeds(world: World, operation_id: str) -> dict[str, Any]:
    ended = until_ended(world, operation_id, PATIENCE)
    assert ended["state"] == "Succeeded", ended
    return ended


def exported(world: World) -> str:
    operation_id = ask(world, "exports", {"scope": "workspace"})
    succeeds(world, operation_id)
    return operation_id


@pytest.mark.parametrize("mode", [0o500, exhaustive(0)])
def test_export_waits_for_the_folder_of_bags(world: World, mode: int) -> None:
    fill(world)
    exported(world)
    with denied(world.folder / "exports", mode):
        operation_id = ask(world, "exports", {"scope": "workspace"})
        waits(world, operation_id, "exports in its data folder")
    succeeds(world, operation_id)


@pytest.mark.parametrize(
    ("place", "mode", "called"),
    [
        ("exports", 0, "exports in its data folder"),
        ("exports", 0o500, "exports in its data folder"),
        ("store/objects", 0, "its objects"),
        ("keys/forgotten.journal", 0o400, "its keys"),
        exhaustive("keys/needles", 0, "its keys"),
        exhaustive("operations.db", 0, "operations.db in its data folder"),
        ("freehold.db", 0, "its database"),
    ],
)
def test_erasure_is_verified_only_once_all_can_be_read_and_written(
    world: World, place: str, mode: int, called: str
) -> None:
    succeeds(world, ask(world, "erasures", {"scope": "run", "id": fill(world, "earlier")}))
    run_id = fill(world)
    exported(world)
    with denied(world.folder / place, mode):
        operation_id = ask(world, "erasures", {"scope": "run", "id": run_id})
        waits(world, operation_id, called)
    assert succeeds(world, operation_id)["result"]["level"] == "verified"
    assert traces(world.folder, [run_id]) == {}


def test_object_of_another_that_cannot_be_read_keeps_an_erasure_waiting(world: World) -> None:
    run_id = fill(world)
    before = files_below(world.folder / "store")
    fill(world, "kaka")
    (other,) = files_below(world.folder / "store") - before
    with denied(other):
        operation_id = ask(world, "erasures", {"scope": "run", "id": run_id})
        waits(world, operation_id, "its objects")
    assert succeeds(world, operation_id)["result"]["level"] == "verified"


def files_below(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("mode", [0o500, 0])
def test_bag_that_cannot_be_removed_is_not_said_to_be_gone(world: World, mode: int) -> None:
    fill(world)
    bag = f"/freehold/v1/exports/{exported(world)}/bag"
    with denied(world.folder / "exports", mode):
        assert refusal(world.request("DELETE", bag, world.alice)) == (503, "AccessDenied")
    assert world.request("DELETE", bag, world.alice).status_code == 204
    assert list((world.folder / "exports").iterdir()) == []


def refusal(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def test_bag_is_refused_for_now_and_not_called_broken_where_it_cannot_be_laid_down(
    world: World, tmp_path: Path
) -> None:
    fill(world)
    bag, into = export_bag(world, tmp_path / "bag.tar").read_bytes(), other_workspace(world, "other")
    imports = f"/freehold/v1{into}/imports?new_ids=true"
    assert world.request("POST", imports, world.alice, content=b"no bag").status_code == 202
    with denied(world.folder / "imports", 0o500):
        answer = world.request("POST", imports, world.alice, content=bag)
        assert refusal(answer) == (503, "AccessDenied")
    answer = world.request("POST", imports, world.alice, content=bag)
    succeeds(world, answer.json()["id"])


def test_import_waits_for_the_folder_of_objects(world: World, tmp_path: Path) -> None:
    fill(world)
    bag, into = export_bag(world, tmp_path / "bag.tar").read_bytes(), other_workspace(world, "other")
    with denied(world.folder / "store" / "objects", 0o500):
        answer = world.request("POST", f"/freehold/v1{into}/imports?new_ids=true", world.alice, content=bag)
        waits(world, answer.json()["id"], "its objects")
    succeeds(world, answer.json()["id"])


def test_server_goes_on_once_its_data_folder_is_given_back(world: World) -> None:
    run_id = fill(world)
    with denied(world.folder):
        answer = put(world, run_id, "denied")
        assert answer.status_code == 503
        assert "its objects" in answer.json()["message"]
    assert put(world, run_id, "given-back").status_code == 200
    exported(world)


@pytest.mark.parametrize("mode", [0o400, 0])
def test_server_that_may_not_open_its_database_says_so_at_its_start(world: World, mode: int) -> None:
    world.stop()
    serve = [*world.through, sys.executable, "-m", "freehold.cli.main", "serve", "--data", str(world.folder)]
    with denied(world.folder / "freehold.db", mode):
        ended = subprocess.run([*serve, "--http-port", "0", "--https-port", "0"], capture_output=True, text=True)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False), ended.stderr
    assert "read or write its database" in ended.stderr
    for path in world.folder.glob("freehold.db-*"):
        path.chmod(0o600)  # SQLite made them with the rights that the database had
    world.start()


@pytest.mark.skipif(not CAN_MOUNT, reason="nothing can be mounted here")
def test_read_only_disk_of_bags_keeps_an_export_and_an_erasure_waiting(world: World) -> None:
    run_id = fill(world)
    kept = exported(world)
    with read_only(world.folder / "exports"):
        export = ask(world, "exports", {"scope": "workspace"})
        waits(world, export, "exports in its data folder")
        erasure = ask(world, "erasures", {"scope": "run", "id": run_id})
        waits(world, erasure, "exports in its data folder")
        assert (world.folder / "exports" / kept).exists()
    assert succeeds(world, erasure)["result"]["level"] == "verified"
    assert traces(world.folder, [run_id]) == {}


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", str(folder), str(folder)], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", str(folder)], check=True)
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
