"""Backup and restore: what is there comes back, what was erased does not."""

import errno
import json
import shutil
import sqlite3
import threading
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from freehold.cli.backups import backup as backup_command
from freehold.cli.backups import restore as restore_command
from freehold.cli.failure import Failure
from freehold.kit.clock import SystemClock
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.storage import backup
from freehold.storage.backup import back_up, check_backup
from freehold.storage.forget_journal import JOURNAL_FILE, append, read
from tests.azure2020.conftest import Azure
from tests.commands import freehold
from tests.patience import patient
from tests.world import World, make_world


def make_run(world: World, experiment_id: str, name: str) -> str:
    run = world.mlflow("POST", "runs/create", {"experiment_id": experiment_id, "run_name": name})
    run_id: str = run["run"]["info"]["run_id"]
    world.mlflow("POST", "runs/log-metric", {"run_id": run_id, "key": "m", "value": 1.5, "timestamp": 1, "step": 0})
    path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment_id}/{run_id}/artifacts/{name}.txt"
    assert world.request("PUT", path, world.alice, content=f"content of {name}".encode()).status_code == 200
    return run_id


def erase(world: World, scope: str, root_id: str) -> None:
    freehold(world, "erase", scope, root_id, "--yes", "--json")


def status_of(world: World, run_id: str) -> int:
    return world.get("/api/2.0/mlflow/runs/get", world.alice, params={"run_id": run_id}).status_code


def bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_a_restored_old_backup_brings_nothing_back_that_was_erased_since(world: World, tmp_path: Path) -> None:
    kept = world.mlflow("POST", "experiments/create", {"name": "kept-experiment"})["experiment_id"]
    doomed = world.mlflow("POST", "experiments/create", {"name": "doomed-experiment"})["experiment_id"]
    stays, goes = make_run(world, kept, "run-that-stays"), make_run(world, kept, "run-that-goes")
    below = make_run(world, doomed, "run-below-doomed")
    freehold(world, "backup", str(tmp_path / "old"))
    erase(world, "run", goes)
    erase(world, "experiment", doomed)
    restored = restored_from(world, tmp_path)

    content = bytes_below(restored.folder)
    for trace in (goes, doomed, below, "run-that-goes", "doomed-experiment", "run-below-doomed"):
        assert trace.encode() not in content, trace
    assert b"run-that-stays" in content
    restored.start()
    try:
        assert [status_of(restored, each) for each in (stays, goes, below)] == [200, 404, 404]
        again = {"experiment_id": kept, "run_id": goes}
        assert restored.post("/api/2.0/mlflow/runs/log-metric", again, restored.alice).status_code in {400, 404}
    finally:
        restored.kill()


def restored_from(world: World, tmp_path: Path) -> World:
    """From the backup `old`, with the newest keys, where two erasures came after it; not started."""
    world.stop()
    restored = World(
        tmp_path / "restored", world.subscription_id, world.alice, world.bob, world.charlie, dict(world.environment)
    )
    restored.environment["FREEHOLD_KEYS"] = str(world.folder / "keys")
    told = json.loads(freehold(restored, "restore", str(tmp_path / "old"), "--json"))
    told.pop("log_closed")  # it is, where a sweep has signed what came after the backup
    assert told == {"erased_again": 2, "failed": []}
    return restored


def test_what_a_service_let_go_of_before_its_erasure_goes_again(world: World, tmp_path: Path) -> None:
    """In the backup it is still needed: the image by one service, the model by another."""
    with httpx.Client(base_url=world.url, timeout=patient(60)) as client:
        azure = Azure(world, client, world.alice, world.workspace, "")
        models = [
            azure.ok(
                "POST", f"{azure.models}/models", {"name": name, "url": "https://h.example.org/m", "mimeType": "x"}
            )
            for name in ("quagga", "kept")
        ]
        for name, model in zip(("quagga-image", "kept-image"), models, strict=True):
            image = {"name": name, "modelIds": [model["id"]], "imageType": "Docker", "imageLocation": "r.example.org/s"}
            azure.ok("POST", f"{azure.models}/images", image, status=202)
        service = {"name": "scoring", "computeType": "ACI", "imageId": "quagga-image:1"}
        azure.ok("POST", f"{azure.models}/services", service, status=202)
        freehold(world, "backup", str(tmp_path / "old"))
        change = [{"op": "replace", "path": "/imageId", "value": "kept-image:1"}]
        azure.ok("PATCH", f"{azure.models}/services/scoring", change)
    erase(world, "image", "quagga-image:1")
    erase(world, "model", "quagga:1")
    restored = restored_from(world, tmp_path)
    assert b"quagga" not in bytes_below(restored.folder)
    restored.start()
    try:
        place = f"/modelmanagement/v1.0{restored.workspace}"
        found = restored.get(f"{place}/services/scoring", restored.alice)
        assert found.status_code == 200, found.text
        assert found.json()["imageId"] is None
        assert [each["id"] for each in restored.get(f"{place}/images", restored.alice).json()["value"]] == [
            "kept-image:1"
        ]
    finally:
        restored.kill()


