"""One test, run from every state that a death can leave: it finishes by itself, once, and harms nothing else.

`passages.txt` lists the points that each variant passes and how often, four at most: the same point at another passage
is another state (one more table's part in the bag, one more record's rows gone). test_points.py holds it to the source.
"""

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from signal import SIGKILL
from typing import Any, cast
from unittest.mock import patch

import pytest

from tests.gates import Death, Moment
from tests.lifecycle.faults.checks import at_death, at_end
from tests.lifecycle.faults.places import Below, Place
from tests.lifecycle.faults.work import Base, prepare, run, sweep

SEED, SAMPLE = 17, 4
REQUEST_PREFIX = "request:"
"""Before a death at a request to a cloud's store, on its way or on its way back: tests/gates.py has their names."""
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


def states(*variants: str, sample: int = SAMPLE) -> list[Any]:
    """(variant, planted deaths): every state once; every day a seeded sample of them."""
    every: list[tuple[str, tuple[str, ...]]] = [
        (variant, (f"{point}#{number}",))
        for variant in variants
        for point, most in passages()[variant].items()
        for number in range(1, most + 1)
    ]
    return _marked(every, sample)


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


def as_planted(death: str) -> tuple[str, str, Death | None]:
    """What `run` is given: a point of the code, or `request:NAME:MOMENT#NUMBER`."""
    if not death.startswith(REQUEST_PREFIX):
        return death, "", None
    name, moment = death.removeprefix(REQUEST_PREFIX).partition("#")[0].split(":")
    return "", "", Death(name, int(death.partition("#")[2]), cast("Moment", moment))


class Bench:
    """Prepared folders, and what came of them undisturbed; each is made once."""

    def __init__(self, root: Path, place: Place | None = None) -> None:
        self._root = root
        self.place: Place = place if place is not None else Below()
        self._bases: dict[str, tuple[Base, dict[str, object]]] = {}
        self._numbers = 0

    def base(self, variant: str) -> tuple[Base, dict[str, object]]:
        if variant not in self._bases:
            with self.opened(self._root / variant):
                base = prepare(self._root / variant, variant)
            folder = self.copy(base)
            assert self.run(folder) == 0
            self._bases[variant] = (base, at_end(base, folder, self._root / "aside", self.place))
        return self._bases[variant]

    def copy(self, base: Base) -> Path:
        folder = self.fresh()
        shutil.copytree(base.folder, folder)
        self.place.copy(base.folder, folder, base.cut)
        return folder

    def fresh(self) -> Path:
        """A folder that nobody made yet."""
        self._numbers += 1
        return self._root / str(self._numbers)

    @contextmanager
    def opened(self, folder: Path) -> Iterator[None]:
        """This process works on the folder."""
        with patch.dict(os.environ, self.place.environment(folder)):
            yield

    def run(self, folder: Path, fault: str = "", trace: str = "", death: Death | None = None) -> int:
        """`fault`: a planted death in the code; `death`: one at a request to the store."""
        with self.struck(death) as strike:
            return run(folder, fault, trace, self.place.environment(folder), strike)

    @contextmanager
    def struck(self, death: Death | None) -> Iterator[Callable[[int], None] | None]:
        """What is to be told the process group that dies so."""
        gate = self.place.gate
        if gate is None or death is None:
            yield None
            return
        yield partial(gate.kill, death=death)
        gate.spare()

    def kill_and_finish(self, variant: str, deaths: tuple[str, ...]) -> None:
        base, undisturbed = self.base(variant)
        folder, aside = self.copy(base), self._root / "aside"
        for number, death in enumerate(deaths):
            code = self.run(folder, *as_planted(death))
            assert code == -SIGKILL or (number and code == 0), code  # a later try may not come by the point any more
            at_death(base, folder, aside, self.place)
        assert self.run(folder) == 0
        if SWEPT & {death.partition("#")[0] for death in deaths}:
            sweep(folder)
        assert at_end(base, folder, aside, self.place) == undisturbed
        self.remove(folder)

    def remove(self, folder: Path) -> None:
        shutil.rmtree(folder)
        self.place.remove(folder)


def passed_by(bench: Bench, variant: str, trace: Path) -> Counter[str]:
    """How often an undisturbed run comes by each point, in the process that does so most, and makes each request."""
    folder, gate = bench.copy(bench.base(variant)[0]), bench.place.gate
    if gate is not None:
        gate.passed.clear()
    assert bench.run(folder, trace=str(trace)) == 0
    most: Counter[str] = Counter()
    for line, number in Counter(trace.read_text().splitlines()).items():
        most |= Counter({line.partition(" ")[2]: number})
    for name, number in Counter(gate.passed if gate is not None else ()).items():
        most |= Counter({f"{REQUEST_PREFIX}{name}:{moment}": number for moment in ("before", "after")})
    return most
