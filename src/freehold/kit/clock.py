"""The one source of time: microseconds since 1970 in UTC. A lint forbids every other."""

import time
from datetime import UTC, datetime
from typing import Protocol

MICROSECONDS = 1_000_000


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
    return datetime.fromtimestamp(at / MICROSECONDS, UTC)


def to_iso(at: int) -> str:
    """RFC 3339 with microseconds and a zone, as the Azure data plane prints times."""
    seconds, micro = divmod(at, MICROSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{micro:06d}+00:00"


def from_iso(text: str) -> int:
    """Microseconds of an ISO 8601 time; a time without zone is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * MICROSECONDS + delta.microseconds
