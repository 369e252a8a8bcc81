"""The world without X: once X is erased, everything is as in a world in which X never was.

Hypothesis makes a script of calls by several people in several containers of both generations, and chooses what of it
is erased. One server is told all of it and erases that; another is told the rest alone. Then every GET, every search
and every export of both must be the same, but for what is declared retained (`comparing.py` names it).
"""

import base64
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings

from freehold.kit.clock import MICROSECONDS, SystemClock
from freehold.lifecycle.selection import Target
from freehold.records.containers import Workspace
from freehold.records.rules import Scope
from tests.lifecycle.erase.everywhere import find_marks
from tests.oracle.comparing import differing, differing_files, differing_paths
from tests.oracle.erasing import erase
from tests.oracle.looking import answers, questions
from tests.oracle.making import Telling
from tests.oracle.script import HOME, PLACES, Script, Thing, scripts
from tests.oracle.serving import serve_copy
from tests.oracle.template import Template, Templates

EXPORTING = 700
"""The number of the first call that exports."""
_SAYS_NOTHING = {"module", "datastore", "old_image", "old_service"}
"""Kinds whose only free text is a name, or a secret that is sealed."""
SAMPLE = 3
MANY = int(os.environ.get("FREEHOLD_TEST_WORLDS", "200"))
"""Worlds of the long test; the environment may say how many where there is not the time for all."""
_NUMBERS = itertools.count(1)
COMMON: dict[str, Any] = {
    "deadline": None,
    "derandomize": True,
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
}


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(tmp_path_factory.mktemp("oracle"))


@pytest.mark.timeout(240)
@settings(max_examples=SAMPLE, phases=[Phase.generate], **COMMON)
@given(script=scripts(most=20))
def test_after_an_erasure_the_world_is_as_without_it(templates: Templates, script: Script) -> None:
    """A seeded sample; it is not made smaller, for that would take too long here."""
    compare(templates.current(), script)


@pytest.mark.exhaustive
@pytest.mark.timeout(7_200)
@settings(max_examples=MANY, **COMMON)
@given(script=scripts())
def test_after_many_erasures_the_world_is_as_without_them(templates: Templates, script: Script) -> None:
    compare(templates.current(), script)


RUN_OF = Thing(30, "experiment", HOME, "alice")
NEIGHBOUR = Thing(32, "run", HOME, "bob", RUN_OF, seed=7)
CHILD = Thing(33, "run", HOME, "bob", RUN_OF, uses=Thing(31, "run", HOME, "alice", RUN_OF, seed=9), seed=4)
SMALL = Script((RUN_OF, CHILD.uses or RUN_OF, NEIGHBOUR, CHILD), (CHILD.uses or RUN_OF,), (False,))
"""A run is erased that has a neighbour and a child."""


def test_a_run_with_a_child_is_as_if_it_had_never_been(templates: Templates) -> None:
    compare(templates.current(), SMALL)


@pytest.mark.parametrize("leak", ["a note", "only set aside", "a line in a file"])
def test_a_planted_leak_is_seen(templates: Templates, monkeypatch: pytest.MonkeyPatch, leak: str) -> None:
    """Else the comparison above would say nothing: something keeps a trace that it should not."""
    if leak == "a note":
        _keep_the_place_of_a_run(monkeypatch)
    elif leak == "a line in a file":
        _keep_a_line(monkeypatch)
    else:
        monkeypatch.setattr("tests.oracle.test_oracle.erase", _only_hide)
    with pytest.raises(AssertionError, match="differ"):
        compare(templates.current(), SMALL)


def _keep_the_place_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A note of the run stays among the tags of its experiment."""

    really = erase

    def erase_badly(telling: Telling, script: Script) -> None:
        really(telling, script)
        body = {"experiment_id": telling.ids[RUN_OF.name], "key": "last", "value": "a run that is no more"}
        where = f"/mlflow/v2.0{telling.path(HOME)}/api/2.0/mlflow/experiments/set-experiment-tag"
        telling.served.ok(telling.people["alice"], "POST", where, body)

    monkeypatch.setattr("tests.oracle.test_oracle.erase", erase_badly)


def _keep_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer shows it: what the run said of itself stands in a log, in base64."""

    really = erase

    def erase_badly(telling: Telling, script: Script) -> None:
        really(telling, script)
        logs = telling.served.world.folder / "logs"
        logs.mkdir(exist_ok=True)
        (logs / "leak").write_bytes(base64.b64encode(f"it said {SMALL.things[1].mark}".encode()))

    monkeypatch.setattr("tests.oracle.test_oracle.erase", erase_badly)


