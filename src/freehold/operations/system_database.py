"""The workflow engine's own SQLite file: opened with our pragmas, wiped clean whenever it may be.

DBOS writes its rows here in clear. It is given opaque ids only; even those do not outlive their workflow.
"""

from pathlib import Path
from types import ModuleType
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

FILE = "operations.db"
PRAGMAS = (
    "busy_timeout=30000",
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",
    "foreign_keys=ON",
)
DAMAGED = ("file is not a database", "disk image is malformed")
ROWS_LEFT = "SELECT EXISTS (SELECT 1 FROM workflow_status)"


class SystemDatabase:
    def __init__(self, folder: Path, driver: ModuleType) -> None:
        self.path = folder / FILE
        self._driver = driver
        self.engine = sa.create_engine(f"sqlite:///{self.path}", module=driver, pool_size=4, max_overflow=8)
        event.listen(self.engine, "connect", _prepare)

    def wipe(self) -> bool:
        """Leave no readable trace of deleted rows. False: somebody was reading; try again.

        TRUNCATE empties the WAL. VACUUM rewrites the pages, because a page split in an indexed table leaves a copy
        that secure_delete does not know of; it waits until no workflow is left, when the file is smallest.
        """
        connection = self._driver.connect(self.path, isolation_level=None)
        try:
            _prepare(connection, None)
            if not connection.execute(ROWS_LEFT).fetchone()[0]:
                connection.execute("VACUUM")
            busy: int = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            return busy == 0
        finally:
            connection.close()

    def replace_damaged(self, fault: BaseException) -> bool:
        """Throw a damaged file away: the operations' own rows say all that is needed. False: it is not damaged."""
        text = str(fault)
        if not any(sign in text for sign in DAMAGED):
            return False
        self.engine.dispose()
        for file in self.path.parent.glob(f"{FILE}*"):
            file.unlink()
        return True

    def close(self) -> None:
        self.engine.dispose()


def _prepare(connection: Any, _: object) -> None:
    if connection.isolation_level is not None:
        connection.isolation_level = "IMMEDIATE"  # a transaction that will write takes the lock at once
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
