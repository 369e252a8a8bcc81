"""What every domain function takes first, as `db`: one open transaction and the sources of time and ids."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from freehold.kit.clock import Clock
from freehold.kit.ids import IdSource

if TYPE_CHECKING:
    from freehold.storage.keys import KeyStore


class Transaction:
    __slots__ = ("_after", "_clock", "_ids", "_undoing", "connection", "keys")

    def __init__(self, connection: sa.Connection, clock: Clock, ids: IdSource, keys: "KeyStore") -> None:
        self.connection = connection
        self.keys = keys
        self._clock = clock
        self._ids = ids
        self._after: list[Callable[[], None]] = []
        self._undoing: list[Callable[[], object]] = []

    def execute(
        self,
        statement: sa.Executable,
        params: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    ) -> sa.CursorResult[Any]:
        return self.connection.execute(statement, params)

    def now(self) -> int:
        """Microseconds since 1970 in UTC."""
        return self._clock.now()

    def new_id(self) -> str:
        return self._ids.new_id()

    def after_commit(self, action: Callable[[], None]) -> None:
        """Run `action` once this transaction is durable; never if it fails."""
        self._after.append(action)

    def if_undone(self, action: Callable[[], object]) -> None:
        """Run `action` if this transaction is undone: it takes back what was done outside the database. A command may
        be run again after it, be it only because another one of its group was refused."""
        self._undoing.append(action)

    def take_after_commit(self) -> list[Callable[[], None]]:
        """For the database: hands over the actions, once."""
        actions, self._after = self._after, []
        return actions

    def take_if_undone(self) -> list[Callable[[], object]]:
        """For the database: hands over the actions, once, in the order in which they are to be run."""
        actions, self._undoing = self._undoing, []
        return actions[::-1]
