"""What is stored. Importing this package fills the catalogue: every record of every family."""

from freehold.records import (
    artifacts,
    audit,
    containers,
    experiments,
    lifecycle,
    metrics,
    operations,
    people,
    runs,
    telemetry,
)

__all__ = [
    "artifacts",
    "audit",
    "containers",
    "experiments",
    "lifecycle",
    "metrics",
    "operations",
    "people",
    "runs",
    "telemetry",
]
