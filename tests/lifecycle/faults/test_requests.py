"""A death while an import is asked for: the sender was told nothing, and nothing of the bag stays for good."""

import os
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from freehold.kit.faults import EXIT_CODE, VARIABLE
from freehold.lifecycle.kept import remove_expired_bags, remove_withdrawn_bags
from freehold.lifecycle.uploads import is_upload
from freehold.operations import queries
from freehold.records.rules import Scope
from tests.lifecycle.faults.work import ask_export, ask_import, open_whole, run
from tests.patience import patient

A_DAY = 24 * 3_600
POINTS = ["import:request:unmoved", "import:request:apart", "import:request:moved"]


def _ask(folder: Path, fault: str) -> None:
    site = open_whole(folder)
    os.environ[VARIABLE] = fault
    ask_import(site)


def _die(folder: Path, fault: str) -> None:
    process = get_context("forkserver").Process(target=_ask, args=(folder, fault))
    process.start()
    process.join(patient(60))
    assert process.exitcode == EXIT_CODE


@pytest.mark.parametrize("point", POINTS)
def test_bag_of_a_request_that_was_not_committed_is_swept(tmp_path: Path, point: str) -> None:
    folder = tmp_path / "data"
    open_whole(folder).close()
    _die(folder, point)
    site = open_whole(folder)
    try:
        assert site.database.read_now(queries.unfinished_ids) == []
        waiting = ask_import(site)
        left = [path for path in (folder / "imports").iterdir() if path.name != waiting.operation_id]
        assert left
        remove_expired_bags(site.database, site.settings)
        assert all(path.exists() for path in left), "its request may be under way"
        remove_withdrawn_bags(site.database, site.settings)
        assert not any(path.exists() for path in left if is_upload(path.name)), "whoever received it is dead"
        for path in (folder / "imports").rglob("*"):
            os.utime(path, (time.time() - A_DAY - 60,) * 2)
        remove_expired_bags(site.database, site.settings)
        assert [path.name for path in (folder / "imports").iterdir()] == [waiting.operation_id]
    finally:
        site.close()


@pytest.mark.parametrize("point", ["export:spool:closing"])
def test_what_served_to_make_a_bag_is_swept_after_a_death(tmp_path: Path, point: str) -> None:
    folder = tmp_path / "data"
    site = open_whole(folder)
    site.run(site.experiment(), points=500)
    operation = ask_export(site, Scope.WORKSPACE, None)
    site.close()
    assert run(folder, point) != 0
    site = open_whole(folder)
    try:
        assert (folder / "spools" / operation.operation_id).is_dir()
        remove_withdrawn_bags(site.database, site.settings)
        assert list((folder / "spools").iterdir()) == []
        assert (folder / "exports" / operation.operation_id / "certificate.jws").is_file()
    finally:
        site.close()
