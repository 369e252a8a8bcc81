"""Sites for erasure: on SQLite as the machine has it, and on an ordinary build that does not wipe by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lifecycle.erase.site import Site, open_site


@pytest.fixture(params=["sqlite3", "pysqlite3"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """Debian compiles SQLite with secure_delete on, which hides a missing pragma; pysqlite3's build does not."""
    made = open_site(tmp_path / "data", driver=request.param)
    yield made
    made.close()


@pytest.fixture
def plain_site(tmp_path: Path) -> Iterator[Site]:
    made = open_site(tmp_path / "data")
    yield made
    made.close()
