"""Increments at the command line, against a real server: export --since, plan, verify, combine, import."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freehold.lifecycle.bag.verify import verify_bag
from tests.system.load import STORE
from tests.system.surfaces import make_run
from tests.system.test_cli import DONE, FAILED, freehold, parsed
from tests.world import World, make_world

pytestmark = pytest.mark.filterwarnings("ignore:EdDSA is deprecated")


class Bags:
    """A base, what happened then, and an increment on it, made by a server of their own."""

    def __init__(self, world: World, folder: Path) -> None:
        self.world, self.data = world, ("--data", str(world.folder))
        self.base, self.step = folder / "base.tar", folder / "step"
        self.stays, self.goes = self._run("stays"), self._run("goes")
        self.exported = self.ask("export", "workspace", "--to", self.base)
        self.ask("erase", "run", self.goes, "--yes")
        world.mlflow("POST", "runs/log-metric", {"run_id": self.stays, "key": "m", "value": 2, "timestamp": 2})
        self._put(self.stays, "late.txt")
        self.planned = self.ask("plan", "export", "workspace", "--since", self.base)
        self.told = self.ask("export", "workspace", "--since", self.base, "--to", self.step)

    def ask(self, *arguments: str | Path) -> Any:
        return parsed(freehold(*arguments, *self.data, "--json"))

    def _run(self, name: str) -> str:
        run_id = make_run(self.world, name)
        self.world.mlflow("POST", "runs/log-metric", {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1})
        self._put(run_id, "file")
        return run_id

    def _put(self, run_id: str, name: str) -> None:
        path = f"{STORE}/1/{run_id}/artifacts/{name}"
        assert self.world.request("PUT", path, self.world.alice, content=name.encode()).status_code == 200


@pytest.fixture(scope="module")
def bags(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bags]:
    world = make_world(tmp_path_factory.mktemp("world") / "data").start()
    yield Bags(world, tmp_path_factory.mktemp("bags"))
    world.stop()


def test_a_plan_counts_what_the_increment_then_brings(bags: Bags) -> None:
    assert bags.planned["metric_points"] == 1
    assert (bags.planned["gone_files"], bags.planned["file_bytes"]) == (1, len("late.txt"))
    said = freehold("plan", "export", "workspace", "--since", bags.base, *bags.data)
    assert said.returncode == DONE
    assert "gone since" in said.stdout


def test_an_increment_comes_home_verified_with_what_changed(bags: Bags) -> None:
    assert verify_bag(bags.step).ok
    names = [path.name for path in (bags.step / "data" / "artifacts").rglob("*") if path.is_file()]
    assert names == ["late.txt"]
    assert bags.told["verified"]["files"] == parsed(freehold("verify", bags.step, "--json"))["files"]


def test_verify_says_that_an_increment_needs_its_base(bags: Bags) -> None:
    said = freehold("verify", bags.step)
    assert said.returncode == DONE
    assert "increment on the bag of" in said.stdout
    assert "freehold combine" in said.stdout


def test_combined_it_is_the_bag_of_a_full_export(bags: Bags, tmp_path: Path) -> None:
    to, gone = tmp_path / "whole", tmp_path / "gone.jsonl"
    told = parsed(freehold("combine", bags.base, bags.step, "--to", to, "--tombstones", gone, "--json"))
    assert verify_bag(to).ok
    assert told["files"] == parsed(freehold("verify", to, "--json"))["files"]
    lines = [json.loads(line) for line in gone.read_text().splitlines()]
    assert told["tombstones"] == len(lines)
    assert {"table": "runs", "key": {"run_id": bags.goes}} in lines
    assert [line["file"] for line in lines if "file" in line] == [f"data/artifacts/ExperimentRun/dcid.{bags.goes}/file"]
    assert bags.stays not in {line["key"].get("run_id") for line in lines if line.get("table") == "runs"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gone.jsonl", "whole"]


@pytest.mark.parametrize("how", ["--new-ids", "--make"])
def test_an_increment_is_not_imported_and_leaves_nothing(bags: Bags, how: str) -> None:
    ended = freehold("import", bags.step, how, *bags.data)
    assert ended.returncode == FAILED
    assert "BagIsIncrement" in ended.stderr
    assert "freehold combine" in ended.stderr
    assert "Traceback" not in ended.stderr
    left = [path.name for path in (bags.world.folder / "imports").rglob("*") if path.is_file()]
    assert left == []