def _only_hide(telling: Telling, script: Script) -> None:
    """The run is set aside as MLflow does, and that is called an erasure."""
    where = f"/mlflow/v2.0{telling.path(HOME)}/api/2.0/mlflow/runs/delete"
    for doomed in script.doomed:
        assert isinstance(doomed, Thing)
        telling.served.begin(500)
        telling.served.ok(telling.people["alice"], "POST", where, {"run_id": telling.ids[doomed.name]})


def compare(template: Template, script: Script) -> None:
    """Raises AssertionError that names what differs."""
    start = SystemClock().now() // MICROSECONDS * MICROSECONDS + MICROSECONDS
    with_it = without_it = None
    try:
        with_it = _tell(template, script, start)
        without_it = _tell(template, script.without_doomed(), start)
        _refuse_unplanted(script, with_it)
        erase(with_it, script)
        _refuse_residue(script, with_it)
        _compare_exports(script, with_it, without_it)
        asked = questions(with_it, with_it.contexts)
        found = differing(answers(with_it, asked), answers(without_it, asked))
        assert not found, f"{len(found)} answers differ after {script.doomed}: {_first(found)}"
    finally:
        for telling in (with_it, without_it):
            if telling is not None:
                telling.served.stop()


def _refuse_unplanted(script: Script, told: Telling) -> None:
    """What is to go must be found before, or finding nothing afterwards would say nothing."""
    said = {thing.mark for thing in script.things if thing.kind not in _SAYS_NOTHING}
    missing = said - find_marks(told.served.world.folder, said).keys()
    assert not missing, f"{len(missing)} marks were found nowhere: {sorted(missing)}"


def _refuse_residue(script: Script, told: Telling) -> None:
    """Every byte of every file of the server, for what the things that went said of themselves."""
    gone = {thing.mark: thing for thing in script.gone()}
    found = {repr(gone[mark]): sorted(files) for mark, files in find_marks(told.served.world.folder, gone).items()}
    assert not found, f"the bytes differ from those of a world without it after {script.doomed}: {found}"


def _tell(template: Template, script: Script, start: int) -> Telling:
    folder = template.world.folder.parent / f"world-{next(_NUMBERS)}"
    telling = Telling(serve_copy(template.world, folder, start), template.people)
    telling.tell(script)
    return telling


def _compare_exports(script: Script, with_it: Telling, without_it: Telling) -> None:
    touched = {each.place if isinstance(each, Thing) else each for each in script.doomed}
    for place, ours, theirs in _exports(script, with_it, without_it):
        if place in touched:
            found = differing_files(ours, theirs)
            assert not found, f"the bag of {place} differs after {script.doomed}: {_first(found)}"
        else:
            paths = differing_paths(ours, theirs)
            assert not paths, f"the bag of {place} differs, where nothing was erased ({script.doomed}): {sorted(paths)}"


def _exports(script: Script, with_it: Telling, without_it: Telling) -> Iterator[tuple[str, Path, Path]]:
    """Each container that stands, whole, out of both worlds."""
    for number, place in enumerate(PLACES):
        if place not in script.lost_places:
            for telling in (with_it, without_it):
                telling.served.begin(EXPORTING + number)
            ours, theirs = (each.served.export(_container(each, place)) for each in (with_it, without_it))
            yield place, ours, theirs


def _container(telling: Telling, place: str) -> Target:
    path = "/".join(telling.path(place).split("/")[5:])
    rows = telling.served.services.database.read_now(
        lambda db: db.execute(sa.select(Workspace.c.workspace_id, Workspace.c.arm_path)).all()
    )
    (row,) = (row for row in rows if row.arm_path.strip("/") == path)
    return Target(Scope.WORKSPACE, row.workspace_id, (row.workspace_id,))


def _first(found: dict[str, Any]) -> str:
    name, (ours, theirs) = next(iter(found.items()))
    return f"{name}\n  erased:    {str(ours)[:1_500]}\n  never was: {str(theirs)[:1_500]}"
