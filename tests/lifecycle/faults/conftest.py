"""Prepared folders for a whole module."""

import pytest

from tests.lifecycle.faults.kills import Bench


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("faults"))
