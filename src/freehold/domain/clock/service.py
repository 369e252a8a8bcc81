"""Looks at the clock, which may jump: what removes by age, or compares times, asks here (docs/decisions/0023)."""

from freehold.domain.clock import queries, rules
from freehold.domain.clock.rules import Extremes, Looks
from freehold.kit.clock import MICROSECONDS
from freehold.storage.database import Database
from freehold.storage.transaction import Transaction

MARGIN = 3_600 * MICROSECONDS
"""Microseconds. A clock that goes back by less than the time between two looks is not seen to."""


def look(database: Database) -> bool:
    """Remember the time. Whether the clock may be believed: it has gone on evenly for a day."""
    seen, now = database.read_now(lambda db: (queries.find(db), db.now()))
    if seen is None or rules.is_time(now, seen[0]):
        return rules.is_believed(database.write_now(_look))
    return rules.is_believed(seen[0])


def _look(db: Transaction) -> Looks:
    seen, now = queries.find(db), db.now()
    if seen is None:
        looks, extremes = rules.first_look(now), Extremes(now)
    else:
        looks, extremes = rules.look(now, seen[0]), rules.widened(now, *seen)
    queries.keep(db, looks, extremes)
    return looks


def is_believed(db: Transaction) -> bool:
    """Without remembering anything, for a moment at which nobody has looked for long."""
    seen = queries.find(db)
    return seen is None or rules.is_believed(rules.look(db.now(), seen[0]))


def latest(db: Transaction) -> int:
    """Now, or the latest time that the clock has ever shown: what is kept for a time from here on is not kept for less
    because the clock has gone back."""
    seen = queries.find(db)
    return db.now() if seen is None else max(db.now(), seen[1].latest)


def surely_after(db: Transaction) -> int:
    """Now, or a time later than any that was written until now by a clock that ran ahead."""
    seen, now = queries.find(db), db.now()
    return now if seen is None or seen[1].latest <= now else seen[1].latest + MARGIN


def surely_before(db: Transaction, at: int) -> int:
    """What was made earlier than this was made before `at`, whatever the clock has done."""
    seen = queries.find(db)
    back_to = seen[1].gone_back_to if seen is not None else None
    return (at if back_to is None else min(at, back_to)) - MARGIN


def surely_until(db: Transaction, at: int) -> int:
    """What has a time up to this one was done by `at`: nothing of which it may be that the clock was behind, and that
    it was done no earlier than the clock was put right."""
    seen = queries.find(db)
    if seen is None or seen[1].put_right_at is None or seen[1].gone_back_to is None or at >= seen[1].put_right_at:
        return at
    return min(at, seen[1].gone_back_to - MARGIN)


def is_even_since(db: Transaction, at: int) -> bool:
    """Whether the clock has gone on evenly since it showed `at`, so that times may be compared."""
    seen = queries.find(db)
    if seen is None:
        return at <= db.now()
    return rules.look(db.now(), seen[0]).even_since <= at <= db.now()
