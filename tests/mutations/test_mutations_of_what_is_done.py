"""Each fault of what is done, made in a copy of the source, turns its guards red; unchanged, they are green."""

from pathlib import Path

import pytest

from tests.mutations.done import MUTATIONS, SAMPLE
from tests.mutations.faults import Mutation, ask_guards, is_seen, make_copy, make_fault

NAMES = {each.name for each in MUTATIONS}
CASES = [
    pytest.param(each, id=each.name, marks=[] if each.name in SAMPLE else [pytest.mark.exhaustive])
    for each in MUTATIONS
]


@pytest.mark.parametrize("mutation", CASES)
def test_a_fault_is_seen(mutation: Mutation, tmp_path: Path) -> None:
    make_fault(mutation, tmp_path)
    code, said = ask_guards(tmp_path, mutation.guards)
    assert is_seen(code, said), f"{mutation.guards} are green all the same: a guard is missing.\n{said}"


@pytest.mark.parametrize("names", [SAMPLE, pytest.param(NAMES, marks=pytest.mark.exhaustive)], ids=["sample", "all"])
def test_guards_are_green_without_a_fault(names: set[str], tmp_path: Path) -> None:
    make_copy(tmp_path)
    guards = {guard for each in MUTATIONS if each.name in names for guard in each.guards}
    code, said = ask_guards(tmp_path, tuple(sorted(guards)))
    assert code == 0, said


def test_faults_have_names_of_their_own() -> None:
    assert len(NAMES) == len(MUTATIONS)
    assert NAMES >= SAMPLE
