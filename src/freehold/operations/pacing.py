"""Long work gives way: while clients write, its steps take small budgets, and a pause follows each.

SQLite has one writer, so what a step takes, somebody waits for. Where nobody writes, nothing is held back. PostgreSQL
needs none of this: a step locks its own rows only.
"""

import time

from freehold.storage.database import Database

SHORT = 0.005
"""Seconds that a step may hold the writer while clients write."""
SHARE = 0.1
"""The part of the time that steps take then."""
LONGEST_PAUSE = 0.25
PATIENCE = 20.0
"""Seconds of pauses in all: after them it is the operation's turn. A DELETE promises to be done within a minute."""
SMALLEST = 0.02
BUSY = 50.0
"""Commands of clients a second, from which on they count as writing."""
OWN = 3
"""Commands that a step gives the writer itself."""


class Pace:
    """Of one operation. `factor`: the part of its usual budgets that a step takes now."""

    def __init__(self, database: Database) -> None:
        self.factor = 1.0
        self._database = database
        self._seen = database.commands
        self._looked_at = time.monotonic()
        self._left = PATIENCE

    def pause_after(self, seconds: float) -> float:
        """How long to wait after a step that held the writer for `seconds`."""
        if not self._clients_write():
            self.factor = 1.0
            return 0.0
        self.factor = min(1.0, max(SMALLEST, self.factor * SHORT / max(seconds, SHORT / 4)))
        pause = min(seconds * (1 / SHARE - 1), LONGEST_PAUSE, self._left)
        self._left -= pause
        return pause

    def _clients_write(self) -> bool:
        now, count = time.monotonic(), self._database.commands
        elapsed, others = now - self._looked_at, count - self._seen - OWN
        self._looked_at, self._seen = now, count
        return others > BUSY * elapsed
