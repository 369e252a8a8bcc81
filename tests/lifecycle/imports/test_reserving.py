"""Two imports of one bag: the second never lays hands on what the first has brought in."""

from types import SimpleNamespace
from typing import Any

import pytest

from freehold.domain.artifacts import queries
from freehold.kit.problems import Conflict
from freehold.lifecycle.imports import operation
from tests.conftest import House

KEY = "objects/aa/01a217e5"


def _context(house: House) -> Any:
    asked = SimpleNamespace(operation_id="the second")
    return SimpleNamespace(options={operation.DRY_RUN: False}, found=None, settings=house.settings, operation=asked)


@pytest.mark.parametrize("state", ["under way", "ended since the conflicts were looked for"])
def test_keys_of_another_import_are_not_reserved(house: House, monkeypatch: pytest.MonkeyPatch, state: str) -> None:
    """Whatever this one reserves it removes when it fails."""
    if state == "under way":
        house.database.write_now(lambda db: queries.reserve_in_ledger(db, [KEY], "the first"))
    else:
        home = house.workspace.workspace_id
        house.database.write_now(lambda db: queries.add_object(db, home, KEY, 1, "0" * 64))
    monkeypatch.setattr(operation, "_keys", lambda spool: iter([["objects/bb/free"], [KEY]]))
    context = _context(house)
    with pytest.raises(Conflict) as refused:
        house.database.write_now(lambda db: operation._reserve(db, context))
    assert refused.value.code == "ImportConflicts"
    assert house.database.read_now(lambda db: queries.reserved_for(db, "the second", 10)) == []
