"""Fixtures that every kind of test may use."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A fresh data folder with its server running, for tests that erase, kill or count."""
    made = make_world(tmp_path / "data").start()
    yield made
    made.kill()


@pytest.fixture(scope="session")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One running server for all tests that only add to it under names of their own."""
    made = make_world(tmp_path_factory.mktemp("shared") / "data").start()
    yield made
    made.stop()
