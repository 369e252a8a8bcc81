"""Which faults are the system's, that denies this server its own files."""

import errno
import sqlite3

import psycopg
import pytest
import sqlalchemy as sa

from freehold.storage.portable import is_denied, is_integrity_fault


@pytest.mark.parametrize("words", ["readonly database", "unable to open database file", "access permission denied"])
def test_a_name_that_a_client_gave_is_no_denial(words: str) -> None:
    """PostgreSQL says which value stands already, and a client may have called a thing anything."""
    told = f"duplicate key value violates unique constraint\nDETAIL:  Key (name)=({words}) already exists."
    own = psycopg.errors.UniqueViolation(told)
    for fault in (own, sa.exc.IntegrityError("INSERT", {}, own)):
        assert is_integrity_fault(fault)
        assert not is_denied(fault)


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
