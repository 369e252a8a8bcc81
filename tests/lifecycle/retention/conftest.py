"""Places on both databases."""

import pytest

from tests.conftest import House
from tests.lifecycle.retention.place import Place


@pytest.fixture
def place(house: House) -> Place:
    return Place(house)


@pytest.fixture
def sqlite_place(sqlite_house: House) -> Place:
    return Place(sqlite_house)
