"""MLflow's tracking API, as the unmodified client of MLflow 3 speaks it."""

from freehold.api.mlflow import artifacts, experiments, logged, metrics, models, runs
from freehold.api.mlflow.door import mlflow

__all__ = ["artifacts", "experiments", "logged", "metrics", "mlflow", "models", "runs"]
