"""A training run, logged by the unmodified client with its fluent API."""

import math
from pathlib import Path

import matplotlib as mpl
import mlflow
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sklearn.datasets import load_digits
from sklearn.linear_model import SGDClassifier

from tests.mlflow.conftest import client_of
from tests.world import World

mpl.use("Agg")


def test_anonymous_client_is_refused(shared_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_TOKEN", raising=False)
    with pytest.raises(MlflowException, match="UNAUTHENTICATED"):
        MlflowClient(tracking_uri=shared_world.url).search_experiments()


def test_charlie_finds_no_workspace(shared_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    charlie = client_of(shared_world.charlie, shared_world.url, monkeypatch)
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        charlie.search_experiments()


def test_training_run_is_logged_whole(client: MlflowClient, tmp_path: Path) -> None:
    run_id, losses = _train("digits", tmp_path)

    run = client.get_run(run_id)
    assert run.info.status == "FINISHED"
    assert run.info.end_time >= run.info.start_time
    assert run.info.lifecycle_stage == "active"
    assert run.data.params == {"alpha": "0.001", "loss": "log_loss"}
    assert run.data.metrics["loss"] == losses[-1]
    assert run.data.tags["team"] == "numbers"
    assert "scratch" not in run.data.tags
    assert run.data.tags["mlflow.runName"] == run.info.run_name == "first"
    assert run.data.tags["mlflow.user"] == run.info.user_id != ""
    history = client.get_metric_history(run_id, "loss")
    assert [point.value for point in history] == losses
    assert [point.step for point in history] == list(range(len(losses)))


def test_artifacts_come_back_as_they_were(client: MlflowClient, tmp_path: Path) -> None:
    run_id, _ = _train("digits with artifacts", tmp_path)

    assert [(file.path, file.is_dir) for file in client.list_artifacts(run_id)] == [
        ("model", True),
        ("notes.txt", False),
        ("plot.png", False),
    ]
    assert {file.path: file.file_size for file in client.list_artifacts(run_id, "model")} == {
        "model/deep": None,
        "model/empty": 0,
        "model/weights ü.bin": 3_000_000,
    }
    fetched = Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="model"))
    assert (fetched / "weights ü.bin").read_bytes() == b"abc" * 1_000_000
    assert (fetched / "deep" / "down.txt").read_text() == "here"
    assert (fetched / "empty").read_bytes() == b""
    plot = Path(mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="plot.png"))
    assert plot.read_bytes().startswith(b"\x89PNG")


def test_runs_are_found_by_what_they_logged(client: MlflowClient) -> None:
    experiment_id = client.create_experiment("searched by the client")
    for alpha in (1, 2, 3):
        with mlflow.start_run(experiment_id=experiment_id, run_name=f"run {alpha}"):
            mlflow.log_param("alpha", alpha)
            mlflow.log_metric("score", alpha / 10)
    found = mlflow.search_runs([experiment_id], "metrics.score > 0.15", order_by=["metrics.score DESC"])
    assert list(found["params.alpha"]) == ["3", "2"]
    named = mlflow.search_runs(experiment_names=["searched by the client"], filter_string="run_name = 'run 1'")
    assert list(named["metrics.score"]) == [0.1]


def test_numbers_without_end_survive(client: MlflowClient) -> None:
    with mlflow.start_run(experiment_id=client.create_experiment("no end")) as run:
        for step, value in enumerate((math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308)):
            mlflow.log_metric("m", value, step=step)
        mlflow.log_metrics({"nan": math.nan, "up": math.inf})
    values = [point.value for point in client.get_metric_history(run.info.run_id, "m")]
    assert math.isnan(values[0])
    assert values[1:] == [math.inf, -math.inf, 0.0, 5e-324, 1.7976931348623157e308]
    assert math.copysign(1, values[3]) == -1
    latest = client.get_run(run.info.run_id).data.metrics
    assert math.isnan(latest["nan"])
    assert latest["up"] == math.inf


def test_unchosen_experiment_is_the_default_one(client: MlflowClient) -> None:
    run = client.create_run("0")
    default, named = client.get_experiment("0"), client.get_experiment_by_name("Default")
    assert named is not None
    assert default.name == "Default"
    assert run.info.experiment_id == default.experiment_id == named.experiment_id
    assert run.info.run_id in [each.info.run_id for each in client.search_runs(["0"])]


def test_named_workspace_has_an_address_of_its_own(shared_world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    address = f"{shared_world.url}/mlflow/v2.0{shared_world.elsewhere}"
    charlie = client_of(shared_world.charlie, address, monkeypatch)
    experiment_id = charlie.create_experiment("elsewhere")
    run_id = charlie.create_run(experiment_id).info.run_id
    charlie.log_text(run_id, "his", "a/b.txt")
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/a/b.txt") == "his"
    alice = client_of(shared_world.alice, shared_world.url, monkeypatch)
    with pytest.raises(MlflowException, match="RESOURCE_DOES_NOT_EXIST"):
        alice.get_run(run_id)


def test_logged_models_fail_with_a_clear_error(client: MlflowClient) -> None:
    with (
        mlflow.start_run(experiment_id=client.create_experiment("models")),
        pytest.raises(MlflowException, match="ENDPOINT_NOT_FOUND"),
    ):
        mlflow.initialize_logged_model(name="model")


def _train(experiment: str, folder: Path) -> tuple[str, list[float]]:
    """Log a small training of real data; its run and its losses."""
    from matplotlib import pyplot

    images, labels = load_digits(return_X_y=True)
    model = SGDClassifier(loss="log_loss", alpha=0.001, random_state=0)
    losses = []
    mlflow.set_experiment(experiment)
    with mlflow.start_run(run_name="first") as run:
        mlflow.log_params({"alpha": 0.001, "loss": "log_loss"})
        mlflow.set_tags({"team": "numbers", "scratch": "away"})
        mlflow.delete_tag("scratch")
        for step in range(5):
            model.partial_fit(images, labels, classes=range(10))
            losses.append(1 - float(model.score(images, labels)))
            mlflow.log_metric("loss", losses[-1], step=step)
        figure = pyplot.figure()
        pyplot.plot(losses)
        mlflow.log_figure(figure, "plot.png")
        pyplot.close(figure)
        mlflow.log_text("well done", "notes.txt")
        mlflow.log_artifacts(str(_write_files(folder / "files")), "model")
    return run.info.run_id, losses


def _write_files(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    (folder / "weights ü.bin").write_bytes(b"abc" * 1_000_000)
    (folder / "empty").touch()
    (folder / "deep" / "down.txt").write_text("here")
    return folder
