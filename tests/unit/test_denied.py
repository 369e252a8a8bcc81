"""Which faults are the system's, that denies this server its own files or has no room for them."""

import errno
import os
import sqlite3
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
import sqlalchemy as sa

from freehold.kit.problems import Away, InsufficientStorage, NotFound, Problem
from freehold.lifecycle.imports import reading
from freehold.lifecycle.imports.budget import Budget
from freehold.settings import Settings
from freehold.storage.denied import telling_the_systems
from freehold.storage.portable import is_denied, is_disk_full, is_integrity_fault


@pytest.mark.parametrize(
    "words", ["readonly database", "unable to open database file", "access permission denied", "No space left"]
)
def test_a_name_that_a_client_gave_is_neither_a_denial_nor_a_full_disk(words: str) -> None:
    """PostgreSQL says which value stands already, and a client may have called a thing anything."""
    told = f"duplicate key value violates unique constraint\nDETAIL:  Key (name)=({words}) already exists."
    own = psycopg.errors.UniqueViolation(told)
    for fault in (own, sa.exc.IntegrityError("INSERT", {}, own)):
        assert is_integrity_fault(fault)
        assert not is_denied(fault)
        assert not is_disk_full(fault)


@pytest.mark.parametrize("words", ["attempt to write a readonly database", "unable to open database file"])
def test_what_sqlite_may_not_do_is_a_denial(words: str) -> None:
    own = sqlite3.OperationalError(words)
    assert is_denied(own)
    assert is_denied(sa.exc.OperationalError("INSERT", {}, own))


@pytest.mark.parametrize(
    ("number", "is_one"), [(errno.EACCES, True), (errno.EPERM, True), (errno.EROFS, True), (errno.ENOENT, False)]
)
def test_of_what_the_system_says_its_number_tells(number: int, is_one: bool) -> None:
    assert is_denied(OSError(number, "said")) is is_one


@pytest.mark.parametrize(
    "own",
    [
        psycopg.errors.DiskFull("could not extend file"),
        sqlite3.OperationalError("database or disk is full"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_what_has_no_room_is_a_full_disk(own: Exception) -> None:
    assert is_disk_full(own)
    assert is_disk_full(sa.exc.OperationalError("INSERT", {}, own))


def test_a_table_that_the_system_denies_is_not_called_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "denied")

    monkeypatch.setattr(reading, "_check_footer", denied)
    with pytest.raises(PermissionError):
        next(reading.batches_of(tmp_path / "runs.parquet", pa.schema([]), set(), "runs", Budget(1_000)))


@pytest.mark.parametrize(("number", "told"), [(errno.ENOSPC, InsufficientStorage), (errno.EACCES, Away)])
def test_work_is_told_of_no_room_and_of_taken_rights_as_what_it_waits_for(
    tmp_path: Path, number: int, told: type[Problem]
) -> None:
    with pytest.raises(told), telling_the_systems(Settings(data=str(tmp_path))):
        raise OSError(number, os.strerror(number))


@pytest.mark.parametrize("fault", [NotFound("NotThere", "No space left"), OSError(errno.EIO, "broken")])
def test_what_the_system_did_not_say_stays_as_it_was_raised(tmp_path: Path, fault: Exception) -> None:
    with pytest.raises(type(fault)) as raised, telling_the_systems(Settings(data=str(tmp_path))):
        raise fault
    assert raised.value is fault
