"""What an import that was cancelled says is true, and it leaves nothing, whoever dies meanwhile."""

from collections.abc import Iterator
from errno import EACCES
from pathlib import Path
from unittest.mock import patch

import pytest
import sqlalchemy as sa

from freehold.kit.problems import Conflict
from freehold.lifecycle.copies import remove_files
from freehold.lifecycle.imports.operation import CLOSE, CONFLICTS, OBJECTS, ROWS
from freehold.lifecycle.kept import remove_withdrawn_bags
from freehold.operations.model import Operation, State
from freehold.operations.runner import Runner
from freehold.operations.service import cancel_operation, get_operation
from freehold.records.lifecycle import KeptBag
from freehold.records.rules import Scope
from freehold.records.runs import Run
from freehold.settings import Settings
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.site import Site
from tests.lifecycle.faults.work import ask_import, open_whole


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = open_whole(tmp_path / "data")
    yield made
    made.close()


def steps_up_to(site: Site, operation: Operation, step: str) -> Operation:
    runner = Runner(site.database, site.settings, site.engine.kinds, site.engine._stopping)
    with patch("freehold.operations.runner.SLICE_SECONDS", 0):
        while site.operation(operation.operation_id).step != step:
            assert runner.run_slice(operation.operation_id)
    return site.operation(operation.operation_id)


def cancel(site: Site, operation: Operation) -> Operation:
    return site.database.write_now(lambda db: cancel_operation(db, operation.operation_id))


def number_of_runs(site: Site) -> int:
    count = sa.select(sa.func.count()).select_from(Run.table)
    return int(site.database.read_now(lambda db: db.execute(count).scalar_one()))


def of_imports(site: Site) -> list[str]:
    return [path.name for path in (site.folder / "imports").glob("*")]


@pytest.mark.parametrize("step", ["", CONFLICTS, OBJECTS, ROWS])
def test_until_its_rows_are_written_it_can_be_cancelled_and_brings_nothing(site: Site, step: str) -> None:
    operation = steps_up_to(site, ask_import(site), step)
    cancel(site, operation)
    assert site.work_off(operation).state is State.CANCELED
    assert (number_of_runs(site), of_imports(site)) == (0, [])


def test_once_its_rows_are_written_it_cannot_be_cancelled_any_more(site: Site) -> None:
    operation = steps_up_to(site, ask_import(site), CLOSE)
    assert number_of_runs(site) > 0
    with pytest.raises(Conflict, match="has done what it was asked for"):
        cancel(site, operation)
    assert site.work_off(operation).state is State.SUCCEEDED
    with pytest.raises(Conflict, match="has ended"):
        cancel(site, operation)


def test_an_erasure_beside_it_does_not_let_it_say_that_nothing_came_in(site: Site) -> None:
    run_id = site.run(site.experiment(), points=10)
    operation = steps_up_to(site, ask_import(site, True), CLOSE)
    brought = number_of_runs(site)
    erasure = site.erase(Scope.RUN, run_id)
    assert erasure.state is State.SUCCEEDED
    assert site.work_off(operation).state is State.SUCCEEDED
    assert (number_of_runs(site), of_imports(site)) == (brought - 1, [])


def test_cancelled_before_the_engine_had_it_it_leaves_nothing_after_a_death(site: Site) -> None:
    """No workflow is there that a start would take up again: the engine is told of a request only after its commit."""
    operation = ask_import(site)
    cancel(site, operation)
    assert of_imports(site) == [operation.operation_id]
    remove_withdrawn_bags(site.database, site.settings)

    def kept(db: Transaction) -> list[str]:
        assert get_operation(db, operation.operation_id).state is State.CANCELED
        return list(db.execute(sa.select(KeptBag.c.operation_id)).scalars())

    assert (of_imports(site), site.database.read_now(kept)) == ([], [])


def test_one_that_cannot_be_removed_keeps_no_other_from_being_swept(site: Site) -> None:
    for operation in (ask_import(site), ask_import(site)):
        cancel(site, operation)
    denied = iter([PermissionError(EACCES, "denied")])

    def remove(settings: Settings, ids: list[str]) -> None:
        for fault in denied:
            raise fault
        remove_files(settings, ids)

    with patch("freehold.lifecycle.kept.remove_files", remove), pytest.raises(PermissionError):
        remove_withdrawn_bags(site.database, site.settings)
    kept = site.database.read_now(lambda db: db.execute(sa.select(KeptBag.c.operation_id)).scalars().all())
    assert len(kept) == 1
    assert of_imports(site) == kept
