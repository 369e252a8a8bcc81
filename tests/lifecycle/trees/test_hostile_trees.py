"""Bags of trees that somebody made to do harm: refused with the reason, and nothing of them stays."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa
import pytest

from tests.lifecycle.imports.bags import Files, as_tar, files_of, frozen, rows_of, sealed, table_of, with_table
from tests.lifecycle.imports.content import import_bag, report_of
from tests.lifecycle.imports.test_hostile import left_in
from tests.world import World, make_world

VERSION = "api-version=2017-05-01-preview"
Spoil = Callable[[Files], Files]
Row = dict[str, Any]


@pytest.fixture(scope="module")
def files() -> Files:
    return files_of(frozen(2))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("target") / "data").start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def account(target: World, files: Files) -> str:
    """An unused one in the place of the bag's."""
    path = (
        f"/subscriptions/{target.subscription_id}/resourceGroups/freehold/{rows_of(files, 'containers')[0]['arm_path']}"
    )
    body = {"location": "local", "properties": {}}
    assert target.request("PUT", f"{path}?{VERSION}", target.alice, json=body).status_code == 201
    return path


def rows(change: Callable[[list[Row]], object]) -> Spoil:
    """The table of the containers, changed in place."""

    def spoil(files: Files) -> Files:
        table = table_of(files, "containers")
        found = table.to_pylist()
        change(found)
        return with_table(files, "containers", pa.Table.from_pylist(found, table.schema))

    return spoil


def setting(place: int, **values: Any) -> Spoil:
    return rows(lambda found: found[place].update(values))


def same_id(found: list[Row]) -> None:
    found[2] |= {"container_id": found[3]["container_id"], "folder": found[3]["folder"]}


def cycle(found: list[Row]) -> None:
    """Two containers stand in each other."""
    found[1]["parent_id"], found[2]["parent_id"] = found[2]["container_id"], found[1]["container_id"]


def same_place(found: list[Row]) -> None:
    found[-1] |= {name: found[-2][name] for name in ("name", "arm_path", "kind", "parent_id")}


def folder(files: Files, place: int) -> str:
    return f"data/{rows_of(files, 'containers')[place]['folder']}/"


def without(place: int, below: str) -> Spoil:
    return lambda files: {
        path: each for path, each in files.items() if not path.startswith(folder(files, place) + below)
    }


def more(place: int, path: str, content: bytes = b"x") -> Spoil:
    return lambda files: files | {folder(files, place) + path: content}


def beside(path: str) -> Spoil:
    return lambda files: files | {path: b"x"}


def other_row(files: Files) -> Files:
    """A container whose own row is that of another."""
    tables = "tables/workspaces/part-00000.parquet"
    return files | {folder(files, 1) + tables: files[folder(files, 2) + tables]}


def same_objects(files: Files) -> Files:
    """Two containers with the same rows and files: each would own the bytes of the other."""
    places = [number for number in range(6) if any(p.startswith(f"{folder(files, number)}artifacts/") for p in files)]
    one, other = (folder(files, place) for place in places[:2])
    own = "tables/workspaces/"
    kept = {p: each for p, each in files.items() if not p.startswith(other) or p.startswith(other + own)}
    return kept | {
        other + path.removeprefix(one): each
        for path, each in files.items()
        if path.startswith(one) and not path.startswith(one + own)
    }


def says(**values: Any) -> Spoil:
    def spoil(files: Files) -> Files:
        coverage = json.loads(files["data/coverage.json"]) | values
        return files | {"data/coverage.json": json.dumps(coverage).encode()}

    return spoil


UNTOLD = "data/containers/container_id=00000000-0000-7000-8000-000000000000/"
HOSTILE: dict[str, tuple[Spoil, str]] = {
    "two of one id": (rows(same_id), "BagDuplicate"),
    "two in one place": (rows(same_place), "BagDuplicate"),
    "a cycle": (rows(cycle), "BagWrongTree"),
    "its own parent": (rows(lambda found: found[1].update(parent_id=found[1]["container_id"])), "BagWrongTree"),
    "child before parent": (rows(lambda found: found.insert(1, found.pop())), "BagWrongTree"),
    "no parent": (setting(2, parent_id=None), "BagLinkOutside"),
    "parent not in the bag": (setting(1, parent_id="00000000-0000-7000-8000-000000000000"), "BagLinkOutside"),
    "root in another": (setting(0, parent_id="00000000-0000-7000-8000-000000000000"), "BagLinkOutside"),
    "no containers": (rows(lambda found: found.clear()), "BagMissingTable"),
    "no table of containers": (
        lambda files: {path: each for path, each in files.items() if not path.startswith("data/tables/containers/")},
        "BagMissingTable",
    ),
    "container without tables": (without(1, "tables/"), "BagMissingTable"),
    "container not told of": (rows(lambda found: found.pop()), "BagUnknownTable"),
    "files of one not told of": (beside(UNTOLD + "rest/x"), "BagUnknownFile"),
    "table beside the containers": (beside("data/tables/runs/part-00000.parquet"), "BagUnknownTable"),
    "secrets in a container": (more(1, "tables/sealed_secrets/part-00000.parquet"), "BagUnknownTable"),
    "program in a container": (more(1, "run.sh"), "BagUnknownFile"),
    "page in a container": (more(1, "index.html"), "BagUnknownFile"),
    "path elsewhere": (setting(1, arm_path="providers/Microsoft.MachineLearningServices/workspaces/x"), "BagWrongTree"),
    "another name": (setting(1, name="other"), "BagWrongTree"),
    "unknown kind": (setting(1, kind="planet"), "BagWrongTree"),
    "a folder that climbs": (setting(1, folder="../../evil"), "BagWrongValue"),
    "an id that climbs": (setting(1, container_id="../../evil"), "BagWrongValue"),
    "missing value": (setting(1, name=None), "BagMissingValue"),
    "row of another": (other_row, "BagWrongTree"),
    "objects of another": (same_objects, "BagDuplicate"),
    "tree of a run": (says(scope="run"), "BagUnknown"),
    "tree that says it is none": (says(format_version=1), "BagUnknownTable"),
    "other bytes": (
        lambda files: files | {path: b"other" for path in files if "/artifacts/" in path and path.endswith(".png")},
        "BagWrongObject",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_it_is_refused_and_leaves_nothing(target: World, account: str, files: Files, what: str) -> None:
    spoil, code = HOSTILE[what]
    operation = import_bag(target, as_tar(sealed(spoil(files))), at=account)
    assert operation["state"] == "Failed", operation
    report = report_of(target, operation)
    assert (operation["error"]["code"], report["refused"]["code"]) == (code, code), report
    assert "Nothing of it was kept." in report["refused"]["message"]
    assert left_in(target.folder / "imports" / operation["id"]) == ["report.json"]
    assert [path for path in (target.folder / "store").rglob("*") if path.is_file()] == []
    below = target.get(f"{account}/workspaces?{VERSION}", target.alice).json()["value"]
    assert below == []
