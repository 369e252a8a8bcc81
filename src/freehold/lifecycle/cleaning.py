"""What is done to a database's files before they are searched: no row that was removed may be left in a corner of them.

SQLite: no dangling link, the log emptied, the slack of every page zeroed (storage/slack.py). While that goes over the
file nobody waits: writers write to the log, which is kept from being copied into the file meanwhile. Then, in one
short stop, what they wrote is copied and the pages it touched are cleaned too. PostgreSQL: what can be had without
locking others out.
"""

import os
from functools import partial
from pathlib import Path
from typing import Any

from freehold.kit.faults import passing
from freehold.kit.problems import Problem
from freehold.lifecycle.evidence import Evidence
from freehold.lifecycle.levels import LOGICALLY, VERIFIED
from freehold.lifecycle.reach import Reach
from freehold.operations.steps import OperationContext
from freehold.storage.database import PostgresDatabase, SqliteDatabase
from freehold.storage.slack import UnknownLayout, layout_of, pages_in_log, wipe

POSTGRES_KEEPS = (
    "the write-ahead log and its archives, until they are recycled",
    "replicas and base backups",
    "dead rows inside pages and statistics, until PostgreSQL rewrites them",
    "the server log, where it records statements",
)
LOG_PATIENCE = 120
"""Seconds."""
BUSY_MILLISECONDS = 200
BREATH = 0.002
"""Seconds between two reads of the file, so that whoever waits for an answer gets it."""


class NotErased(Problem):
    """Something is left. The operation tries again, and in the end needs attention: it never says *verified*."""


def clean_database(context: OperationContext, waiting: list[Evidence]) -> dict[str, Any]:
    """Returns what the certificate says of this store. Raises NotErased while it cannot be cleaned."""
    database = context.database
    if isinstance(database, SqliteDatabase):
        database.beside(_refuse_dangling)
        _clean_sqlite(context, database)
        return {"store": "SQLite database and its log", "level": VERIFIED}
    assert isinstance(database, PostgresDatabase)
    targets = (target for evidence in waiting for target in evidence.targets)
    _vacuum(database, {each.table.name for target in targets for each in Reach(target).records()})
    return {"store": "PostgreSQL", "level": LOGICALLY, "what_stays": list(POSTGRES_KEEPS)}


def _refuse_dangling(raw: Any) -> None:
    if raw.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise NotErased("DanglingLinks", "A row refers to a row that is gone. Look at the server's log.")


def _clean_sqlite(context: OperationContext, database: SqliteDatabase) -> None:
    """A reader in another process (an export's snapshot) keeps the log in use: wait for it, while writers go on."""
    for _ in range(LOG_PATIENCE):
        database.beside(_copy_log)
        if _wipe_slack(context, database):
            return
        context.stopping.wait(1.0)
        context.check()
    raise NotErased("LogInUse", "Another process reads the database, so its log cannot be emptied. Stop it.")


def _copy_log(raw: Any) -> None:
    """Beside the writers, so that little is left to do while they wait."""
    raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()


def _wipe_slack(context: OperationContext, database: SqliteDatabase) -> bool:
    """False: somebody reads an older state, so that the log could not be emptied."""
    passing("erase:log:untruncated")
    try:
        layout = layout_of(database.file)
    except UnknownLayout:
        return database.exclusively(_write_anew)
    with database.another() as keeper:
        if not database.exclusively(partial(_keep_log_empty, keeper)):
            return False
        passing("erase:log:kept")
        layout = layout_of(database.file)
        wipe(database.file, layout, range(1, layout.pages + 1), partial(_breathe, context))
        os.fdatasync(database.file)
        passing("erase:slack:wiped")
        done = database.exclusively(partial(_wipe_touched, keeper, database))
    passing("erase:slack:done")
    return done


def _keep_log_empty(keeper: Any, raw: Any) -> bool:
    """A reader that began while the log is empty reads the file alone: until it ends nothing is copied into that."""
    if not _empty_log(raw):
        return False
    keeper.execute("BEGIN")
    keeper.execute("SELECT count(*) FROM sqlite_master").fetchone()
    return True


def _wipe_touched(keeper: Any, database: SqliteDatabase, raw: Any) -> bool:
    """A page that was written meanwhile has its old slack, from the memory of the connection that wrote it.

    The commit that changes nothing makes every connection forget the pages that it remembers.
    """
    layout = layout_of(database.file)
    touched = pages_in_log(Path(f"{database.path}-wal"), layout.page_size)
    keeper.execute("ROLLBACK")
    _commit_nothing(keeper)
    passing("erase:slack:touched")
    if not _empty_log(raw):
        return False
    wipe(database.file, layout_of(database.file), sorted(touched | {1}))
    os.fdatasync(database.file)
    return True


def _commit_nothing(keeper: Any) -> None:
    """It writes the first page."""
    keeper.execute("BEGIN IMMEDIATE")
    version = keeper.execute("PRAGMA user_version").fetchone()[0]
    keeper.execute(f"PRAGMA user_version = {int(version)}")
    keeper.execute("COMMIT")


def _write_anew(raw: Any) -> bool:
    """For a file that cannot be cleaned in place: every writer waits until all of it is written."""
    raw.execute("PRAGMA temp_store=FILE")  # in memory it would take as much as the database has bytes
    try:
        raw.execute("VACUUM")
    finally:
        raw.execute("PRAGMA temp_store=MEMORY")
    return _empty_log(raw)


def _empty_log(raw: Any) -> bool:
    """Not with the usual busy timeout: it would hold every writer up."""
    before = raw.execute("PRAGMA busy_timeout").fetchone()[0]
    raw.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    try:
        return bool(raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    finally:
        raw.execute(f"PRAGMA busy_timeout={int(before)}")


def _breathe(context: OperationContext) -> None:
    context.stopping.wait(BREATH)
    context.check()


def _vacuum(database: PostgresDatabase, tables: set[str]) -> None:
    """What can be had without locking others out. Names come from the catalogue."""
    with database.engine.connect() as connection:
        plain = connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in sorted(tables):
            plain.exec_driver_sql(f'VACUUM (INDEX_CLEANUP ON, ANALYZE) "{table}"')
