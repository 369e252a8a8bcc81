"""Bytes that arrive in pieces of any size, as a file that can be read forward only."""

import io
from collections.abc import Iterable
from typing import Any


class Arriving(io.RawIOBase):
    """`seek` goes forward: what is skipped is read and thrown away."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._held = memoryview(b"")
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        taken = self._take(len(buffer))
        buffer[: len(taken)] = taken
        return len(taken)

    def read(self, size: int = -1) -> bytes:
        """So many bytes, fewer only where there are no more."""
        parts: list[memoryview] = []
        while size > 0 and (taken := self._take(size)):
            parts.append(taken)
            size -= len(taken)
        return b"".join(parts)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        while self._position < offset and self._take(offset - self._position):
            pass
        return self._position

    def _take(self, most: int) -> memoryview:
        while not self._held:
            piece = next(self._pieces, None)
            if piece is None:
                break
            self._held = memoryview(piece)
        taken, self._held = self._held[:most], self._held[most:]
        self._position += len(taken)
        return taken
