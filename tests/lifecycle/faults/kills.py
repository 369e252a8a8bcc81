"""One test, run from every state that a death can leave: it finishes by itself, once, and harms nothing else.

`passages.txt` lists the points that each variant passes and how often, four at most: the same point at another passage
is another state (one more table's part in the bag, one more record's rows gone). test_points.py holds it to the source.
"""

import random
import shutil
from functools import cache
from pathlib import Path
from signal import SIGKILL
from typing import Any

import pytest

from tests.lifecycle.faults.checks import at_death, at_end
from tests.lifecycle.faults.work import Base, prepare, run, sweep

SEED, SAMPLE = 17, 4
PASSAGES = Path(__file__).with_name("passages.txt")
SWEPT = {"export:spool:closing"}
"""Behind the last commit: the operation has ended, no step follows that would tidy, and the next sweep does it."""


@cache
def passages() -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for line in PASSAGES.read_text().splitlines():
        if not line.startswith("#"):
            variant, point, number = line.split()
            found.setdefault(variant, {})[point] = int(number)
    return found


def states(*variants: str) -> list[Any]:
    """(variant, planted deaths): every state once; every day a seeded sample of them."""
    every: list[tuple[str, tuple[str, ...]]] = [
        (variant, (f"{point}#{number}",))
        for variant in variants
        for point, most in passages()[variant].items()
        for number in range(1, most + 1)
    ]
    return _marked(every, SAMPLE)


def pairs(*variants: str) -> list[Any]:
    """A second death while the first is being recovered from: at any point, as early ones as late ones."""
    chance, every = random.Random(SEED), []
    for variant in variants:
        points = list(passages()[variant])
        every += [
            (variant, tuple(f"{point}#1" for point in sorted(chance.sample(points, 2), key=points.index)))
            for _ in range(3)
        ]
        every += [(variant, (f"{point}#1",) * 2) for point in chance.sample(points, 3)]
    return _marked(every, 1)


def _marked(every: list[tuple[str, tuple[str, ...]]], sample: int) -> list[Any]:
    chosen = random.Random(SEED).sample(every, sample)
    return [
        pytest.param(*each, id="+".join((each[0], *each[1])), marks=() if each in chosen else pytest.mark.exhaustive)
        for each in every
    ]


class Bench:
    """Prepared folders, and what came of them undisturbed; each is made once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._bases: dict[str, tuple[Base, dict[str, object]]] = {}
        self._numbers = 0

    def base(self, variant: str) -> tuple[Base, dict[str, object]]:
        if variant not in self._bases:
            base = prepare(self._root / variant, variant)
            folder = self.copy(base)
            assert run(folder) == 0
            self._bases[variant] = (base, at_end(base, folder, self._root / "aside"))
        return self._bases[variant]

    def copy(self, base: Base) -> Path:
        self._numbers += 1
        folder = self._root / str(self._numbers)
        shutil.copytree(base.folder, folder)
        return folder

    def kill_and_finish(self, variant: str, deaths: tuple[str, ...]) -> None:
        base, undisturbed = self.base(variant)
        folder, aside = self.copy(base), self._root / "aside"
        for number, death in enumerate(deaths):
            code = run(folder, death)
            assert code == -SIGKILL or (number and code == 0), code  # a later try may not come by the point any more
            at_death(base, folder, aside)
        assert run(folder) == 0
        if SWEPT & {death.partition("#")[0] for death in deaths}:
            sweep(folder)
        assert at_end(base, folder, aside) == undisturbed
        shutil.rmtree(folder)
