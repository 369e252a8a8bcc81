"""What is done to a database's files before they are searched: no row that was removed may be left in a corner of them.

SQLite: the slack of every page zeroed (storage/slack.py), the log emptied. While that goes over the file nobody waits:
writers write to the log, which is kept from being copied into the file meanwhile. Then it is copied, still beside
them, and in one short stop the pages that it touched are cleaned too. PostgreSQL: what can be had without
locking others out.
"""

import os
import time
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
from freehold.storage.slack import PagesInLog, UnknownLayout, layout_of, pages_in_log, wipe
from freehold.storage.write_ahead import copy_log, log_of

POSTGRES_KEEPS = (
    "the write-ahead log and its archives, until they are recycled",
    "replicas and base backups",
    "dead rows inside pages and statistics, until PostgreSQL rewrites them",
    "the server log, where it records statements",
)
LOG_PATIENCE = 120
"""Seconds."""
BUSY_MILLISECONDS = 200
CUT = 2 << 20
"""Bytes of the log's file: some milliseconds."""
BREATH = 3
"""So many times as long as the last portion took; longer ones would let the log grow, which is not copied meanwhile."""


class NotErased(Problem):
    """Something is left. The operation tries again, and in the end needs attention: it never says *verified*."""


def clean_database(context: OperationContext, waiting: list[Evidence]) -> dict[str, Any]:
    """Returns what the certificate says of this store. Raises NotErased while it cannot be cleaned."""
    database = context.database
    if isinstance(database, SqliteDatabase):
        _clean_sqlite(context, database)
        return {"store": "SQLite database and its log", "level": VERIFIED}
    assert isinstance(database, PostgresDatabase)
    targets = (target for evidence in waiting for target in evidence.targets)
    _vacuum(database, {each.table.name for target in targets for each in Reach(target).records()})
    return {"store": "PostgreSQL", "level": LOGICALLY, "what_stays": list(POSTGRES_KEEPS)}


def _clean_sqlite(context: OperationContext, database: SqliteDatabase) -> None:
    """A reader in another process (an export's snapshot) keeps the log in use: wait for it, while writers go on."""
    for _ in range(LOG_PATIENCE):
        database.beside(copy_log)
        if _wipe_slack(context, database):
            return
        context.stopping.wait(1.0)
        context.check()
    raise NotErased("LogInUse", "Another process reads the database, so its log cannot be emptied. Stop it.")


def _wipe_slack(context: OperationContext, database: SqliteDatabase) -> bool:
    """False: somebody reads an older state, so that the log could not be emptied."""
    passing("erase:log:untruncated")
    try:
        layout = layout_of(database.file)
    except UnknownLayout:
        return database.exclusively(_write_anew)
    with database.another() as keeper:
        if not database.exclusively(partial(_keep_from_file, keeper)):
            return False
        passing("erase:log:kept")
        layout = layout_of(database.file)
        wipe(database.file, layout, range(1, layout.pages + 1), _Breaths(context, database.file).take)
        os.fdatasync(database.file)
        passing("erase:slack:wiped")
        log = log_of(database.path)
        _stand(keeper)
        found = pages_in_log(log, layout.page_size)
        database.beside(copy_log)
        if not database.exclusively(partial(_wipe_touched, keeper, database, log, found)):
            return False
    passing("erase:slack:done")
    return _cut_log(context, database, log)


def _keep_from_file(keeper: Any, raw: Any) -> bool:
    """A reader that begins when all of the log is copied reads the file alone: until it ends nothing is copied into
    that. The next writer begins the log anew; to cut it off here would make each commit lengthen it again."""
    if not _checkpoint(raw, "RESTART"):
        return False
    _begin_to_read(keeper)
    return True


def _stand(keeper: Any) -> None:
    """At the log's end: so much of it may be copied from now on, but it cannot begin anew: no page in it is missed."""
    keeper.execute("ROLLBACK")
    _begin_to_read(keeper)


