"""SHA-256 over bytes that stream by."""

import hashlib
from collections.abc import Iterable, Iterator


class Sha256Meter:
    """Counts and digests what passes through it."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self.size = 0

    def feed(self, piece: bytes | memoryview) -> None:
        self._digest.update(piece)
        self.size += len(piece)

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.feed(piece)
            yield piece

    @property
    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def sha256_hex(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