def test_a_backup_made_under_load_is_whole(world: World, tmp_path: Path) -> None:
    experiment_id = world.mlflow("POST", "experiments/create", {"name": "busy"})["experiment_id"]
    stopping = threading.Event()
    made: list[str] = []

    def work() -> None:
        while not stopping.is_set():
            made.append(make_run(world, experiment_id, f"r{len(made)}"))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        while len(made) < 5:
            pass
        before = len(made)
        mark = back_up(world.settings(), tmp_path / "b", SystemClock())
    finally:
        stopping.set()
        thread.join()
    assert mark.objects >= before
    assert check_backup(tmp_path / "b") == mark


def test_a_backup_leaves_out_all_that_holds_an_object_which_went_meanwhile(world: World, tmp_path: Path) -> None:
    """Its rows are still in the snapshot, an asset's files too."""
    with httpx.Client(base_url=world.url, timeout=60) as client:
        azure = Azure(world, client, world.alice, world.workspace, "digits")
        azure.upload("LocalUpload", "up", model__w=b"weights")
        asked = {"name": "gone", "artifacts": [{"prefix": "LocalUpload/up/model"}]}
        azure.ok("POST", f"{azure.models}/assets", asked)
    settings = world.settings()
    for path in [path for path in (settings.data_folder / "store").rglob("*") if path.is_file()]:
        path.unlink()
    assert back_up(settings, tmp_path / "b", SystemClock()).objects == 0
    with sqlite3.connect(tmp_path / "b" / "freehold.db") as database:
        assert database.execute("PRAGMA foreign_key_check").fetchall() == []
        assert database.execute("SELECT count(*) FROM asset_files").fetchone() == (0,)


def test_a_damaged_backup_is_refused(world: World, tmp_path: Path) -> None:
    experiment_id = world.mlflow("POST", "experiments/create", {"name": "e"})["experiment_id"]
    make_run(world, experiment_id, "r")
    back_up(world.settings(), tmp_path / "b", SystemClock())
    (stored,) = [path for path in (tmp_path / "b" / "store").rglob("*") if path.is_file()]
    stored.write_bytes(b"changed")
    with pytest.raises(Invalid, match="1 objects missing or changed"):
        check_backup(tmp_path / "b")
    (tmp_path / "b" / "freehold.db").write_bytes(b"no database")
    with pytest.raises(Invalid, match="digest"):
        check_backup(tmp_path / "b")
    shutil.rmtree(tmp_path / "b")
    with pytest.raises(NotFound):
        check_backup(tmp_path / "b")


def test_a_restore_never_overwrites_data(world: World, tmp_path: Path) -> None:
    freehold(world, "backup", str(tmp_path / "b"))
    world.stop()
    message = freehold(world, "restore", str(tmp_path / "b"), expect=1)
    assert "holds data already" in message


def test_a_backup_holds_no_key(world: World, tmp_path: Path) -> None:
    freehold(world, "backup", str(tmp_path / "b"))
    secrets = [path for path in (world.folder / "keys").rglob("*") if path.is_file() and path.suffix != ".pem"]
    content = bytes_below(tmp_path / "b")
    assert secrets
    assert not [path.name for path in secrets if len(path.read_bytes()) > 16 and path.read_bytes() in content]


def test_a_backup_target_must_be_new(tmp_path: Path) -> None:
    world = make_world(tmp_path / "data")
    (tmp_path / "there").mkdir()
    with pytest.raises(Conflict):
        back_up(world.settings(), tmp_path / "there", SystemClock())


@pytest.mark.parametrize("place", ["data/backups/monday", "keys/monday", "link/monday"])
def test_a_backup_is_not_put_where_the_server_has_its_own_files(tmp_path: Path, place: str) -> None:
    """An erasure finds there what it has erased, and cannot end."""
    world = make_world(tmp_path / "data", FREEHOLD_KEYS=str(tmp_path / "keys"))
    (tmp_path / "link").symlink_to(tmp_path / "data")
    with pytest.raises(Invalid):
        back_up(world.settings(), tmp_path / place, SystemClock())
    assert not (tmp_path / place).exists()


