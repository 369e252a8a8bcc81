"""Two transactions at once on PostgreSQL: one that has done its work and lingers, and another that comes meanwhile."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from freehold.storage.database import Database
from freehold.storage.transaction import Transaction
from tests.patience import patient


class Lingering:
    """A transaction that has done its work and does not commit yet; `first` returns once the work is done."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._done = threading.Event()
        self._pool = ThreadPoolExecutor(2)

    def first(self, work: Callable[[Transaction], object]) -> None:
        def do(db: Transaction) -> None:
            work(db)
            self._done.set()
            db.connection.execute(sa.text("SELECT pg_sleep(1)"))

        self._first = self._pool.submit(self._database.write_now, do)
        assert self._done.wait(patient(30))

    def then(self, work: Callable[[Transaction], object]) -> None:
        """Meanwhile. Raises what it raises, once both have ended."""
        second = self._pool.submit(self._database.write_now, work)
        self._first.result()
        self._pool.shutdown()
        second.result()
