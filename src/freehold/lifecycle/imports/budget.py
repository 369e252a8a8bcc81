"""How much the tables of one bag may become: packed well, a few hundred bytes of Parquet are gigabytes of rows."""

import shutil
from pathlib import Path

from freehold.lifecycle.bag.split import split_size
from freehold.lifecycle.imports.refusal import Refused

FREELY = 512 << 20
TIMES = 300
"""A bag's tables may be read as so many bytes without asking, or as so many times the bytes of the bag. What repeats
itself most in an honest one, metric points that never change, comes to about a hundred times."""


class Budget:
    """Bytes that tables may still be read as. Raises Refused for more."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self, size: int, where: str) -> None:
        self._left -= size
        if self._left < 0:
            message = "Its tables become more bytes than an import takes: far more than the bag has, or than the disk."
            raise Refused("BagTooLarge", message, where)


def budget_of(bag: Path, largest: int) -> Budget:
    """The least of the largest bag that the server takes, half of the free disk, and what a bag of this size can hold.

    What is needed to find out which ids there are counts too: the same rows are read up to three times.
    """
    free = shutil.disk_usage(bag.parent).free // 2
    return Budget(min(largest, free, max(FREELY, TIMES * split_size(bag))))
