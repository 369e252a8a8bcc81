"""What bags that are no good are made of, and a server that they are sent to."""

from collections.abc import Iterator

import pytest

from tests.lifecycle.imports.bags import Files, files_of, frozen
from tests.world import World, make_world


@pytest.fixture(scope="module")
def files() -> Files:
    return files_of(frozen())


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = make_world(tmp_path_factory.mktemp("target") / "data").start()
    yield made
    made.stop()
