"""A death while an import is asked for: the sender was told nothing, and nothing of the bag stays for good."""

import asyncio
import errno
import os
import shutil
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from freehold.kit.faults import EXIT_CODE, VARIABLE
from freehold.kit.problems import Conflict
from freehold.lifecycle.bag.split import Splitter, apart_of
from freehold.lifecycle.export import Since, request_export
from freehold.lifecycle.imports.operation import request_import
from freehold.lifecycle.kept import remove_expired_bags, remove_withdrawn_bags
from freehold.lifecycle.spool import Spool
from freehold.lifecycle.uploads import is_upload
from freehold.operations import queries
from freehold.operations.model import Operation, State
from freehold.operations.runner import Runner
from freehold.records.lifecycle import LEASED, KeptBag
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.site import Site
from tests.lifecycle.faults.work import ask_export, ask_import, open_whole, run
from tests.lifecycle.imports.bags import frozen
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


def test_files_that_may_not_be_removed_keep_no_others_back(tmp_path: Path) -> None:
    site = open_whole(tmp_path / "data")
    try:
        strays = [site.settings.data_folder / "exports" / str(uuid.uuid4()) for _ in range(3)]
        for stray in strays:
            stray.mkdir(parents=True)
            os.utime(stray, (time.time() - A_DAY - 60,) * 2)
        rmtree, kept = shutil.rmtree, next(strays[0].parent.iterdir())

        def removing(path: Path, **how: Any) -> None:
            if path == kept:
                raise PermissionError(errno.EACCES, "denied", str(path))
            rmtree(path, **how)

        with patch("freehold.lifecycle.copies.shutil.rmtree", removing), pytest.raises(PermissionError):
            remove_expired_bags(site.database, site.settings)
        assert [stray for stray in strays if stray.exists()] == [kept]
        remove_expired_bags(site.database, site.settings)
        assert not kept.exists(), "the next sweep tries again"
    finally:
        site.close()


def test_export_that_failed_and_could_not_clean_up_is_swept(tmp_path: Path) -> None:
    site = open_whole(tmp_path / "data")
    try:
        operation = ask_export(site, Scope.WORKSPACE, None)
        runner = Runner(site.database, site.settings, site.engine.kinds, site.engine._stopping)
        assert runner.advance(operation.operation_id)
        with patch.object(Spool, "drop", side_effect=PermissionError), pytest.raises(PermissionError):
            runner.give_up(operation.operation_id, "Planted")
        kept = sa.select(KeptBag.c.state)
        assert site.database.read_now(lambda db: db.execute(kept).scalars().all()) == [LEASED]
        remove_withdrawn_bags(site.database, site.settings)
        assert site.database.read_now(lambda db: db.execute(kept).scalars().all()) == []
    finally:
        site.close()


def _refuse(db: Transaction) -> None:
    raise Conflict("Planted", "This write is refused.")


def _together(site: Site, ask: Callable[[Transaction], Operation]) -> Operation:
    """In one group with a write of somebody else that is refused: all of it is undone, and run again."""

    async def ask_both() -> Operation:
        asked, refused = await asyncio.gather(
            site.database.write(ask), site.database.write(_refuse), return_exceptions=True
        )
        assert isinstance(refused, Conflict)
        assert isinstance(asked, Operation), asked
        return asked

    return asyncio.run(ask_both())


def test_import_beside_a_write_that_is_refused_is_asked_for_once(tmp_path: Path) -> None:
    site = open_whole(tmp_path / "data")
    try:
        sent = site.folder / "imports" / "one.sent" / "bag"
        sent.parent.mkdir(parents=True)
        with closing(Splitter(sent, large=3_000)) as splitter:
            splitter.feed(frozen())
            splitter.finish()
        assert apart_of(sent).exists()
        operation = _together(
            site, lambda db: request_import(db, site.engine, site.actor, site.workspace, sent, site.folder)
        )
        assert {path.name for path in (site.folder / "imports").iterdir()} == {"one.sent", operation.operation_id}
        assert site.work_off(operation).state is State.SUCCEEDED
    finally:
        site.close()


def test_increment_beside_a_write_that_is_refused_is_asked_for_once(tmp_path: Path) -> None:
    site = open_whole(tmp_path / "data")
    try:
        sent = tmp_path / "index"
        sent.write_bytes(b"an index")
        since, whole = Since(sent=sent), Scope.WORKSPACE
        operation = _together(
            site,
            lambda db: request_export(
                db, site.engine, site.actor, site.workspace, whole, since=since, data_folder=site.folder
            ),
        )
        assert [path.name for path in (site.folder / "spools").iterdir()] == [f"{operation.operation_id}.base"]
    finally:
        site.close()


@pytest.mark.parametrize("is_received", [True, False])
def test_request_that_is_undone_leaves_nothing_of_its_bag(tmp_path: Path, is_received: bool) -> None:
    """It is with its receiver again, unless that has given it up."""
    site = open_whole(tmp_path / "data")
    sent = site.folder / "imports" / "one.sent" / "bag"
    sent.parent.mkdir(parents=True)
    sent.write_bytes(frozen())

    def ask(db: Transaction) -> None:
        request_import(db, site.engine, site.actor, site.workspace, sent, site.folder)
        if not is_received:
            sent.parent.rmdir()
        _refuse(db)

    try:
        with pytest.raises((Conflict, FileNotFoundError)):
            site.database.write_now(ask)
        left = [path.name for path in (site.folder / "imports").rglob("*")]
        assert left == (["one.sent", "bag"] if is_received else [])
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
