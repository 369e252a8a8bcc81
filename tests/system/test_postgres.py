"""The whole path on PostgreSQL: log, export, verify, erase; and the level that may be claimed there."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.commands import freehold
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
