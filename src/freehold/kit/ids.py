"""Public ids: UUIDv7 text, never reused. Time-ordered, so that indexes on them append."""

import itertools
import os
import threading
from typing import Protocol

from freehold.kit.clock import Clock


class IdSource(Protocol):
    def new_id(self) -> str:
        """A UUIDv7 in its 36-character lower-case form."""
        ...


class UuidSource:
    """UUIDv7 with a 12-bit counter inside the millisecond, so ids of one process are strictly ordered."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._last = 0

    def new_id(self) -> str:
        with self._lock:
            ticks = max((self._clock.now() // 1_000) << 12, self._last + 1)
            self._last = ticks
        return _format(ticks, int.from_bytes(os.urandom(8), "big"))


class SequentialIds:
    """Ids that count up from 1: the same world gives the same ids. For tests."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new_id(self) -> str:
        number = next(self._numbers)
        return _format(number << 12, number)


def _format(ticks: int, random: int) -> str:
    """48 bits of milliseconds, version 7, 12 bits of counter, variant, 62 random bits (RFC 9562)."""
    high = (ticks >> 12 << 16) | 0x7000 | (ticks & 0xFFF)
    low = (random & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
    text = f"{high:016x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
