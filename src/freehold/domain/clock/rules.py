"""When the clock may be believed. Pure decisions; times are microseconds UTC."""

from typing import NamedTuple

from freehold.kit.clock import MICROSECONDS

DAY = 24 * 3_600 * MICROSECONDS
LONGEST_FORWARD = DAY
"""Between two looks. A server may be off for a night; a clock that has gone further may have jumped."""
LONGEST_BACK = 60 * MICROSECONDS
PROBATION = DAY
"""So long a clock that may have jumped must go on evenly before anything is removed or erased by it."""
LOOK_EVERY = 600 * MICROSECONDS


class Looks(NamedTuple):
    """`looked_at`: the last look at the clock. `even_since`: from then on no jump was seen."""

    looked_at: int
    even_since: int


class Extremes(NamedTuple):
    """`latest`: the latest time that the clock has ever shown. `gone_back_to`: the earliest to which it went back; None
    where it never did. What was made before that, was made in the order of its times. `put_right_at`: when it had last
    caught up with what it had shown. A time between these two may be that of something made just then. `fell_from`:
    what it showed before it last went back; after a clock that ran years ahead, `latest` is not caught up with."""

    latest: int
    gone_back_to: int | None = None
    put_right_at: int | None = None
    fell_from: int | None = None


def first_look(now: int) -> Looks:
    """Nothing speaks against the clock as it stands, so it is believed."""
    return Looks(now, now - PROBATION)


def look(now: int, seen: Looks) -> Looks:
    """Where time has not gone on as it should since the last look, belief begins anew."""
    is_even = not has_gone_back(now, seen) and now - seen.looked_at <= LONGEST_FORWARD
    return Looks(now, seen.even_since if is_even else now)


def is_time(now: int, seen: Looks) -> bool:
    """To look again; also when the clock has gone back, which must be noticed before it has caught up."""
    return now >= seen.looked_at + LOOK_EVERY or has_gone_back(now, seen)


def has_gone_back(now: int, seen: Looks) -> bool:
    return now < seen.looked_at - LONGEST_BACK


def is_believed(seen: Looks) -> bool:
    return seen.looked_at - seen.even_since >= PROBATION


def widened(now: int, seen: Looks, before: Extremes) -> Extremes:
    latest, back_to, right_at, fell_from = before
    if has_gone_back(now, seen):
        back_to = now if back_to is None else min(back_to, now)
        right_at = None if right_at is None else min(right_at, now)  # what was ahead had not put it right
        fell_from = seen.looked_at
    elif any(mark is not None and seen.looked_at < mark <= now for mark in (latest, fell_from)):
        right_at = now
    return Extremes(max(latest, now), back_to, right_at, fell_from)
