"""What is made in a world, by whom and from what: a script that can be told again without some of it."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st

HOME, LAB, ELSEWHERE, ACCOUNT, PROJECT, HOSTING = "home", "lab", "elsewhere", "account", "project", "hosting"
FIRST = 30
"""The number of the first thing."""
PLACES = (HOME, LAB, ELSEWHERE, PROJECT, HOSTING)


class Kind(NamedTuple):
    """`where`: places that hold such things. `of`: what one is made in or of, and cannot stand without. `uses`: what
    it may refer to and does without. `scope`: how an erasure names it; empty: nobody erases one alone."""

    where: tuple[str, ...]
    of: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    scope: str = ""


_WITH_RUNS = (HOME, LAB, ELSEWHERE, PROJECT)
_OF_2020 = (HOME, LAB, ELSEWHERE)
KINDS = {
    "experiment": Kind(_WITH_RUNS, scope="experiment"),
    "run": Kind(_WITH_RUNS, ("experiment",), ("run",), "run"),
    "upload": Kind(_OF_2020),
    "asset": Kind(_OF_2020, ("upload",), (), "asset"),
    "run_asset": Kind(_OF_2020, ("run",), (), "asset"),
    "model": Kind(_OF_2020, ("asset", "run_asset"), ("model",), "model"),
    "image": Kind(_OF_2020, ("model",), (), "image"),
    "service": Kind(_OF_2020, ("image",), (), "service"),
    "dataset": Kind(_OF_2020, scope="dataset"),
    "datastore": Kind(_OF_2020, scope="datastore"),
    "compute": Kind(_OF_2020, scope="compute"),
    "module": Kind(_OF_2020),
    "draft": Kind(_OF_2020, ("module",), (), "pipeline_draft"),
    "pipeline": Kind(_OF_2020, ("module",), (), "pipeline_object"),
    "old_model": Kind((HOSTING,), scope="model"),
    "manifest": Kind((HOSTING,), ("old_model",), (), "manifest"),
    "old_image": Kind((HOSTING,), ("manifest",), (), "image"),
    "old_service": Kind((HOSTING,), ("old_image",), (), "service"),
}
WEIGHTS = ["run"] * 6 + ["experiment"] * 2 + ["upload", "asset", "asset", "run_asset", "model", "model"]
WEIGHTS += ["image", "service", "dataset", "datastore", "compute", "module", "draft", "pipeline"]
WEIGHTS += ["old_model", "manifest", "old_image", "old_service"]
PEOPLE = {
    HOME: ("alice", "bob", "dora"),
    LAB: ("alice", "dora"),
    ELSEWHERE: ("charlie",),
    PROJECT: ("alice", "dora"),
    HOSTING: ("alice", "dora"),
}


@dataclass(frozen=True)
class Thing:
    """`number`: of the call that makes it, the same in every telling. `seed` chooses its content and fate."""

    number: int
    kind: str
    place: str
    by: str
    of: "Thing | None" = None
    uses: "Thing | None" = None
    seed: int = 0

    @property
    def name(self) -> str:
        return f"{self.kind.replace('_', '-')}-{self.number}"

    @property
    def mark(self) -> str:
        """24 hex digits that stand in what it says of itself and in nothing else."""
        return hashlib.sha256(self.name.encode()).hexdigest()[:24]

    def __repr__(self) -> str:
        made_of = f" of {self.of.name}" if self.of else ""
        uses = f" with {self.uses.name}" if self.uses else ""
        return f"<{self.name}{made_of}{uses} in {self.place} by {self.by}, {self.seed}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Hypothesis would print all that it is made of, over and over."""
        printer.text(repr(self))


@dataclass(frozen=True)
class Script:
    """Things in the order in which they are made; then what is erased, in that order, a thing or a place."""

    things: tuple[Thing, ...]
    doomed: tuple["Thing | str", ...]
    verbs: tuple[bool, ...] = field(default=())
    """Of each doomed one: is it erased by its own DELETE rather than by an erasure?"""
    unmade: frozenset[str] = frozenset()
    """Places that never were."""

    def without_doomed(self) -> "Script":
        gone = set(self.gone())
        standing = [thing for thing in self.things if thing not in gone]
        return Script(tuple(_forgetting(thing, gone) for thing in standing), (), (), self.lost_places)

    def gone(self) -> Iterator[Thing]:
        """What is erased, and what goes with it or was there for nothing else."""
        gone: set[Thing] = set()
        for doomed in self.doomed:
            gone |= {thing for thing in self.things if thing is doomed or thing.place in _within(doomed)}
        while True:
            more = {thing for thing in self.things if thing not in gone and _goes(thing, gone, self.things)}
            if not more:
                yield from gone
                return
            gone |= more

    @property
    def lost_places(self) -> frozenset[str]:
        return frozenset(place for doomed in self.doomed for place in _within(doomed))


