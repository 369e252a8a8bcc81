"""Long work gives way: while clients write, its steps take small budgets, and a pause follows each.

SQLite has one writer, so what a step takes, somebody waits for. Where nobody writes, nothing is held back. PostgreSQL
needs none of this: a step locks its own rows only.
"""

import time

from freehold.storage.database import Database

SHORT = 0.006
"""Seconds that a step may hold the writer while clients write."""
SHARE, SHARE_LATER = 0.006, 0.2
"""The part of the time that steps take then, and after PATIENCE."""
SHORTEST_PAUSE, LONGEST_PAUSE = 0.8, 3.0
"""Few steps with long pauses: a short one is felt as well, by those who ask at that moment."""
PATIENCE = 180.0
"""Seconds of long pauses and rests in all, for a DELETE promises to be done soon."""
MOST, FIRST, SMALLEST = 0.5, 0.25, 0.05
"""`factor` while clients write: its most, that of the first step, and its least: below, a step's fixed cost outweighs
what it does."""
RESTS = 20
"""So many times as long as it computed does a step's work rest."""


class Pace:
    """Of one operation. `factor`: the part of its usual budgets that a step takes now."""

    def __init__(self, database: Database) -> None:
        self.factor = FIRST if database.clients_write else 1.0
        self._database = database
        self._left = PATIENCE

    def pause_after(self, held: float, worked: float = 0.0) -> float:
        """How long to wait after a step that held the writer for `held` seconds, having `worked` for some before, with
        budgets of `factor`."""
        if not self._database.clients_write:
            self.factor = 1.0
            return 0.0
        if held == 0.0:
            return 0.0
        wanted = self.factor * SHORT / max(held, SHORT / 2)
        self.factor = min(MOST, max(SMALLEST, wanted))
        return self._patiently(max((held + worked) / SHARE, SHORTEST_PAUSE), held)

    def rest(self, seconds: float) -> None:
        """In the middle of a step's work that has computed for `seconds`: where clients write, leave them the
        interpreter for longer than that."""
        if self._database.clients_write:
            time.sleep(self._patiently(seconds * RESTS, seconds))

    def _patiently(self, wanted: float, taken: float) -> float:
        """So long while patience lasts, then what makes of `taken` its later share; not above the longest pause."""
        pause = min(wanted, LONGEST_PAUSE)
        if pause > self._left:
            return min(taken / SHARE_LATER, LONGEST_PAUSE)
        self._left -= pause
        return pause
