"""What the engine's file can be read for: opaque ids while a workflow lives, nothing once it has ended."""

from pathlib import Path

import pytest

from tests.operations.conftest import Site, until


def readable(data: Path, value: str) -> int:
    """Occurrences in the engine's file, its WAL and its journal."""
    return sum(path.read_bytes().count(value.encode()) for path in data.glob("operations.db*"))


@pytest.mark.parametrize("driver", ["sqlite3", "pysqlite3"])  # the second is built without secure_delete
def test_nothing_of_an_ended_operation_is_readable(site: Site, driver: str) -> None:
    (site.data / "hold").touch()
    process = site.start("--driver", driver, "--request", *["erase"] * 6)
    until(lambda: site.work().count("file") == 6)
    assert process.stdout is not None
    ids = [process.stdout.readline().strip() for _ in range(6)]
    assert all(readable(site.data, operation_id) for operation_id in ids)
    (site.data / "hold").unlink()
    until(lambda: not any(readable(site.data, operation_id) for operation_id in ids))
    assert site.stop(process) == 0
    assert not any(readable(site.data, operation_id) for operation_id in ids)
    assert [site.marks(operation_id)[-1] for operation_id in ids] == ["seal"] * 6


def test_neither_kind_nor_fault_is_ever_written_down(site: Site) -> None:
    """Looked at after a kill, when nothing has been tidied."""
    _, (operation_id, *_) = site.run("--request", "erase", "broken", "--until-ended", fault="erase:seal:after")
    assert readable(site.data, operation_id)
    assert not readable(site.data, "erase")
    assert not readable(site.data, "broken")
    assert not readable(site.data, "secret")
    assert not readable(site.data, "RuntimeError: ")
