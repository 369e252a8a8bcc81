"""Bags of every scope, of worlds of both generations, go through other people's tools."""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.azure2020.conftest import Azure
from tests.commands import freehold
from tests.conformance.world2018 import World2018
from tests.conformance.world2020 import World2020
from tests.outside_tools import accepted_everywhere, is_a_bag
from tests.world import make_world

LABELS = "id of labels"
"""Assets have no name of their own: the world tells their ids."""
ROOTS: dict[str, list[tuple[str, str]]] = {
    "2020": [
        ("workspace", ""),
        ("experiment", "digits"),
        ("run", "first"),
        ("model", "digits:1"),
        ("asset", LABELS),
        ("image", "scorer:1"),
        ("service", "scoring"),
        ("compute", "cpu"),
        ("datastore", "raw"),
    ],
    "2018": [("workspace", ""), ("experiment", "digits"), ("run", "first")],
    "hosting": [("workspace", ""), ("model", "digits:1"), ("manifest", "scorer:1")],
}
SAMPLE = {("2020", "workspace"), ("2020", "experiment"), ("2020", "run"), ("2018", "workspace"), ("2018", "run")}
CASES = [
    pytest.param(
        place, scope, root, id=f"{place}-{scope}", marks=[] if (place, scope) in SAMPLE else [pytest.mark.exhaustive]
    )
    for place, roots in ROOTS.items()
    for scope, root in roots
]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """ARM paths of the containers, in one server's world."""
    world = make_world(tmp_path_factory.mktemp("tools") / "data").start()
    with httpx.Client(base_url=world.url, timeout=60) as client:
        azure = Azure(world, client, world.alice, world.workspace, "")
        tree = World2018(azure).tree
        made = World2020(Azure(world, client, world.alice, world.workspace, ""))
        paths = {"2020": made.azure.workspace, "2018": tree.project, "hosting": tree.hosting}
        yield {"world": world, LABELS: made.own[5]["id"], **paths}
    world.stop()


@pytest.mark.parametrize(("place", "scope", "root"), CASES)
def test_other_tools_accept_the_bag(places: dict[str, Any], tmp_path: Path, place: str, scope: str, root: str) -> None:
    archive = tmp_path / "bag.zip"
    named = [places.get(root, root)] if root else []
    freehold(places["world"], "export", scope, *named, "--workspace", places[place], "--to", str(archive))
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path / "opened")
    (bag,) = (tmp_path / "opened").iterdir()
    accepted_everywhere(bag, tmp_path)


def test_a_changed_byte_is_told(places: dict[str, Any], tmp_path: Path) -> None:
    """Else the tools above were asked for nothing."""
    freehold(places["world"], "export", "run", "first", "--workspace", places["2020"], "--to", str(tmp_path / "bag"))
    is_a_bag(tmp_path / "bag")
    changed = tmp_path / "bag/data/coverage.json"
    changed.write_bytes(changed.read_bytes().replace(b"{", b"[", 1))
    with pytest.raises(Exception, match=r"(?i)digest|checksum|validation"):
        is_a_bag(tmp_path / "bag")
