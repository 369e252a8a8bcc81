"""An append-only Merkle tree (RFC 6962, section 2.1) that gives roots, inclusion proofs and tiles of any size so far.

Every hash of a complete subtree is kept: 64 bytes a leaf. Nothing is ever recomputed, so a tile once full stays.
"""

import hashlib
from collections.abc import Sequence

TILE_WIDTH = 256
TILE_HEIGHT = 8


class Tree:
    def __init__(self) -> None:
        self._levels: list[list[bytes]] = [[]]
        """`_levels[k][i]`: the hash of the leaves from i · 2^k to (i + 1) · 2^k."""

    @property
    def size(self) -> int:
        return len(self._levels[0])

    def append(self, entry: bytes) -> None:
        self._levels[0].append(leaf_hash(entry))
        level = 0
        while len(self._levels[level]) % 2 == 0:
            if level + 1 == len(self._levels):
                self._levels.append([])
            self._levels[level + 1].append(node_hash(*self._levels[level][-2:]))
            level += 1

    def root(self, size: int) -> bytes:
        """The root over the first `size` leaves, which must be there."""
        return self._hash(0, size) if size else hashlib.sha256().digest()

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The audit path of a leaf, nearest sibling first (RFC 6962, section 2.1.1)."""
        path: list[bytes] = []
        begin, end = 0, size
        while end - begin > 1:
            middle = begin + _split(end - begin)
            if index < middle:
                path.append(self._hash(middle, end))
                end = middle
            else:
                path.append(self._hash(begin, middle))
                begin = middle
        return path[::-1]

    def tile(self, level: int, index: int, width: int, size: int) -> bytes | None:
        """`width` hashes of the tile, 32 bytes each; None where the first `size` leaves do not fill as many."""
        begin = index * TILE_WIDTH
        if begin + width > size >> (TILE_HEIGHT * level):
            return None
        return b"".join(self._levels[TILE_HEIGHT * level][begin : begin + width])

    def _hash(self, begin: int, end: int) -> bytes:
        width = end - begin
        level = width.bit_length() - 1
        if width == 1 << level and begin % width == 0:
            return self._levels[level][begin >> level]
        middle = begin + _split(width)
        return node_hash(self._hash(begin, middle), self._hash(middle, end))


def leaf_hash(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle of tlog-tiles: each entry after its length in two bytes, the high one first."""
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def _split(width: int) -> int:
    """The largest power of two below `width`."""
    return 1 << ((width - 1).bit_length() - 1)
