"""Each fault of what is declared or done, in a copy of the source, turns its guards red; unchanged, they are green."""

from pathlib import Path

import pytest

from tests.mutations import added, declared, done, proved
from tests.mutations.faults import PATIENCE, ROOT, Mutation, ask_guards, is_seen, make_copy, make_fault

TABLES = (declared, done, proved, added)
MUTATIONS = [each for table in TABLES for each in table.MUTATIONS]
CASES = [
    pytest.param(each, id=each.name, marks=[] if each.name in table.SAMPLE else [pytest.mark.exhaustive])
    for table in TABLES
    for each in table.MUTATIONS
]
GREEN = [
    *(pytest.param(table.MUTATIONS, table.SAMPLE, id=f"{table.__name__}-sample") for table in TABLES),
    *(
        pytest.param(table.MUTATIONS, None, id=f"{table.__name__}-all", marks=pytest.mark.exhaustive)
        for table in TABLES
    ),
]


@pytest.mark.parametrize("mutation", CASES)
def test_a_fault_is_seen(mutation: Mutation, tmp_path: Path) -> None:
    make_fault(mutation, tmp_path)
    code, said = ask_guards(tmp_path, mutation.guards)
    assert is_seen(code, said), f"{mutation.guards} are green all the same: a guard is missing.\n{said}"


@pytest.mark.timeout(PATIENCE + 60)
@pytest.mark.parametrize(("mutations", "names"), GREEN)
def test_guards_are_green_without_a_fault(
    mutations: tuple[Mutation, ...], names: set[str] | None, tmp_path: Path
) -> None:
    make_copy(tmp_path)
    guards = {guard for each in mutations if names is None or each.name in names for guard in each.guards}
    code, said = ask_guards(tmp_path, tuple(sorted(guards)))
    assert code == 0, said


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_the_place_of_a_fault_is_in_the_source(mutation: Mutation) -> None:
    """Also of those that are made in the long tests only: else the table grows older than the source unseen."""
    assert mutation.old in (ROOT / "src" / "freehold" / mutation.file).read_text()


def test_faults_have_names_of_their_own() -> None:
    names = {each.name for each in MUTATIONS}
    assert len(names) == len(MUTATIONS)
    assert names >= {name for table in TABLES for name in table.SAMPLE}