@pytest.mark.parametrize("fault", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()])
def test_of_a_backup_that_was_not_finished_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    world = make_world(tmp_path / "data")

    def stop(*_: object) -> None:
        raise fault

    with monkeypatch.context() as patch:
        patch.setattr(backup, "_copy_objects", stop)
        with pytest.raises(type(fault)):
            back_up(world.settings(), tmp_path / "b", SystemClock())
    assert not (tmp_path / "b").exists()
    assert back_up(world.settings(), tmp_path / "b", SystemClock()).objects == 0


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "store/object"), "No space left on device"),
        (sqlite3.OperationalError("database or disk is full"), "database or disk is full"),
    ],
)
def test_a_backup_onto_a_full_disk_says_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, said: str
) -> None:
    """The operating system names the file that was read."""
    world, target = make_world(tmp_path / "data"), tmp_path / "b"

    def fill(*_: object) -> None:
        raise fault

    monkeypatch.setattr(backup, "_copy_objects", fill)
    with pytest.raises(Failure) as failure:
        backup_command(target, data=str(world.folder))
    assert str(target) in str(failure.value)
    assert said in str(failure.value)
    assert "store" not in str(failure.value)


def test_a_restore_onto_a_full_disk_says_where_and_goes_on(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment_id = world.mlflow("POST", "experiments/create", {"name": "digits"})["experiment_id"]
    for name in ("first", "second"):
        make_run(world, experiment_id, name)
    freehold(world, "backup", str(tmp_path / "b"))
    world.stop()
    copied: list[str] = []

    def fill(source: Path, _: Path) -> None:
        copied.append(str(source))
        raise OSError(errno.ENOSPC, "No space left on device", str(source))

    keys = str(world.settings().key_folder)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copy2", fill)
        with pytest.raises(Failure) as failure:
            restore_command(tmp_path / "b", data=str(tmp_path / "new"), keys=keys)
    assert (str(tmp_path / "new") in str(failure.value), copied[0] in str(failure.value)) == (True, False)
    assert len(copied) == 1
    restore_command(tmp_path / "b", data=str(tmp_path / "new"), keys=keys)
    assert all(f"content of {name}".encode() in bytes_below(tmp_path / "new") for name in ("first", "second"))


@pytest.mark.parametrize("as_json", [False, True])
def test_an_erasure_that_failed_at_a_restore_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    (tmp_path / "keys").mkdir()
    ended = [SimpleNamespace(operation_id="1", state="Succeeded"), SimpleNamespace(operation_id="2", state="Failed")]
    monkeypatch.setattr("freehold.app.restore", lambda *_: (ended, None))
    with pytest.raises(Failure, match=r"^1 erasure did not end well") as told:
        restore_command(tmp_path, data=str(tmp_path / "new"), keys=str(tmp_path / "keys"), as_json=as_json)
    assert told.value.more["failed"] == ["2"]
    assert ("erased again: 2" in capsys.readouterr().out) is not as_json


def test_the_journal_keeps_each_digest_once_and_survives_a_torn_line(tmp_path: Path) -> None:
    first, second, third = (bytes([n]) * 32 for n in (1, 2, 3))
    append(tmp_path, [(first, 10), (second, 20)])
    append(tmp_path, [(first, 10)])
    with (tmp_path / JOURNAL_FILE).open("a") as file:
        file.write("abcd")
    assert read(tmp_path) == [(first, 10), (second, 20)]
    append(tmp_path, [(third, 30)])
    assert read(tmp_path) == [(first, 10), (second, 20), (third, 30)]
    assert (tmp_path / JOURNAL_FILE).stat().st_mode & 0o777 == 0o600


def test_a_journal_whose_first_line_was_torn_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / JOURNAL_FILE).write_text("freehold forg")
    assert read(tmp_path) == []
    append(tmp_path, [(bytes(32), 10)])
    assert read(tmp_path) == [(bytes(32), 10)]


def test_a_server_that_died_before_its_journal_writes_it_at_the_next_start(world: World) -> None:
    experiment_id = world.mlflow("POST", "experiments/create", {"name": "e"})["experiment_id"]
    run_id = make_run(world, experiment_id, "r")
    erase(world, "run", run_id)
    world.stop()
    journal = world.folder / "keys" / JOURNAL_FILE
    before = journal.read_bytes()
    world.start()
    world.stop()
    assert journal.read_bytes() == before, "a start writes what is missing alone"
    entries = read(journal.parent)
    head, _, *others = before.splitlines(keepends=True)
    journal.write_bytes(b"".join((head, *others)))
    world.start()
    assert read(journal.parent) == [*entries[1:], entries[0]]
    world.stop()
    journal.unlink()
    world.start()
    assert read(world.folder / "keys")
    assert httpx.get(world.url + "/readyz").status_code == 200
