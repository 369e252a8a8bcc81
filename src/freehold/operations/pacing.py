"""Long work gives way: while clients write, its steps take small budgets, and a pause follows each.

SQLite has one writer, so what a step takes, somebody waits for. Where nobody writes, nothing is held back. PostgreSQL
needs none of this: a step locks its own rows only.
"""

import time

from freehold.storage.database import Database

SHORT = 0.01
"""Seconds that a step may hold the writer while clients write."""
SHARE, SHARE_LATER = 0.02, 0.5
"""The part of the time that steps take then, and after PATIENCE."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.3, 0.6
"""Few steps with long pauses: a short one is felt as well, by those who ask at that moment."""
PATIENCE = 20.0
"""Seconds of long pauses in all: after them clients and the operation take turns. A DELETE promises to be done soon."""
FIRST, SMALLEST = 0.25, 0.1
"""`factor` before it is known whether clients write, and its least: below, a step's fixed cost outweighs what it does.
"""
RESTS = 3
"""So many times as long as it computed does a step's work rest."""
BUSY = 50.0
"""Commands of clients a second, from which on they count as writing."""
OWN = 3
"""Commands that a step gives the writer itself."""


class Pace:
    """Of one operation. `factor`: the part of its usual budgets that a step takes now."""

    def __init__(self, database: Database) -> None:
        self.factor = FIRST if database.is_embedded else 1.0
        self._database = database
        self._seen = database.commands
        self._looked_at = time.monotonic()
        self._left = PATIENCE

    def pause_after(self, seconds: float) -> float:
        """How long to wait after a step that held the writer for `seconds`."""
        if not self._clients_write():
            self.factor = 1.0
            return 0.0
        wanted = self.factor * SHORT / max(seconds, SHORT / 2)
        self.factor = min(1.0, max(SMALLEST, wanted))
        if seconds == 0.0:
            return 0.0
        pause = min(max(seconds / SHARE, SHORTEST_PAUSE), LONGEST_PAUSE)
        if pause > self._left:
            return min(seconds / SHARE_LATER, LONGEST_PAUSE)
        self._left -= pause
        return pause

    def rest(self, seconds: float) -> None:
        """In the middle of a step's work that has computed for `seconds`: where clients write, leave them the
        interpreter for longer than that."""
        if self._database.is_embedded and self._clients_write():
            time.sleep(min(seconds * RESTS, LONGEST_PAUSE))

    def _clients_write(self) -> bool:
        now, count = time.monotonic(), self._database.commands
        elapsed, others = now - self._looked_at, count - self._seen - OWN
        self._looked_at, self._seen = now, count
        return others > BUSY * elapsed
