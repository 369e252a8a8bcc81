"""The verifier looks for itself: what a faulty eraser leaves behind blocks *verified*, and there is a way on."""

import lzma
import sqlite3
import struct
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from freehold.domain.runs.service import set_tags
from freehold.kit.problems import Problem
from freehold.lifecycle import certificate, search
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


def test_what_could_not_be_opened_lowers_the_level(plain_site: Site) -> None:
    """A crowd of headers before a stream, of which nothing is looked into then: that is said, and not *verified*."""
    site = plain_site
    run_id = site.run(site.experiment())
    header = b"PK\x03\x04" + struct.pack("<HHHHHIIIHH", 20, 0, 0, 0, 0, 0, 0, 0, 65_535, 65_535)
    crowd = site.folder / "tmp" / "crowd"
    crowd.parent.mkdir(exist_ok=True)
    crowd.write_bytes(header * 70 + lzma.compress(f"of {run_id}".encode() * 9))
    done = site.erase(Scope.RUN, run_id)
    assert done.result is not None
    assert (done.state, done.result["level"]) == (State.SUCCEEDED, "erased, logically checked")
    assert done.result["scan"]["unopened"] > 0
    files = next(store for store in _statement(site, done)["stores"] if store["store"].startswith("exports"))
    assert "streams in its files" in files["what_stays"][0]


def test_what_cannot_be_opened_in_rows_of_others_lowers_nothing(plain_site: Site) -> None:
    site = plain_site
    experiment = site.experiment()
    run_id, other = site.run(experiment), site.run(experiment)
    tags = {f"odd {number}": "PAR1" * 1_000 for number in range(5)}
    site.database.write_now(lambda db: set_tags(db, site.actor, site.workspace, other, tags))
    done = site.erase(Scope.RUN, run_id)
    assert done.result is not None
    assert (done.result["level"], done.result["scan"]["unopened"]) == ("verified", 0)


def test_a_folder_on_another_disk_is_searched(plain_site: Site, tmp_path: Path) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    elsewhere = tmp_path / "another disk"
    _write(elsewhere / "left-over.part", f"of {run_id}")
    (site.folder / "exports").symlink_to(elsewhere)
    with pytest.raises(Problem) as refused:
        site.erase(Scope.RUN, run_id)
    assert refused.value.code == "ResidueFound"
    assert "exports" in refused.value.message


def test_a_search_without_the_database_is_none(plain_site: Site) -> None:
    site = plain_site
    run_id = site.run(site.experiment())
    operation = site.request(Scope.RUN, run_id)
    everywhere = msgspec.structs.replace(site.settings, keys=str(site.folder.parent))
    with pytest.raises(Problem) as refused:
        search._files(everywhere)
    assert refused.value.code == "DatabaseNotSearched"
    assert _certificates(site, operation) == 0


def test_a_file_that_nobody_claims_is_named_nowhere(plain_site: Site) -> None:
    """Its name may be anybody's words, and a certificate stays."""
    site = plain_site
    run_id = site.run(site.experiment())
    (site.folder / "notes-on-alice-smith.txt").write_text(run_id)
    operation = site.request(Scope.RUN, run_id)
    with pytest.raises(Problem) as refused:
        site.work_off(operation)
    assert "a file that no place claims" in refused.value.message
    assert "alice" not in refused.value.message
    (site.folder / "notes-on-alice-smith.txt").unlink()
    assert "residue_in" not in _statement(site, site.work_off(operation))["search"]


def _statement(site: Site, operation: Operation) -> dict[str, Any]:
    query = sa.select(Certificate.c.jws).where(Certificate.c.operation_id == operation.operation_id)
    jws = site.database.read_now(lambda db: db.execute(query).scalar_one())
    return certificate.verify(site.keys.certificates.jwks(), jws)


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
