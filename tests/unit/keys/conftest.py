from pathlib import Path

import pytest

from freehold.kit.clock import FixedClock
from freehold.storage.keys import KeyStore


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(folder: Path, clock: FixedClock) -> KeyStore:
    return KeyStore(folder, clock)
