"""Prepared folders for a whole module."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.lifecycle.faults.kills import Bench
from tests.lifecycle.faults.places import Place, in_azure, in_s3


class Benches:
    """One for each cloud's store, opened when it is first asked for."""

    def __init__(self, root: Path, opened: ExitStack) -> None:
        self._root, self._opened = root, opened
        self._benches: dict[str, Bench] = {}

    def of(self, variant: str) -> Bench:
        name = variant.rpartition("-")[0]
        if name not in self._benches:
            folder = self._root / name
            folder.mkdir()
            self._benches[name] = Bench(folder, self._open(name, folder))
        return self._benches[name]

    def _open(self, name: str, folder: Path) -> Place:
        if name == "azure":
            return self._opened.enter_context(in_azure(folder))
        return self._opened.enter_context(in_s3(is_versioned=name == "s3-versioned"))


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("faults"))


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Benches]:
    with ExitStack() as opened:
        yield Benches(tmp_path_factory.mktemp("clouds"), opened)
