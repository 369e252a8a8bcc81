"""The one source of time: microseconds since 1970 in UTC. A lint forbids every other."""

import time
from datetime import UTC, datetime
from typing import Protocol

MICROSECONDS = 1_000_000
EARLIEST, LATEST = -62_135_596_800 * MICROSECONDS, 253_402_300_800 * MICROSECONDS - 1
"""The first moment of the year 1 and the last of 9999: what lies outside can be neither printed nor read."""


class Clock(Protocol):
    def now(self) -> int:
        """Microseconds since 1970-01-01T00:00:00Z."""
        ...


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1_000


class FixedClock:
    """A clock that tests set; `step` microseconds pass at every look."""

    def __init__(self, at: int = 1_790_000_000 * MICROSECONDS, step: int = 0) -> None:
        self.at = at
        self.step = step

    def now(self) -> int:
        self.at += self.step
        return self.at


def to_datetime(at: int) -> datetime:
    seconds, micro = divmod(at, MICROSECONDS)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=micro)


def to_iso(at: int) -> str:
    """RFC 3339 with microseconds and a zone, as the Azure data plane prints times."""
    return to_datetime(at).isoformat(timespec="microseconds")


def from_iso(text: str) -> int:
    """Microseconds of an ISO 8601 time; a time without zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    at = (delta.days * 86_400 + delta.seconds) * MICROSECONDS + delta.microseconds
    if not EARLIEST <= at <= LATEST:
        raise ValueError("a zone puts this time outside the years 1 to 9999")
    return at
