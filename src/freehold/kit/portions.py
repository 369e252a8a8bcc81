"""How many things to take at once, where each may be of any size."""

GROWTH = 8


class Portions:
    """So many at a time that they weigh about `size` bytes, going by those before; `most` at most.

    `first` of them at first, and not many times as many as before: what follows small things may be large.
    """

    def __init__(self, most: int, size: int, first: int = 1) -> None:
        self._most, self._size, self._first = most, size, first
        self._count = 0
        self._weight = 0

    def weigh(self, size: int) -> None:
        """Bytes of something that the last portion held."""
        self._weight += size

    def next(self) -> int:
        """How many to take now."""
        fitting = self._count * self._size // self._weight if self._weight else self._most
        self._count = max(1, min(self._most, fitting, self._count * GROWTH or self._first))
        self._weight = 0
        return self._count
