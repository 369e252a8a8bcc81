"""What is stored. Importing this package fills the catalogue: every record of every family."""

from freehold.records import (
    artifacts,
    assets,
    audit,
    containers,
    experiments,
    lifecycle,
    metrics,
    notifications,
    operations,
    outside,
    people,
    pipelines,
    runs,
    secrets,
    serving,
    telemetry,
)

__all__ = [
    "artifacts",
    "assets",
    "audit",
    "containers",
    "experiments",
    "lifecycle",
    "metrics",
    "notifications",
    "operations",
    "outside",
    "people",
    "pipelines",
    "runs",
    "secrets",
    "serving",
    "telemetry",
]
