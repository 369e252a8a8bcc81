"""How much the tables of one bag may become: packed well, a few hundred bytes of Parquet are gigabytes of rows."""

import shutil
from pathlib import Path

from freehold.kit.problems import InsufficientStorage
from freehold.lifecycle.bag.split import split_size
from freehold.lifecycle.imports.refusal import Refused

FREELY = 512 << 20
TIMES = 300
"""A bag's tables may be read as so many bytes without asking, or as so many times the bytes of the bag. What repeats
itself most in an honest one, metric points that never change, comes to about a hundred times."""


class Budget:
    """Bytes that tables may still be read as. `is_all_there_is`: the disk has no room for more."""

    def __init__(self, left: int, *, is_all_there_is: bool = False) -> None:
        self._left = left
        self._is_all_there_is = is_all_there_is

    def spend(self, size: int, where: str) -> None:
        """Raises Refused, or InsufficientStorage."""
        self.require(size, where)
        self._left -= size

    def require(self, size: int, where: str) -> None:
        """As `spend`, of what is only announced. Raises Refused, or InsufficientStorage."""
        if size <= self._left:
            return
        if self._is_all_there_is:
            message = "The disk has too little room for what is in the bag. Free some space, then import it again."
            raise InsufficientStorage("InsufficientStorage", message)
        raise Refused("BagTooLarge", "Its tables become far more bytes than the bag has, or than one may.", where)


def budget_of(bag: Path, largest: int) -> Budget:
    """The least of the largest bag that the server takes, half of the free disk, and what a bag of this size can hold.

    What is needed to find out which ids there are counts too: the same rows are read up to three times.
    """
    free, allowed = shutil.disk_usage(bag.parent).free // 2, min(largest, max(FREELY, TIMES * split_size(bag)))
    return Budget(min(free, allowed), is_all_there_is=free < allowed)
