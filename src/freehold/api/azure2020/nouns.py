"""Every noun of these façades: importing this module declares their routes."""

from freehold.api.azure2020 import (
    artifacts,
    discovery,
    experiments,
    metrics_v1,
    metrics_v2,
    operations,
    run_artifacts,
    run_events,
    run_lists,
    runs,
    subscriptions,
    workspaces,
)
from freehold.api.azure2020.facade import arm, artifact, history, metric

__all__ = [
    "arm",
    "artifact",
    "artifacts",
    "discovery",
    "experiments",
    "history",
    "metric",
    "metrics_v1",
    "metrics_v2",
    "operations",
    "run_artifacts",
    "run_events",
    "run_lists",
    "runs",
    "subscriptions",
    "workspaces",
]
