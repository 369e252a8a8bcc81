"""Compares the entries of two bags: what stands still, what came, what changed, what went.

Both sides are sorted outside memory and walked once side by side; where they begin or end alike, not even that.
"""

from array import array
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from freehold.lifecycle.bag.sorting import LineSorter
from freehold.lifecycle.increments.index import DIGEST, Entries, counts_of

NONE = -1
AT_ONCE = 1 << 16
GONE, CHANGED, SAME = 0, 1, 2
Prefix = Callable[[list[tuple[int, int, bytes]]], set[int]]
"""Given (number of a series, points, digest) in order: the numbers of those that begin with such points."""


@dataclass
class Delta:
    """Of one sequence, in rows. `kept`: (at, first, count): before its own row `at` the increment takes `count` rows of
    the base from `first` on. `carried`, `gone`: (first, count), of the new bag and of the base."""

    kept: "array[int]" = field(default_factory=lambda: array("q"))
    carried: "array[int]" = field(default_factory=lambda: array("q"))
    gone: "array[int]" = field(default_factory=lambda: array("q"))
    unchanged: int = 0
    exported: int = 0
    added: int = 0
    went: int = 0

    def keep(self, first: int, count: int) -> None:
        last = self.kept[-3:]
        if last and last[0] == self.exported and last[1] + last[2] == first:
            self.kept[-1] += count
        else:
            self.kept.extend((self.exported, first, count))
        self.unchanged += count

    def carry(self, first: int, count: int, *, is_new: bool) -> None:
        _extend(self.carried, first, count)
        self.exported += count
        self.added += count if is_new else 0

    def lose(self, first: int, count: int) -> None:
        _extend(self.gone, first, count)
        self.went += count


def compare_rows(base: Entries, new: Entries, scratch: Path) -> Delta:
    """The order counts: a row that stands elsewhere among those that stay is carried."""
    matched, state = _match(base, new, scratch)
    delta, last = Delta(), NONE
    for number, old in enumerate(_values(matched)):
        if old > last:
            delta.keep(old, 1)
            last = old
        else:
            delta.carry(number, 1, is_new=old == NONE)
    _lose(delta, state)
    return delta


def compare_files(base: Entries, new: Entries, scratch: Path) -> Delta:
    """Files are in order of their paths on both sides, so a base's place says all."""
    matched, state = _match(base, new, scratch)
    delta = Delta()
    for number, old in enumerate(_values(matched)):
        if old < 0:
            delta.carry(number, 1, is_new=old == NONE)
    carried, delta.exported = delta.exported, 0
    for number, what in enumerate(_values(state)):
        if what == SAME:
            delta.keep(number, 1)
    delta.exported = carried
    _lose(delta, state)
    return delta


def compare_points(base: Entries, new: Entries, scratch: Path, begins_with: Prefix) -> Delta:
    """Entries are series. One that only grew is kept, and what it grew by is carried."""
    matched, state = _match(base, new, scratch)
    old_counts, new_counts = counts_of(base), counts_of(new)
    candidates = [
        (number, int(old_counts[-2 - old]), base[-2 - old, DIGEST : 2 * DIGEST].tobytes())
        for number, old in enumerate(_values(matched))
        if old < NONE and old_counts[-2 - old] < new_counts[number]
    ]
    grown = begins_with(candidates) if candidates else set()
    starts = np.concatenate(([0], np.cumsum(old_counts)))
    delta, last, first = Delta(), NONE, 0
    for number, old in enumerate(_values(matched)):
        count, place = int(new_counts[number]), old if old >= NONE else -2 - old
        is_kept = place > last and (old >= 0 or number in grown)
        head = int(old_counts[place]) if is_kept else 0
        if is_kept:
            delta.keep(int(starts[place]), head)
            last = place
        if count > head:
            delta.carry(first + head, count - head, is_new=is_kept or old == NONE)
        first += count
    for number in np.flatnonzero(np.asarray(state) == GONE).tolist():
        delta.lose(int(starts[number]), int(old_counts[number]))
    return delta


def _match(base: Entries, new: Entries, scratch: Path) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
    """For each new entry the number of the same one in the base; -1 where its key is new; -2 - number where that one
    has the same key and another content. For each of the base what became of it. Both are files below `scratch`."""
    matched = _filled(scratch / "matched", np.int64, len(new), NONE)
    state = _filled(scratch / "state", np.int8, len(base), GONE)
    head = _alike(base, new)
    tail = _alike(base[head:][::-1], new[head:][::-1])
    old_end, new_end = len(base) - tail, len(new) - tail
    matched[:head], state[:head] = np.arange(head), SAME
    matched[new_end:], state[old_end:] = np.arange(old_end, len(base)), SAME
    with LineSorter(scratch) as sorter:
        for side, entries, start, end in ((b"b", base, head, old_end), (b"n", new, head, new_end)):
            for number in range(start, end):
                digests = entries[number, : 2 * DIGEST].tobytes().hex().encode()
                sorter.add(digests + side + b"%016d" % number)
        for _, group in groupby(sorter.lines(), key=lambda line: line[: 2 * DIGEST]):
            _pair(group, matched, state)
    return matched, state


def _pair(group: Iterator[bytes], matched: NDArray[np.int64], state: NDArray[np.int8]) -> None:
    """All entries of one key. There is one on each side, but where people have no name for a row."""
    olds: defaultdict[bytes, deque[int]] = defaultdict(deque)
    unmatched: list[int] = []
    for line in group:  # of equal content those of the base come first
        content, side, number = line[2 * DIGEST : 4 * DIGEST], line[4 * DIGEST : 4 * DIGEST + 1], int(line[-16:])
        if side == b"b":
            olds[content].append(number)
        elif olds[content]:
            old = olds[content].popleft()
            matched[number], state[old] = old, SAME
        else:
            unmatched.append(number)
    left = deque(sorted(number for numbers in olds.values() for number in numbers))
    for number in sorted(unmatched):
        if left:
            old = left.popleft()
            matched[number], state[old] = -2 - old, CHANGED


def _alike(one: Entries, other: Entries) -> int:
    """How many entries are the same from the beginning."""
    length = min(len(one), len(other))
    for start in range(0, length, AT_ONCE):
        end = min(start + AT_ONCE, length)
        same = (one[start:end] == other[start:end]).all(axis=1)
        if not same.all():
            return start + int(np.argmin(same))
    return length


def _lose(delta: Delta, state: NDArray[np.int8]) -> None:
    for number, what in enumerate(_values(state)):
        if what == GONE:
            delta.lose(number, 1)


def _values(numbers: NDArray[np.int64] | NDArray[np.int8]) -> Iterator[int]:
    for start in range(0, len(numbers), AT_ONCE):
        yield from numbers[start : start + AT_ONCE].tolist()


def _extend(ranges: "array[int]", first: int, count: int) -> None:
    if ranges and ranges[-2] + ranges[-1] == first:
        ranges[-1] += count
    else:
        ranges.extend((first, count))


def _filled(file: Path, kind: type[np.generic], length: int, value: int) -> NDArray[Any]:
    """In a file: ten million rows are as many as memory should not hold."""
    if not length:
        return np.zeros(0, kind)
    numbers = np.memmap(file, kind, "w+", shape=(length,))
    numbers[:] = value
    return numbers