def _begin_to_read(keeper: Any) -> None:
    """With a look, for before the first one no state is kept."""
    keeper.execute("BEGIN")
    keeper.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _wipe_touched(keeper: Any, database: SqliteDatabase, log: Path, found: PagesInLog, raw: Any) -> bool:
    """A page that was written meanwhile has its old slack, from the memory of the connection that wrote it.

    The commit that changes nothing makes every connection forget the pages that it remembers.
    """
    layout = layout_of(database.file)
    touched = found.numbers | pages_in_log(log, layout.page_size, found.frames).numbers
    keeper.execute("ROLLBACK")
    _commit_nothing(keeper)
    passing("erase:slack:touched")
    if not _checkpoint(raw, "RESTART"):
        return False
    wipe(database.file, layout_of(database.file), sorted(touched | {1}))
    os.fdatasync(database.file)
    return True


def _cut_log(context: OperationContext, database: SqliteDatabase, log: Path) -> bool:
    """What the log held before is in its file until that is cut off: while clients write bit by bit, since a file's
    blocks are given back in the time of whoever cuts."""
    for size in reversed(range(CUT, log.stat().st_size, CUT)):
        if not database.clients_write:
            break
        began = time.perf_counter()
        database.beside(copy_log)
        if not database.exclusively(partial(_cut, log, size)):
            return False
        context.rest(time.perf_counter() - began)
    return database.exclusively(_empty_log)


def _cut(log: Path, size: int, raw: Any) -> bool:
    """A log that has begun anew, with a commit, has other salts than what lies behind that. Without one, what is left
    of it would be a log of an older state, which whoever opens the database after a crash would take for the newest."""
    if not _checkpoint(raw, "RESTART"):
        return False
    _commit_nothing(raw)
    if pages_in_log(log, raw.execute("PRAGMA page_size").fetchone()[0]).frames > 1:
        return False  # it went on where it was
    if log.stat().st_size > size:
        os.truncate(log, size)
    return True


def _commit_nothing(raw: Any) -> None:
    """It writes the first page."""
    raw.execute("BEGIN IMMEDIATE")
    version = raw.execute("PRAGMA user_version").fetchone()[0]
    raw.execute(f"PRAGMA user_version = {int(version)}")
    raw.execute("COMMIT")


def _write_anew(raw: Any) -> bool:
    """For a file that cannot be cleaned in place: every writer waits until all of it is written."""
    raw.execute("PRAGMA temp_store=FILE")  # in memory it would take as much as the database has bytes
    try:
        raw.execute("VACUUM")
    finally:
        raw.execute("PRAGMA temp_store=MEMORY")
    return _empty_log(raw)


def _empty_log(raw: Any) -> bool:
    return _checkpoint(raw, "TRUNCATE")


def _checkpoint(raw: Any, mode: str) -> bool:
    """Not with the usual busy timeout: it would hold every writer up."""
    before = raw.execute("PRAGMA busy_timeout").fetchone()[0]
    raw.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
    try:
        return bool(raw.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()[0] == 0)
    finally:
        raw.execute(f"PRAGMA busy_timeout={int(before)}")


class _Breaths:
    """Between two portions of the file's pages. While clients write, each is on the disk before the next: what is
    flushed in one go holds their commits up."""

    def __init__(self, context: OperationContext, file: int) -> None:
        self._context = context
        self._file = file
        self._began = time.perf_counter()

    def take(self) -> None:
        if self._context.database.clients_write:
            os.fdatasync(self._file)
            time.sleep(BREATH * (time.perf_counter() - self._began))
        self._context.check()
        self._began = time.perf_counter()


def _vacuum(database: PostgresDatabase, tables: set[str]) -> None:
    """What can be had without locking others out. Names come from the catalogue."""
    with database.engine.connect() as connection:
        plain = connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in sorted(tables):
            plain.exec_driver_sql(f'VACUUM (INDEX_CLEANUP ON, ANALYZE) "{table}"')
