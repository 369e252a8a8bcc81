"""Artifacts on the wire. Fields: azureml-core 1.61.0, ArtifactDto."""

from typing import Any

import msgspec

from freehold.api.azure.wire import Wire
from freehold.domain.artifacts.service import ArtifactView
from freehold.kit.clock import to_iso

DATASTORE = "workspaceartifactstore"


class DataPathIn(Wire):
    data_store_name: str | None = None
    relative_path: str | None = None


class ArtifactIn(Wire):
    origin: str = ""
    container: str = ""
    path: str = ""
    data_path: DataPathIn | None = None


class PathIn(Wire):
    path: str = ""


class PathsIn(Wire):
    paths: list[PathIn] = msgspec.field(default_factory=list)


def artifact_out(found: ArtifactView) -> dict[str, Any]:
    """ArtifactDto."""
    name = found.name
    return {
        "artifactId": "/".join(name),
        "origin": name.origin,
        "container": name.container,
        "path": name.path,
        "etag": f'"{found.etag}"',
        "createdTime": to_iso(found.created_at),
        "dataPath": {"dataStoreName": DATASTORE, "relativePath": "/".join(name)},
        "tags": {},
    }
