"""The whole path on PostgreSQL: log, export, verify, erase; and the level that may be claimed there."""

import json
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier

import psycopg
import pytest

from freehold.api.errors import as_problem
from freehold.domain.runs.service import create_run, find_run, set_tags
from freehold.storage.transaction import Transaction
from tests.commands import freehold
from tests.lifecycle.erase.site import open_site
from tests.patience import patient
from tests.postgres import PostgresServer
from tests.world import World, make_world


@pytest.fixture(scope="module")
def on_postgres(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("pg") / "data"
    made = make_world(folder, FREEHOLD_DATABASE=postgres.make_database()).start()
    yield made
    made.stop()


def log_run(world: World, name: str) -> tuple[str, str]:
    experiment_id = world.mlflow("POST", "experiments/create", {"name": f"experiment-{name}"})["experiment_id"]
    created = world.mlflow("POST", "runs/create", {"experiment_id": experiment_id, "run_name": f"run-{name}"})
    run_id = created["run"]["info"]["run_id"]
    points = [{"key": f"m{i % 3}", "value": i / 7, "timestamp": 1_700_000_000_000 + i, "step": i} for i in range(300)]
    points += [{"key": "nan", "value": "NaN", "timestamp": 1, "step": 0}]
    batch = {"run_id": run_id, "metrics": points, "params": [{"key": "c", "value": f"param-{name}"}], "tags": []}
    world.mlflow("POST", "runs/log-batch", batch)
    path = f"/api/2.0/mlflow-artifacts/artifacts/{experiment_id}/{run_id}/artifacts/a.txt"
    assert world.request("PUT", path, world.alice, content=f"content-{name}".encode()).status_code == 200
    return experiment_id, run_id


def test_charlie_sees_nothing_on_postgresql_either(on_postgres: World) -> None:
    _, run_id = log_run(on_postgres, "hidden-from-charlie")
    answer = on_postgres.get("/api/2.0/mlflow/runs/get", on_postgres.charlie, params={"run_id": run_id})
    assert answer.status_code == 404


def test_a_history_reads_as_it_was_logged(on_postgres: World) -> None:
    _, run_id = log_run(on_postgres, "history")
    history = on_postgres.mlflow("GET", "metrics/get-history", {"run_id": run_id, "metric_key": "m1"})["metrics"]
    assert [point["step"] for point in history] == list(range(1, 300, 3))


def test_an_export_holds_its_digests(on_postgres: World, tmp_path: Path) -> None:
    experiment_id, _ = log_run(on_postgres, "export")
    answer = json.loads(
        freehold(on_postgres, "export", "experiment", experiment_id, "--to", str(tmp_path / "bag"), "--json")
    )
    assert answer["result"]["counts"]["metric_points"] == 301
    assert (tmp_path / "bag" / "data").is_dir()
    subprocess.run(
        ["sha256sum", "--check", "--quiet", "manifest-sha256.txt"], cwd=tmp_path / "bag", check=True, timeout=60
    )


def test_an_erasure_claims_no_more_than_was_seen(on_postgres: World) -> None:
    kept_experiment, kept_run = log_run(on_postgres, "kept")
    experiment_id, run_id = log_run(on_postgres, "goes")
    answer = json.loads(freehold(on_postgres, "erase", "experiment", experiment_id, "--yes", "--json"))
    statement = answer["certificate"]["statement"]
    assert statement["level"] == "erased, logically checked"
    (database,) = [each for each in statement["stores"] if each["store"] == "PostgreSQL"]
    assert database["what_stays"]
    for trace in (run_id, "run-goes", "param-goes", "experiment-goes"):
        assert not rows_with(on_postgres, trace), trace
    assert rows_with(on_postgres, kept_run)
    again = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1, "step": 0}
    assert on_postgres.post("/api/2.0/mlflow/runs/log-metric", again, on_postgres.alice).status_code == 404
    found = on_postgres.get(
        "/api/2.0/mlflow/experiments/get", on_postgres.alice, params={"experiment_id": kept_experiment}
    )
    assert found.status_code == 200


def rows_with(world: World, value: str) -> int:
    """How many rows of any table hold the value, asked of PostgreSQL itself."""
    with psycopg.connect(world.environment["FREEHOLD_DATABASE"]) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        found = 0
        for (table,) in tables:
            query = f'SELECT count(*) FROM "{table}" t WHERE t::text LIKE %s'
            row = connection.execute(query, (f"%{value}%",)).fetchone()
            found += row[0] if row else 0
    return found


def test_who_waits_for_one_another_in_a_circle_is_served_all_the_same(postgres: PostgresServer, tmp_path: Path) -> None:
    """PostgreSQL ends one of two that write the same rows in another order, and asks for it to be run again."""
    site = open_site(tmp_path / "data", url=postgres.make_database())
    run, met, orders = site.run(site.experiment(), points=0), Barrier(2, timeout=patient(20)), (("a", "b"), ("b", "a"))

    def tag(keys: tuple[str, str]) -> None:
        tries = count()

        def write(db: Transaction) -> None:
            set_tags(db, site.actor, site.workspace, run, {keys[0]: "new"})
            if next(tries) == 0:
                met.wait()
            set_tags(db, site.actor, site.workspace, run, {keys[1]: "new"})

        site.database.write_now(write)

    try:
        site.database.write_now(lambda db: set_tags(db, site.actor, site.workspace, run, {"a": "old", "b": "old"}))
        with ThreadPoolExecutor(2) as both:
            assert list(both.map(tag, orders)) == [None, None]
    finally:
        site.close()


def test_two_that_make_the_same_run_at_once_are_told_of_a_conflict(postgres: PostgresServer, tmp_path: Path) -> None:
    """Neither sees the other before it has committed."""
    site = open_site(tmp_path / "data", url=postgres.make_database())
    experiment, met = site.experiment(), Barrier(2, timeout=patient(20))

    def make(_: int) -> Exception | None:
        def write(db: Transaction) -> None:
            assert find_run(db, site.workspace, "same") is None
            met.wait()
            create_run(db, site.actor, site.workspace, experiment, run_id="same")

        try:
            site.database.write_now(write)
        except Exception as fault:
            return fault
        return None

    try:
        with ThreadPoolExecutor(2) as both:
            faults = [fault for fault in both.map(make, range(2)) if fault is not None]
        assert [as_problem(None, fault).code for fault in faults] in (["Conflict"], ["RunExists"])
    finally:
        site.close()
