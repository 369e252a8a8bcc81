"""The verifier looks for itself: what a faulty eraser leaves behind blocks *verified*, and there is a way on."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from freehold.kit.problems import Problem
from freehold.lifecycle.removal import Removal
from freehold.operations.model import Operation, State
from freehold.operations.runner import Runner, StepFault
from freehold.operations.service import retry_operation
from freehold.operations.workflows import ATTEMPTS
from freehold.records.lifecycle import Certificate
from freehold.records.rules import Scope
from tests.lifecycle.erase.site import Site, traces


def test_rows_that_are_left_block_verified_until_a_retry_removes_them(
    plain_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    operation = site.request(Scope.RUN, run_id)
    with monkeypatch.context() as faulty:
        faulty.setattr(Removal, "remove", lambda *_, **__: Counter())
        failed = _work_to_the_end(site, operation)
    assert (failed.state, failed.error_code, failed.step) == (State.FAILED, "RowsLeft", "verify")
    assert _certificates(site, operation) == 0

    site.database.write_now(lambda db: retry_operation(db, site.engine, operation.operation_id))
    done = _work_to_the_end(site, operation)

    assert done.state is State.SUCCEEDED
    assert done.result is not None
    assert done.result["level"] == "verified"
    assert done.progress.counts["runs"] == 1
    assert traces(site.folder, [run_id]) == {}
    assert _certificates(site, operation) == 1


def test_a_link_that_leads_nowhere_blocks_verified(plain_site: Site) -> None:
    """As if rows had gone by another way than by what their links say."""
    site = plain_site
    experiment = site.experiment()
    run_id, other = site.run(experiment), site.run(experiment)
    operation = site.request(Scope.RUN, run_id)
    _past_the_links(site, "UPDATE runs SET parent_row = 999999 WHERE run_id = ?", other)
    with pytest.raises(Problem) as refused:
        site.work_off(operation)
    assert refused.value.code == "DanglingLinks"
    assert _certificates(site, operation) == 0
    _past_the_links(site, "UPDATE runs SET parent_row = NULL WHERE run_id = ?", other)
    assert site.work_off(operation).state is State.SUCCEEDED


@pytest.mark.parametrize("place", ["exports/{}", "spools/{}", "imports/{}", "spools/{}.base"])
def test_a_bag_whose_row_went_before_its_writer_noticed_is_removed(plain_site: Site, place: str) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    stray = site.folder / place.format("01a217e5-0000-7000-8000-00000000beef")
    _write(stray if stray.suffix else stray / "data" / "runs.txt", f"of {run_id}")
    assert site.erase(Scope.RUN, run_id).state is State.SUCCEEDED
    assert not stray.exists()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _past_the_links(site: Site, statement: str, run_id: str) -> None:
    with closing(sqlite3.connect(site.folder / "freehold.db", timeout=30)) as raw, raw:
        assert raw.execute(statement, (run_id,)).rowcount == 1


def _work_to_the_end(site: Site, operation: Operation) -> Operation:
    """As the engine does it: what fails is tried a few times, and then given up."""
    runner = Runner(site.database, site.settings, site.engine.kinds, site.engine._stopping)
    for _ in range(ATTEMPTS):
        try:
            while runner.run_slice(operation.operation_id):
                pass
            return site.operation(operation.operation_id)
        except StepFault as fault:
            code = fault.code
    runner.give_up(operation.operation_id, code)
    return site.operation(operation.operation_id)


def _certificates(site: Site, operation: Operation) -> Any:
    query = sa.select(sa.func.count()).where(Certificate.c.operation_id == operation.operation_id)
    return site.database.read_now(lambda db: db.execute(query).scalar_one())
