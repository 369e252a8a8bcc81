"""Artifacts on the wire. Fields: azure-sdk-wire.md 4, 5.4 and Appendix B."""

from typing import Any

import msgspec

from freehold.api.addresses import secure_base
from freehold.api.azure2020.reading import Wire
from freehold.api.entry import Call
from freehold.api.signed_urls import sign_url
from freehold.domain.access.actor import Action
from freehold.domain.artifacts.service import ArtifactName, ArtifactView
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


def content_out(call: Call, name: ArtifactName, *, may: Action) -> dict[str, Any]:
    """ArtifactContentInformationDto with a signed address of the bytes."""
    return {
        "contentUri": content_uri(call, name, may=may),
        "origin": name.origin,
        "container": name.container,
        "path": name.path,
        "tags": {},
    }


def content_uri(call: Call, name: ArtifactName, *, may: Action) -> str:
    services = call.services
    return sign_url(secure_base(call), services.keys, services.clock, call.actor, call.workspace, name, may=may)
