"""Trains three real models on scikit-learn's digits and logs them with the unmodified MLflow client.

Run as a process of its own: MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN say where to. Prints one JSON line.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import joblib
import matplotlib as mpl
import mlflow
from sklearn.datasets import load_digits
from sklearn.metrics import ConfusionMatrixDisplay, log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

EXPERIMENT = "digits"
EPOCHS = 40
CHOICES: tuple[dict[str, Any], ...] = (
    {"hidden_layer_sizes": (32,), "learning_rate_init": 0.01, "alpha": 1e-4},
    {"hidden_layer_sizes": (64,), "learning_rate_init": 0.003, "alpha": 1e-3},
    {"hidden_layer_sizes": (64, 32), "learning_rate_init": 0.001, "alpha": 1e-2},
)


def main() -> None:
    mpl.use("Agg")
    experiment = mlflow.set_experiment(EXPERIMENT)
    digits = load_digits()
    halves = train_test_split(digits.data / 16.0, digits.target, test_size=0.3, random_state=7)
    runs = [train(choice, halves) for choice in CHOICES]
    found = mlflow.search_runs([experiment.experiment_id], order_by=["metrics.accuracy DESC"])
    summary = {"experiment_id": experiment.experiment_id, "runs": runs, "best": found.iloc[0]["run_id"]}
    sys.stdout.write(json.dumps(summary) + "\n")


def train(choice: dict[str, Any], halves: list[Any]) -> dict[str, Any]:
    """One run: parameters, a metric per step, tags, a plot and the fitted model."""
    learn, test, learn_labels, test_labels = halves
    model = MLPClassifier(**choice, random_state=7)
    accuracy = 0.0
    layers = "x".join(map(str, choice["hidden_layer_sizes"]))
    with mlflow.start_run(run_name=f"mlp-{layers}-rate-{choice['learning_rate_init']}") as run:
        mlflow.log_params(choice)
        mlflow.set_tags({"data": "sklearn digits", "family": "multi-layer perceptron"})
        for epoch in range(EPOCHS):
            model.partial_fit(learn, learn_labels, classes=range(10))
            accuracy = model.score(test, test_labels)
            loss = log_loss(test_labels, model.predict_proba(test))
            mlflow.log_metrics({"loss": model.loss_, "validation_loss": loss, "accuracy": accuracy}, step=epoch)
        log_files(model, test, test_labels)
    name = run.info.run_name
    return {"run_id": run.info.run_id, "name": name, "accuracy": accuracy, "steps": EPOCHS}


def log_files(model: MLPClassifier, test: Any, test_labels: Any) -> None:
    """A confusion matrix as PNG, and the model itself."""
    display = ConfusionMatrixDisplay.from_estimator(model, test, test_labels, cmap="Blues", colorbar=False)
    mlflow.log_figure(display.figure_, "plots/confusion.png")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.joblib"
        joblib.dump(model, path)
        mlflow.log_artifact(str(path), "model")


if __name__ == "__main__":
    main()
