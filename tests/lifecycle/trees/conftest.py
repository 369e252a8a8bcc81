"""A served account with its tree, and its bag; once for each file of tests."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.lifecycle.imports.content import export_bag
from tests.lifecycle.trees.tree_world import TreeWorld, database_of
from tests.world import World, make_world


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TreeWorld]:
    world = make_world(tmp_path_factory.mktemp("tree") / "data").start()
    try:
        with httpx.Client(base_url=world.url, timeout=60) as client:
            yield TreeWorld(world, client)
    finally:
        world.stop()


@pytest.fixture(scope="module")
def bag(made: TreeWorld, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_bag(made.world, tmp_path_factory.mktemp("bag") / "bag.tar", at=made.account)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[World]:
    """A server with nothing in it yet."""
    world = make_world(tmp_path / "empty", **database_of(request)).start()
    yield world
    world.kill()