def _within(doomed: "Thing | str") -> tuple[str, ...]:
    """Places that go with a place."""
    if isinstance(doomed, Thing):
        return ()
    return (ACCOUNT, PROJECT) if doomed == ACCOUNT else (doomed,)


def _goes(thing: Thing, gone: set[Thing], things: Sequence[Thing]) -> bool:
    if thing.of in gone:
        return True
    # An asset goes with the last model made of it, an upload with the asset that took it; untaken they stand.
    goes_with = {"asset": "model", "run_asset": "model", "upload": "asset"}.get(thing.kind)
    takers = [each for each in things if each.of is thing and each.kind == goes_with]
    return bool(takers) and all(each in gone for each in takers)


def _forgetting(thing: Thing, gone: set[Thing]) -> Thing:
    """The thing, made without what is gone."""
    of = _forgetting(thing.of, gone) if thing.of else None
    uses = None if thing.uses is None or thing.uses in gone else _forgetting(thing.uses, gone)
    return Thing(thing.number, thing.kind, thing.place, thing.by, of, uses, thing.seed)


_CHOICE = st.tuples(
    st.sampled_from(WEIGHTS), st.sampled_from(PLACES), *(st.integers(0, 7) for _ in range(3)), st.integers(0, 255)
)


@st.composite
def scripts(draw: st.DrawFn, *, most: int = 24) -> Script:
    """Some things, made of one another, and one to three that are erased."""
    things: list[Thing] = []
    for choice in draw(st.lists(_CHOICE, min_size=4, max_size=most)):
        things += _made(len(things) + FIRST, choice, things)
    candidates: list[Thing | str] = [thing for thing in things if KINDS[thing.kind].scope]
    candidates += [LAB, PROJECT, ACCOUNT, HOSTING]
    chosen = draw(st.lists(st.integers(0, len(candidates) - 1), min_size=1, max_size=3, unique=True))
    doomed = tuple(_in_order(things, [candidates[number] for number in chosen]))
    verbs = tuple(draw(st.lists(st.booleans(), min_size=len(doomed), max_size=len(doomed))))
    return Script(tuple(things), doomed, verbs)


def _made(number: int, choice: tuple[str, str, int, int, int, int], things: Sequence[Thing]) -> Iterator[Thing]:
    """Nothing, where it could not be made in that place."""
    name, place, owner, used, by, seed = choice
    kind = KINDS[name]
    if place not in kind.where:
        place = kind.where[owner % len(kind.where)]
    person = PEOPLE[place][by % len(PEOPLE[place])]
    taken = {thing.of for thing in things if thing.kind == "asset"}  # an upload belongs to the asset that took it
    owners = [each for each in things if each.place == place and each.kind in kind.of and each not in taken]
    if kind.of and not owners:
        for part in _made(number, (kind.of[owner % len(kind.of)], place, owner, used, by, seed), things):
            yield part
            number, owners = part.number + 1, [part]
    of = owners[owner % len(owners)] if owners else None
    usable = [thing for thing in things if thing.place == place and thing.kind in kind.uses]
    uses = usable[used % len(usable)] if usable and used % 2 else None
    yield Thing(number, name, place, person, of, uses, seed)


def _in_order(things: Sequence[Thing], doomed: Iterable["Thing | str"]) -> Iterator["Thing | str"]:
    """Each once, what refers first: a service before its image before its model; then places. What goes with
    something else that is named is named no more."""
    named = list(doomed)
    places = [each for each in named if isinstance(each, str) and not (each == PROJECT and ACCOUNT in named)]
    lost = {place for each in places for place in _within(each)}
    wanted = {each for each in named if isinstance(each, Thing) and each.place not in lost}
    inside = {each for each in wanted if each.kind == "experiment"}
    for thing in things:  # what stands in the way is made later than what it stands in the way of
        if _inside(thing) and thing.of in inside:
            inside.add(thing)
        elif thing.of in wanted | inside and _refuses(thing):
            wanted.add(thing)
    ordered = [each for each in reversed(things) if each in wanted and not (_inside(each) and each.of in wanted)]
    gone_along = {thing.of for thing in ordered if thing.kind == "model"}
    yield from (thing for thing in ordered if thing not in gone_along)
    yield from places


def _inside(thing: Thing) -> bool:
    """It goes with what it is in."""
    return thing.kind == "run"


def _refuses(thing: Thing) -> bool:
    """While it stands, what it was made of cannot be erased; or could, but would leave its name in it (an asset of
    a run)."""
    return thing.kind in ("model", "run_asset", "image", "service", "manifest", "old_image", "old_service")
