"""The commands: exit codes, messages that say what to do next, and JSON for machines."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from freehold.lifecycle.bag.verify import verify_bag
from tests.system.load import STORE
from tests.system.surfaces import make_run
from tests.world import World

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
DONE, FAILED, WRONG, UNREACHABLE = 0, 1, 2, 3
NOWHERE = "http://127.0.0.1:9"  # the port of `discard`: nobody listens


def freehold(*arguments: str | Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "freehold.cli.main", *map(str, arguments)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("FREEHOLD_")}
    wide = {"COLUMNS": "400", "NO_COLOR": "1", "TERM": "dumb"}
    return subprocess.run(
        command, env=clean | wide | environment, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL
    )


def parsed(ended: "subprocess.CompletedProcess[str]") -> Any:
    assert ended.returncode == DONE, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture(scope="module")
def data(shared_world: World) -> tuple[str, str]:
    return ("--data", str(shared_world.folder))


@pytest.fixture(scope="module")
def run_id(shared_world: World) -> str:
    run_id = make_run(shared_world, "cli")
    shared_world.mlflow("POST", "runs/log-metric", {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1})
    path = f"{STORE}/1/{run_id}/artifacts/file"
    assert shared_world.request("PUT", path, shared_world.alice, content=b"content").status_code == 200
    return run_id


def test_version_is_told() -> None:
    assert parsed(freehold("version", "--json")).keys() == {"version"}
    assert freehold("version").stdout.startswith("Freehold ")


def test_help_lists_the_commands_and_the_exit_codes() -> None:
    ended = freehold("--help")
    assert ended.returncode == DONE
    for word in (
        "serve",
        "token",
        "export",
        "fetch",
        "verify",
        "erase",
        "operations",
        "backup",
        "restore",
        "Exit codes",
    ):
        assert word in ended.stdout, word


def test_token_opens_the_server(shared_world: World, data: tuple[str, str]) -> None:
    token = parsed(freehold("token", *data, "--json"))["access_token"]
    answer = shared_world.get("/freehold/v1/operations", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    assert freehold("token", *data).stdout.strip().count(".") == 2


@pytest.mark.parametrize("name", ["bag.tar", "bag"])
def test_export_comes_home_verified(data: tuple[str, str], run_id: str, tmp_path: Path, name: str) -> None:
    to = tmp_path / name
    told = parsed(freehold("export", "run", run_id, "--to", to, *data, "--json"))
    assert verify_bag(to).ok
    assert told["verified"]["files"] == parsed(freehold("verify", to, "--json"))["files"]
    (operation,) = parsed(freehold("operations", told["operation"], *data, "--json"))
    assert (operation["kind"], operation["state"]) == ("export", "Succeeded")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["bag.tar", "bag.zip", "bag"])
def test_what_stands_beside_the_target_is_not_touched(
    data: tuple[str, str], run_id: str, tmp_path: Path, name: str
) -> None:
    (tmp_path / "bag.part").mkdir()
    (tmp_path / "bag.part" / "mine.txt").write_text("mine")
    for archive in ("bag.tar.part", "bag.zip.part"):
        (tmp_path / archive).write_text("mine")
    before = listing(tmp_path)
    parsed(freehold("export", "run", run_id, "--to", tmp_path / name, *data, "--json"))
    assert set(before) < set(listing(tmp_path))
    assert {path.read_text() for path in before if path.is_file()} == {"mine"}


def test_spoilt_bag_does_not_hold(data: tuple[str, str], run_id: str, tmp_path: Path) -> None:
    to = tmp_path / "bag"
    assert freehold("export", "run", run_id, "--to", to, *data).returncode == DONE
    next((to / "data" / "artifacts").rglob("file")).write_bytes(b"forged!")
    ended = freehold("verify", to)
    assert ended.returncode == FAILED
    assert "BagDoesNotHold" in ended.stderr
    assert "artifacts" in ended.stderr


@pytest.mark.parametrize("command", ["verify", "import"])
def test_what_does_not_hold_is_told_to_machines_whole(tmp_path: Path, command: str) -> None:
    for number in range(9):
        (tmp_path / str(number)).write_text("no bag")
    ended = freehold(command, tmp_path, "--json")
    told = json.loads(ended.stdout)
    assert (ended.returncode, told["error"]["code"], "BagDoesNotHold" in ended.stderr) == (
        FAILED,
        "BagDoesNotHold",
        True,
    )
    assert {each["path"] for each in told["faults"] if each["code"] == "extra"} == {str(number) for number in range(9)}
    assert told["fault_count"] == len(told["faults"])


def test_a_zip_of_another_tool_is_told_to_be_unpacked_and_nothing_else(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bag.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bag/../../evil", "x")
    for command in ("verify", "import"):
        said = freehold(command, tmp_path / "bag.zip").stderr
        assert "packed by another tool: unpack it, and verify the folder" in said
        assert "missing" not in said


def test_the_folder_above_a_bag_hints_at_the_one_inside(tmp_path: Path) -> None:
    inside = tmp_path / "above" / "inside"
    inside.mkdir(parents=True)
    (inside / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    for command in ("verify", "import"):
        ended = freehold(command, tmp_path / "above")
        assert (ended.returncode, f"Name the folder inside: {inside}" in ended.stderr) == (FAILED, True)
        assert "missing" in freehold(command, inside).stderr


def test_erasure_is_planned_then_done(shared_world: World, data: tuple[str, str]) -> None:
    run_id = make_run(shared_world, "cli")
    plan = parsed(freehold("erase", "run", run_id, "--dry-run", *data, "--json"))
    (runs,) = [each for each in plan["steps"] if each["record"] == "runs"]
    assert runs["count"] == 1
    assert runs["bytes"] >= len(run_id)
    asked = freehold("erase", "run", run_id, *data)
    assert asked.returncode == FAILED
    assert shared_world.mlflow("GET", "runs/get", {"run_id": run_id})["run"]["info"]["run_id"] == run_id
    told = parsed(freehold("erase", "run", run_id, "--yes", *data, "--json"))
    assert told["certificate"]["statement"]["level"] == "verified"
    query = {"run_id": run_id}
    assert shared_world.get("/api/2.0/mlflow/runs/get", shared_world.alice, params=query).status_code == 404


def test_a_hold_is_placed_listed_and_lifted(shared_world: World, data: tuple[str, str]) -> None:
    run_id, there = make_run(shared_world, "cli"), (*data, "--workspace", shared_world.workspace)
    placed = parsed(freehold("holds", "place", "run", run_id, "--reason", "case [7]", *there, "--json"))
    assert freehold("holds", "list", *there).stdout.count("case [7]") == 1
    refused = freehold("erase", "run", run_id, "--yes", *data)
    lifting = f"freehold holds lift {placed['id']} --workspace {shared_world.workspace}"
    assert (refused.returncode, lifting in refused.stderr) == (FAILED, True), refused.stderr
    assert freehold(*lifting.split()[1:], *data).returncode == DONE
    assert placed["id"] not in [each["id"] for each in parsed(freehold("holds", "list", *data, "--json"))]
    ended = {each["id"]: each for each in parsed(freehold("holds", "list", "--lifted", *data, "--json"))}
    assert ended[placed["id"]]["lifted_at"] is not None
    assert freehold("holds", "place", "run", run_id, *data).returncode == WRONG
    assert parsed(freehold("erase", "run", run_id, "--yes", *data, "--json"))["operation"]["state"] == "Succeeded"


def test_operations_are_listed(data: tuple[str, str]) -> None:
    assert isinstance(parsed(freehold("operations", *data, "--json")), list)
    assert "operation" in freehold("operations", *data).stdout


def test_the_id_of_an_operation_is_whole_on_a_narrow_terminal(
    data: tuple[str, str], run_id: str, tmp_path: Path
) -> None:
    told = parsed(freehold("export", "run", run_id, "--to", tmp_path / "bag", *data, "--json"))
    assert told["operation"] in freehold("operations", *data, COLUMNS="80").stdout.split()


def test_a_server_that_is_not_trusted_is_told_from_one_that_is_not_there(
    shared_world: World, data: tuple[str, str], tmp_path: Path
) -> None:
    authority = str(shared_world.settings().key_folder / "tls" / "ca.pem")
    token = freehold("token", *data).stdout.strip()
    asked = ("operations", "--url", shared_world.secure_url, "--token", token, "--data", tmp_path)
    refused = freehold(*asked)
    assert (refused.returncode, "ServerUntrusted" in refused.stderr) == (FAILED, True)
    assert "freehold serve" not in refused.stderr
    assert freehold(*asked, SSL_CERT_FILE=authority).returncode == DONE


def test_a_token_that_is_none_is_refused_and_not_shown(data: tuple[str, str]) -> None:
    ended = freehold("operations", *data, "--token", "first-line\nsecond-line")
    assert (ended.returncode, "end of line" in ended.stderr) == (WRONG, True)
    assert "first-line" not in ended.stderr + ended.stdout


def test_a_token_may_come_with_the_end_of_its_line(data: tuple[str, str]) -> None:
    token = freehold("token", *data).stdout.strip()
    assert freehold("operations", *data, FREEHOLD_TOKEN=f"{token}\r\n").returncode == DONE


@pytest.mark.parametrize("command", ["verify", "show"])
def test_the_log_is_read_where_freehold_url_says(shared_world: World, tmp_path: Path, command: str) -> None:
    parsed(freehold("log", command, "--data", tmp_path, "--json", FREEHOLD_URL=shared_world.url))


def test_backup_is_made_beside_the_running_server(data: tuple[str, str], tmp_path: Path) -> None:
    told = parsed(freehold("backup", tmp_path / "backup", *data, "--json"))
    assert told["objects"] >= 0
    assert not list((tmp_path / "backup").rglob("*.pem"))


NO_DATABASE = "postgresql://somebody:secret@127.0.0.1:9/none"
NO_PORT = ("--http-port", "0", "--https-port", "0")
USED_WRONGLY: list[tuple[list[str], int, str]] = [
    (["nothing"], WRONG, "No such command"),
    (["serve", "--http-port", "99999"], WRONG, "http_port"),
    (["serve", "--log-level", "loud"], WRONG, "log_level"),
    (["serve", "--data", "{new}", "--objects", "ftp://x"], WRONG, "write file:///folder, s3://bucket/prefix"),
    (["serve", "--data", "{new}", "--objects", "s3://x"], WRONG, "no address of an object store"),
    (["serve", "--data", "{new}", "--database", "mysql://u:secret@x/y"], WRONG, "SQLite in the data folder, or write"),
    (["serve", "--data", "{new}", "--database", "postgresql://x:y:z/"], WRONG, "postgresql://user@host:port/name"),
    (["serve", "--data", "{file}"], FAILED, "{file}"),
    (["token", "--data", "{empty}"], UNREACHABLE, "freehold serve"),
    (["token", "more"], WRONG, "unexpected extra argument"),
    (["export", "workspace", "--data", "{empty}", "--to", "{new}"], UNREACHABLE, "freehold serve"),
    (["export", "run", "{unknown}", "--to", "{new}"], FAILED, "NotFound"),
    (["export", "run", "{run}", "--to", "{file}"], WRONG, "there already"),
    (["export", "run", "{run}", "--to", "{empty}/no/such/folder/bag.tar"], WRONG, "no folder"),
    (["export", "run", "{run}", "--to", "/proc/bag.tar"], WRONG, "Nothing can be written to /proc"),
    (["export", "run", "{run}", "--to", "/proc/bag"], WRONG, "Nothing can be written to /proc"),
    (["export", "run", "{run}", "--to", "file:///proc/bag.tar"], WRONG, "Nothing can be written to /proc"),
    (["export", "run", "{run}", "--to", "{empty}/bag.tar.gz"], WRONG, "the name of an archive"),
    (["export", "run", "{run}", "--to", "{data}/bag.tar"], WRONG, "a folder of the server itself"),
    (["fetch", "{unknown}", "--to", "file://{data}/exports/bag.tar"], WRONG, "a folder of the server itself"),
    (["fetch", "{unknown}", "--to", "{empty}/bag.TAR"], WRONG, "the name of an archive"),
    (["fetch", "{unknown}", "--to", "{new}"], FAILED, "OperationNotFound"),
    (["combine", "{folder}", "{folder}", "--to", "{empty}/bag.tar"], WRONG, "the name of an archive"),
    (["combine", "{folder}", "{folder}", "--to", "{new}", "--tombstones", "{file}"], WRONG, "--tombstones"),
    (["verify", "{empty}/nothing"], WRONG, "nothing at"),
    (["verify", "{empty}"], FAILED, "does not hold"),
    (["verify", "s3://bucket/bag.tar"], WRONG, "s3://bucket/bag.tar is an address."),
    (["import", "s3://bucket/bag.tar"], WRONG, "s3://bucket/bag.tar is an address."),
    (["export", "run", "{run}", "--since", "s3://bucket/bag.tar", "--to", "{new}"], WRONG, "s3://bucket/bag.tar is an"),
    (["export", "run", "{run}", "--to", "s3:/bucket/bag.tar"], WRONG, "two slashes: s3://bucket/bag.tar"),
    (["verify", "{pipe}"], FAILED, "neither a folder nor a file"),
    (["verify", "/dev/zero"], FAILED, "neither a folder nor a file"),
    (["import", "{pipe}"], FAILED, "neither a folder nor a file"),
    (["import", "/dev/zero"], FAILED, "neither a folder nor a file"),
    (["combine", "{folder}", "{pipe}", "--to", "{new}"], FAILED, "neither a folder nor a file"),
    (["export", "run", "{run}", "--since", "{pipe}", "--to", "{new}"], FAILED, "neither a folder nor a file"),
    (["verify", "{file}", "--keys", "{file}"], WRONG, "JWK set"),
    (["erase", "run", "{run}", "--data", "{empty}"], UNREACHABLE, "freehold serve"),
    (["erase", "run", "{unknown}", "--yes"], FAILED, "NotFound"),
    (["erase", "run", "{run}", "--json"], WRONG, "--yes"),
    (["export", "run", "{unknown}", "--to", "{new}", "--json"], FAILED, "NotFound"),
    (["operations", "--url", NOWHERE, "--json"], UNREACHABLE, "freehold serve"),
    (["combine", "{folder}", "{folder}", "--json"], WRONG, "Missing option"),
    (["verify", "{folder}", "--nonsense", "--json"], WRONG, "No such option"),
    (["operations", "--cancel"], WRONG, "the id of an operation"),
    (["export", "workspace", "--workspace", "nonsense", "--to", "{new}"], WRONG, "ARM path"),
    (["export", "run", "{run}", "--since", "my-bag", "--to", "{new}"], WRONG, "nothing at my-bag"),
    (["operations", "--data", "{empty}"], UNREACHABLE, "freehold serve"),
    (["operations", "{unknown}"], FAILED, "OperationNotFound"),
    (["operations", "--url", NOWHERE], UNREACHABLE, "freehold serve"),
    (["log", "verify", "--url", NOWHERE], UNREACHABLE, NOWHERE),
    (["log", "show", "--url", NOWHERE], UNREACHABLE, NOWHERE),
    (["backup", "{empty}/backup", "--data", "{empty}/nothing"], FAILED, "{empty}/nothing"),
    (["backup", "{folder}"], FAILED, "{folder}"),
    (["backup"], WRONG, "Missing argument"),
    (["restore", "{empty}/nothing", "--data", "{new}"], WRONG, "--keys"),
    (["restore", "{empty}/nothing", "--data", "{new}", "--keys", "{keys}"], FAILED, "{empty}/nothing"),
    (["restore", "{folder}"], FAILED, "{folder}"),
]
MORE: list[tuple[list[str], int, str]] = [
    (["token", "--data", "{file}"], UNREACHABLE, "--data"),
    (["export", "galaxy"], WRONG, "workspace"),
    (["export", "run", "--to", "{new}"], WRONG, "id"),
    (["export", "run", "{run}", "--to", "file://{empty}/no/such/folder/bag.tar"], WRONG, "no folder"),
    (["verify", "{file}"], FAILED, "does not hold"),
    (["verify", "{file}", "--keys", "{empty}/nothing"], WRONG, "JWK set"),
    (["erase", "workspace", "{run}"], WRONG, "--workspace"),
    (["operations", "--token", "garbage"], FAILED, "token"),
    (["operations", "--url", "no address"], UNREACHABLE, "freehold serve"),
]
CASES = [pytest.param(*case, id=" ".join(case[0])) for case in USED_WRONGLY] + [
    pytest.param(*case, id=" ".join(case[0]), marks=pytest.mark.exhaustive) for case in MORE
]


@pytest.mark.parametrize(("arguments", "code", "words"), CASES)
def test_wrong_use_is_told_clearly(
    shared_world: World, run_id: str, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    settings = shared_world.settings()
    places = lay_out(tmp_path) | {"run": run_id, "keys": str(settings.key_folder), "data": str(settings.data_folder)}
    given = [argument.format(**places) for argument in arguments]
    before = listing(tmp_path)
    environment = {} if "--data" in given else {"FREEHOLD_DATA": str(shared_world.folder)}
    ended = freehold(*given, **environment)
    assert (ended.returncode, "Traceback" in ended.stderr) == (code, False), ended.stderr[-2_000:]
    assert words.format(**places) in " ".join(ended.stderr.split())
    assert "--json" not in given or json.loads(ended.stdout)["error"].keys() == {"code", "message"}
    assert listing(tmp_path) == before, "a refused command left something behind"


def test_a_server_whose_database_does_not_answer_says_so_in_a_sentence(tmp_path: Path) -> None:
    ended = freehold("serve", "--data", tmp_path / "data", *NO_PORT, "--database", NO_DATABASE)
    assert (ended.returncode, "Traceback" in ended.stderr) == (FAILED, False), ended.stderr[-2_000:]
    assert "DatabaseUnreachable  The database cannot be reached" in ended.stderr
    assert "Connection refused" in ended.stderr
    assert "secret" not in ended.stderr + ended.stdout


def lay_out(folder: Path) -> dict[str, str]:
    (folder / "empty").mkdir()
    (folder / "folder").mkdir()
    (folder / "folder" / "kept").write_text("kept")
    (folder / "file").write_text("a file")
    os.mkfifo(folder / "pipe")
    names = {name: str(folder / name) for name in ("empty", "folder", "file", "pipe", "new")}
    return names | {"unknown": "01990000-0000-7000-8000-000000000000"}


def listing(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))
