"""Keeps SQLite's write-ahead log short while nobody waits for it.

SQLite itself copies the log into the database's file in the middle of a commit, and while a reader stands in the way of
the log's beginning anew, in the middle of each commit. Here a thread beside the writer copies what is in the log; then
the writer copies the little that came meanwhile, after which SQLite begins the log anew.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

log = logging.getLogger("freehold.storage")
PAGES = 3_000
"""In the log when it is copied: 12 MB. With a third of that a server under load copies the same pages more often."""
FIRST, MOST = 1_000, 4_000
"""Changed rows between two copies: at first, and at most. Which number makes PAGES is seen when copying."""
LENGTHENED = 4 << 20
"""Bytes that the log's file may grow by without a copy: few rows may fill many pages, and until they are copied their
room on the disk is taken twice."""


class Copied(NamedTuple):
    """`is_hindered`: another copies at the moment; then `pages` and `in_file` tell nothing. `pages` of the log,
    `in_file` of them by now."""

    is_hindered: bool
    pages: int
    in_file: int


def log_of(database: Path) -> Path:
    """The file of its write-ahead log."""
    return database.with_name(f"{database.name}-wal")


def copy_log(raw: Any) -> Copied:
    """Into the database's file, as much as no reader stands in the way of; writers go on meanwhile."""
    is_hindered, pages, in_file = raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return Copied(bool(is_hindered), pages, in_file)


class WriteAheadLog:
    """`beside` runs a call with a connection that is not the writer's (Database.beside)."""

    def __init__(self, database: Path, beside: Callable[[Callable[[Any], Copied]], Copied]) -> None:
        self._path = log_of(database)
        self._beside = beside
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="freehold-log")
        self._copying: Future[Copied] | None = None
        self._between = FIRST
        self._changes = self._length = 0
        self._standing = 0
        """Pages that a reader kept from being copied or begun anew."""

    @staticmethod
    def take_over(raw: Any) -> None:
        """Commits on the writer's connection copy nothing by themselves any more."""
        raw.execute("PRAGMA wal_autocheckpoint=0")

    def after_commit(self, raw: Any) -> None:
        """On the writer's thread, outside a transaction. A copy that fails is tried again: the commit stands."""
        if self._copying is None:
            if raw.total_changes - self._changes >= self._between or self._file_length() - self._length >= LENGTHENED:
                self._copying = self._thread.submit(self._beside, copy_log)
        elif self._copying.done():
            self._finish(raw, self._copying)
            self._copying, self._changes, self._length = None, raw.total_changes, self._file_length()

    def make_room(self, raw: Any) -> None:
        """After a commit for which the disk had no room: once it is copied, the log begins anew in the room it has."""
        with suppress(Exception):
            copy_log(raw)

    def close(self) -> None:
        """Before the connections are closed, the last of which copies what is left."""
        self._thread.shutdown(wait=True)

    def _finish(self, raw: Any, copying: "Future[Copied]") -> None:
        try:
            copying.result()
            copied = copy_log(raw)
        except Exception as fault:
            log.warning("the log was not copied", extra={"fault": type(fault).__name__})
            return
        if not copied.is_hindered:
            changes = raw.total_changes - self._changes
            self._between = _next_number(self._between, changes, copied.pages - self._standing)
            self._standing = copied.pages if copied.in_file < copied.pages else 0

    def _file_length(self) -> int:
        """0 where not even the first transaction began, or nobody may look: the changed rows tell enough, and the
        writer's thread must not end of it."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0


def _next_number(before: int, changes: int, pages: int) -> int:
    """Of changed rows, after so many of which so many pages were new. More only step by step, for rows differ."""
    return max(1, min(changes * PAGES // max(1, pages), before * 2, MOST))
