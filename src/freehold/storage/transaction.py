"""What every domain function takes first, as `db`: one open transaction and the sources of time and ids."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from freehold.kit.clock import Clock
from freehold.kit.ids import IdSource

if TYPE_CHECKING:
    from freehold.storage.keys import KeyStore


class Transaction:
    __slots__ = ("_after", "_clock", "_ids", "connection", "keys")

    def __init__(self, connection: sa.Connection, clock: Clock, ids: IdSource, keys: "KeyStore") -> None:
        self.connection = connection
        self.keys = keys
        self._clock = clock
        self._ids = ids
        self._after: list[Callable[[], None]] = []

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

    def take_after_commit(self) -> list[Callable[[], None]]:
        """For the database: hands over the actions, once."""
        actions, self._after = self._after, []
        return actions
