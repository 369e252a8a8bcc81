"""Experiments on the wire. Fields: azureml-core 1.61.0, ExperimentDto."""

from typing import Any

import msgspec

from freehold.api.azure.wire import Wire
from freehold.domain.experiments.service import ExperimentView
from freehold.kit.clock import to_iso


class ExperimentIn(Wire):
    description: str | None = None
    tags: dict[str, str] | None = None


class ExperimentChange(ExperimentIn):
    name: str | None = None
    archive: bool | None = None


class TagsIn(Wire):
    tags: list[str] = msgspec.field(default_factory=list)


def experiment_out(found: ExperimentView) -> dict[str, Any]:
    """ExperimentDto."""
    return {
        "experimentId": found.experiment_id,
        "name": found.name,
        "description": found.description,
        "createdUtc": to_iso(found.created_at),
        "tags": found.tags,
        "archivedTime": to_iso(found.archived_at) if found.archived_at is not None else None,
        "retainForLifetimeOfWorkspace": False,
        "artifactLocation": None,
    }
