"""Every scope picks rows of every record that leaves with it, whatever way the catalogue's links run."""

import pytest

import freehold.records  # noqa: F401  # fills the catalogue
from freehold.lifecycle.selection import Selection, Target
from freehold.records.rules import Scope


@pytest.mark.parametrize("scope", Scope)
def test_every_scope_picks_the_rows_of_what_leaves_with_it(scope: Scope) -> None:
    """Links may lead in circles (a dataset, its versions, what they were saved as), and the picking still ends."""
    selection = Selection(Target(scope, 1, (1,)))
    leaving = [*selection.exported(), *selection.decoded()]
    assert selection.root in leaving
    assert all(str(selection.rows(record)) for record in leaving)
