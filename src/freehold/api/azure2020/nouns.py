"""Every noun of these façades: importing this module declares their routes."""

from freehold.api.azure2020 import (
    artifacts,
    assets,
    dataset_definitions,
    datasets,
    datastores,
    discovery,
    experiments,
    images,
    metrics_v1,
    metrics_v2,
    models,
    operations,
    registrations,
    run_artifacts,
    run_events,
    run_lists,
    runs,
    services,
    subscriptions,
    workspaces,
)
from freehold.api.azure2020.facade import arm, artifact, dataset, datastore, history, metric, modelmanagement
from freehold.api.routing import Facade

FACADES: list[Facade] = [arm, history, metric, artifact, modelmanagement, datastore, dataset]

__all__ = [
    "FACADES",
    "artifacts",
    "assets",
    "dataset_definitions",
    "datasets",
    "datastores",
    "discovery",
    "experiments",
    "images",
    "metrics_v1",
    "metrics_v2",
    "models",
    "operations",
    "registrations",
    "run_artifacts",
    "run_events",
    "run_lists",
    "runs",
    "services",
    "subscriptions",
    "workspaces",
]
