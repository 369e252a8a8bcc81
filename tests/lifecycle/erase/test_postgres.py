"""On PostgreSQL the same erasure; it says what it cannot know, and never *verified*."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from freehold.lifecycle import certificate, proof
from freehold.lifecycle.imports.operation import import_kind, request_import
from freehold.lifecycle.levels import LOGICALLY
from freehold.operations.model import Operation, State
from freehold.operations.steps import OperationContext
from freehold.records.lifecycle import Certificate
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.everywhere import find_marks, marks_in
from tests.lifecycle.erase.planting import Planter, check, counted, erase, marks_of, plan_of
from tests.lifecycle.erase.site import Site, open_site, traces
from tests.patience import patient
from tests.postgres import PostgresServer


@pytest.fixture
def site(tmp_path: Path, postgres: PostgresServer) -> Iterator[Site]:
    made = open_site(tmp_path / "data", url=postgres.make_database())
    yield made
    made.close()


def _rows(site: Site) -> str:
    """Every row of every table, as text."""
    with psycopg.connect(site.settings.database) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return "".join(
            str(row) for (name,) in found for row in connection.execute(f'SELECT t::text FROM "{name}" t'.encode())
        )


@pytest.mark.parametrize("scope", [Scope.RUN, Scope.EXPERIMENT, Scope.WORKSPACE])
def test_erased_logically_and_no_more_is_claimed(site: Site, scope: Scope) -> None:
    other = site.experiment()
    site.run(other)
    kept = site.canaries.copy()
    site.canaries.clear()
    experiment = site.experiment()
    experiment_canaries = site.canaries.copy()
    run_id = site.run(experiment)
    row = site.row_of("runs", "run_id", run_id)
    roots = {"workspaces": site.workspace.workspace_id, "experiments": experiment.row_id, "runs": row}
    if scope is Scope.WORKSPACE:
        site.fill(roots)
    root_id = {Scope.RUN: run_id, Scope.EXPERIMENT: experiment.experiment_id, Scope.WORKSPACE: None}[scope]

    operation = site.erase(scope, root_id)

    assert operation.state is State.SUCCEEDED
    gone = [each for each in site.canaries if scope is not Scope.RUN or each not in experiment_canaries]
    rows = _rows(site)
    assert [each for each in [run_id, *gone] if each.rpartition(" ")[2] in rows] == []
    assert traces(site.folder, [run_id, *site.canaries]) == {}
    if scope is not Scope.WORKSPACE:
        in_rows = [each for each in kept if not any(f"{place}>" in each for place in ("metric", "artifact", "packed"))]
        assert [each for each in in_rows if each.rpartition(" ")[2] not in rows] == []
    _check_certificate(site, operation.operation_id)


@pytest.mark.parametrize(
    "scope",
    [
        pytest.param(scope, marks=[] if scope is Scope.MODEL else [pytest.mark.exhaustive])
        for scope in Scope
        if scope is not Scope.WORKSPACE
    ],
)
def test_one_root_goes_with_every_field_below_it_and_with_no_other(site: Site, scope: Scope) -> None:
    planter = Planter(site)
    planter.server()
    home = planter.workspace()
    neighbours = planter.grove(home)
    grove = planter.grove(home, spared=scope, neighbours=neighbours)
    everything = marks_of(planter, set(planter.rows))
    root = grove.by_table[f"{scope.value}s"][0]
    before = marks_in(_rows(site).encode(), everything) | find_marks(site.folder, everything).keys()
    assert before == everything.keys(), "the canaries were planted"

    plan = plan_of(site, home, scope, root)
    assert erase(site, home, scope, root) == LOGICALLY

    gone = check(site, planter, {root}, _rows(site).encode())
    assert {step.name: step.number for step in plan.steps} == counted(gone)


def _check_certificate(site: Site, operation_id: str) -> None:
    query = sa.select(Certificate.c.jws).where(Certificate.c.operation_id == operation_id)
    jws = site.database.read_now(lambda db: db.execute(query).scalar_one())
    statement = certificate.verify(site.keys.certificates.jwks(), jws)
    assert statement["level"] == "erased, logically checked"
    database = statement["stores"][0]
    assert database["store"] == "PostgreSQL"
    assert "replicas and base backups" in database["what_stays"]


def test_folder_whose_row_is_not_committed_yet_is_no_stray(site: Site, tmp_path: Path) -> None:
    """Whoever sends a bag makes its folder in the transaction that makes its row."""
    sent = tmp_path / "sent"
    sent.write_bytes(b"bag")
    kind = import_kind()
    site.engine.register(kind.name, kind.steps)
    operation = site.request(Scope.RUN, site.run(site.experiment()))
    context = OperationContext(operation, site.database, site.settings, site.engine._stopping)
    is_made, made = threading.Event(), list[Operation]()

    def ask_and_linger(db: Transaction) -> None:
        made.append(request_import(db, site.engine, site.actor, site.workspace, sent, site.folder))
        is_made.set()
        db.connection.execute(sa.text("SELECT pg_sleep(0.5)"))

    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(site.database.write_now, ask_and_linger)
        assert is_made.wait(patient(10))
        proof._remove_strays(context)
        asking.result()
    assert (site.folder / "imports" / made[0].operation_id / "bag").read_bytes() == b"bag"
