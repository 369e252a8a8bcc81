"""The documents of this façade as an export writes them to `rest/`: one writer per noun, given by the worker.

Canonical: no host, no caller, no page. What names a person is null, as the bag's tables carry random member ids.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from freehold.api.azure.artifact_shapes import artifact_out
from freehold.api.azure.experiment_shapes import experiment_out
from freehold.api.azure.rest_documents import PERSON, Documents, Noun, workspace_of
from freehold.api.azure.run_shapes import run_out
from freehold.api.azure2020.compute_shapes import compute_out
from freehold.api.azure2020.image_shapes import image_out
from freehold.api.azure2020.model_shapes import asset_out, model_out
from freehold.api.azure2020.service_shapes import service_out
from freehold.domain.access.kinds import Kind
from freehold.domain.assets import service as assets
from freehold.domain.computes import service as computes
from freehold.domain.images import service as images
from freehold.domain.listing.service import roots_of
from freehold.domain.models import service as models
from freehold.domain.services import service as services
from freehold.domain.whole import service as whole
from freehold.domain.whole.queries import Bounds
from freehold.lifecycle.selection import Target
from freehold.records.assets import Asset, Model
from freehold.records.outside import Compute
from freehold.records.rules import Scope
from freehold.records.serving import Image, Service
from freehold.storage.transaction import Transaction

_VOLATILE = "it is made anew at every answer"


class Experiments:
    name = "experiments"
    withheld: Mapping[str, str] = {}

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        """`GET …/history/v1.0{WS}/experiments`, in order of creation."""
        for page in whole.experiments(db, workspace_of(db, chosen), _bounds(chosen)):
            yield from map(experiment_out, page)


class Runs:
    name = "runs"
    withheld: Mapping[str, str] = {
        "createdBy": PERSON,
        "userId": PERSON,
        "token": _VOLATILE,
        "tokenExpiryTimeUtc": _VOLATILE,
    }

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        """`GET …/history/v1.0{WS}/experiments/{e}/runs`, in order of creation."""
        workspace = workspace_of(db, chosen)
        for page in whole.runs(db, workspace, _bounds(chosen)):
            roots = roots_of(db, workspace, page)
            yield from (run_out(run, roots.get(run.row_id, run.run_id)) for run in page)


class Artifacts:
    name = "artifacts"
    withheld: Mapping[str, str] = {}

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        """`GET …/artifact/v2.0{WS}/artifacts/{origin}/{container}`, in order of creation."""
        for page in whole.artifacts(db, workspace_of(db, chosen), _bounds(chosen)):
            yield from map(artifact_out, page)


_WORKSPACES = frozenset({Kind.WORKSPACE, Kind.PROJECT})
WRITERS = (
    Experiments(),
    Runs(),
    Artifacts(),
    Documents(Noun("models", Model, _WORKSPACES), models.views_of, lambda _, found: model_out(found), ["createdBy"]),
    Documents(Noun("assets", Asset, _WORKSPACES), assets.views_of, lambda _, found: asset_out(found)),
    Documents(
        Noun("images", Image, _WORKSPACES),
        images.views_of,
        lambda _, found: image_out(found),
        ["createdBy", "modelDetails.createdBy"],
    ),
    Documents(
        Noun("services", Service, _WORKSPACES),
        services.views_of,
        lambda _, found: service_out(found),
        ["createdBy", "imageDetails.createdBy", "imageDetails.modelDetails.createdBy", "models.createdBy"],
    ),
    Documents(Noun("computes", Compute, _WORKSPACES), computes.views_of, compute_out),
)
"""Secrets are in none of these documents: they are kept apart, and only a GET by who has the right joins them."""


def _bounds(chosen: Target) -> Bounds:
    return (
        chosen.root_row if chosen.scope is Scope.EXPERIMENT else None,
        chosen.root_row if chosen.scope is Scope.RUN else None,
    )
