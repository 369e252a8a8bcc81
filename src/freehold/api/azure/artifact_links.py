"""Signed addresses of an artifact's bytes, as ArtifactContentInformationDto gives them."""

from typing import Any

from freehold.api.addresses import secure_base
from freehold.api.entry import Call
from freehold.api.signed_urls import sign_url
from freehold.domain.access.actor import Action
from freehold.domain.artifacts.service import ArtifactName


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
