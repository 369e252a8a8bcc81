"""The same façade over PostgreSQL: a server process of its own, the real client."""

from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest
from mlflow.exceptions import MlflowException

from tests.mlflow.conftest import client_of
from tests.postgres import PostgresServer
from tests.world import World, make_world


@pytest.fixture(scope="module")
def postgres_world(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("on-postgres") / "data"
    made = make_world(folder, FREEHOLD_DATABASE=postgres.make_database()).start()
    yield made
    made.stop()


def test_anonymous_is_refused(postgres_world: World) -> None:
    assert postgres_world.post("/api/2.0/mlflow/runs/search", {}).status_code == 401


def test_charlie_finds_no_workspace(postgres_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    charlie = client_of(postgres_world.charlie, postgres_world.url, monkeypatch)
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        charlie.search_experiments()


def test_run_is_logged_found_and_read(postgres_world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    client = client_of(postgres_world.alice, postgres_world.url, monkeypatch)
    experiment_id = client.create_experiment("on PostgreSQL")
    with mlflow.start_run(experiment_id=experiment_id) as run:
        mlflow.log_params({"a": "1", "b": "x"})
        for step in range(30):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({f"m{at}": float(at) for at in range(40)})
        mlflow.log_text("hello", "deep/er/hello.txt")
    found = mlflow.search_runs([experiment_id], "metrics.m39 = 39 AND params.b LIKE 'x'", order_by=["metrics.loss"])
    assert list(found["run_id"]) == [run.info.run_id]
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [point.value for point in history] == [1 / (step + 1) for step in range(30)]
    fetched = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="deep", dst_path=str(tmp_path))
    assert (Path(fetched) / "er" / "hello.txt").read_text() == "hello"
    client.delete_run(run.info.run_id)
    assert mlflow.search_runs([experiment_id]).empty
