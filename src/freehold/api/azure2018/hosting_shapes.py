"""Models, manifests, images and services of a hosting account. Calls 38 to 45 and 51 to 58.

Ids are ids here, not names with versions: the client tells one from the other by parsing a UUID.
Source: azure-cli-ml 0.1.0a27 and the model management reference of 2017.
"""

from typing import Any

import msgspec

from freehold.api.azure.wire import Wire
from freehold.domain.images.service import ImageView, NewImage
from freehold.domain.manifests.service import ManifestView, NewManifest
from freehold.domain.models.service import ModelView, NewModel
from freehold.domain.services.service import Change, NewService, ServiceView
from freehold.kit.clock import to_iso

CLUSTER = "CLUSTER"
"""How the domain calls the computes of this generation."""


class ModelIn(Wire):
    name: str
    url: str | None = None
    tags: list[str] | None = None
    description: str | None = None
    mime_type: str | None = None
    unpack: bool | None = None

    def new(self) -> NewModel:
        kept = {"description": self.description, "mimeType": self.mime_type, "unpack": self.unpack}
        return NewModel(self.name, self.url, kept, tags=dict.fromkeys(self.tags or [], ""))


class ModelOut(Wire):
    id: str
    name: str
    version: int
    tags: list[str] = msgspec.field(default_factory=list)
    url: str | None = None
    mime_type: str | None = None
    description: str | None = None
    created_at: str | None = None
    unpack: bool = False


class ManifestIn(Wire):
    name: str
    driver_program: str | None = None
    description: str | None = None
    model_type: str | None = None
    model_ids: list[str] = msgspec.field(default_factory=list)
    assets: list[dict[str, Any]] | None = None
    target_runtime: dict[str, Any] | None = None
    webservice_type: str | None = None

    def new(self) -> NewManifest:
        given = msgspec.to_builtins(self)
        return NewManifest(self.name, self.model_ids, {name: given[name] for name in _KEPT_OF_MANIFEST})


class ManifestOut(Wire):
    id: str
    name: str
    version: int
    description: str | None = None
    driver_program: str | None = None
    assets: list[dict[str, Any]] = msgspec.field(default_factory=list)
    model_ids: list[str] = msgspec.field(default_factory=list)
    model_type: str | None = None
    target_runtime: dict[str, Any] | None = None
    webservice_type: str | None = None
    created_time: str | None = None


class ImageIn(Wire):
    name: str
    manifest_id: str | None = None
    description: str | None = None
    image_type: str | None = None
    image_location: str | None = None
    compute_resource_id: str | None = None

    def new(self) -> NewImage:
        kept = {
            "description": self.description,
            "imageType": self.image_type,
            "computeResourceId": self.compute_resource_id,
        }
        return NewImage(self.name, [], kept, self.manifest_id, self.image_location)


class ImageOut(Wire):
    id: str
    name: str
    version: int
    description: str | None = None
    image_type: str | None = None
    compute_resource_id: str | None = None
    created_time: str | None = None
    creation_state: str | None = None
    error: dict[str, Any] | None = None
    image_build_log_uri: str | None = None
    image_location: str | None = None
    manifest: ManifestOut | None = None


class ServiceIn(Wire):
    name: str | None = None
    image_id: str | None = None
    scoring_uri: str | None = None
    app_insights_enabled: bool | None = None
    auto_scaler: dict[str, Any] | None = None
    compute_resource: dict[str, Any] | None = None
    container_resource_reservation: dict[str, Any] | None = None
    data_collection: dict[str, Any] | None = None
    max_concurrent_requests_per_container: int | None = None
    num_replicas: int | None = None

    def new(self, name: str) -> NewService:
        return NewService(name, CLUSTER, self._document(), self.image_id, scoring_uri=self.scoring_uri)

    def change(self) -> Change:
        given = {name: value for name, value in self._document().items() if value is not None}
        return Change(given, self.image_id, scoring_uri=self.scoring_uri)

    def _document(self) -> dict[str, Any]:
        given = msgspec.to_builtins(self)
        return {name: given[name] for name in _KEPT_OF_SERVICE}


class ServiceOut(Wire):
    id: str
    name: str
    created_at: str
    updated_at: str
    state: str
    scoring_uri: str | None = None
    image: ImageOut | None = None
    manifest: ManifestOut | None = None
    models: list[ModelOut] = msgspec.field(default_factory=list)
    app_insights_enabled: bool = False
    auto_scaler: dict[str, Any] | None = None
    compute_resource: dict[str, Any] | None = None
    container_resource_reservation: dict[str, Any] | None = None
    data_collection: dict[str, Any] | None = None
    max_concurrent_requests_per_container: int | None = None
    num_replicas: int | None = None
    error: dict[str, Any] | None = None


class ModelPage(Wire, omit_defaults=True):
    value: list[ModelOut]
    next_link: str | None = None


class ManifestPage(Wire, omit_defaults=True):
    value: list[ManifestOut]
    next_link: str | None = None


class ImagePage(Wire, omit_defaults=True):
    value: list[ImageOut]
    next_link: str | None = None


class ServicePage(Wire, omit_defaults=True):
    value: list[ServiceOut]
    next_link: str | None = None


class KeysOut(Wire):
    primary_key: str
    secondary_key: str


class KeyIn(Wire):
    """Which of the two is to be new."""

    key_type: str = "Primary"


_KEPT_OF_MANIFEST = ("driverProgram", "description", "modelType", "assets", "targetRuntime", "webserviceType")
_KEPT_OF_SERVICE = (
    "appInsightsEnabled",
    "autoScaler",
    "computeResource",
    "containerResourceReservation",
    "dataCollection",
    "maxConcurrentRequestsPerContainer",
    "numReplicas",
)
"""What only clients read: kept as they wrote it."""


def model_out(found: ModelView) -> ModelOut:
    kept = found.document
    return ModelOut(
        id=found.model_id,
        name=found.name,
        version=found.version,
        tags=list(found.labels.tags),
        url=found.url,
        mime_type=kept.get("mimeType"),
        description=kept.get("description"),
        created_at=to_iso(found.created_at),
        unpack=bool(kept.get("unpack")),
    )


def manifest_out(found: ManifestView) -> ManifestOut:
    kept = found.document
    return ManifestOut(
        id=found.manifest_id,
        name=found.name,
        version=found.version,
        description=kept.get("description"),
        driver_program=kept.get("driverProgram"),
        assets=kept.get("assets") or [],
        model_ids=found.model_ids,
        model_type=kept.get("modelType") or "Registered",
        target_runtime=kept.get("targetRuntime"),
        webservice_type=kept.get("webserviceType") or "Realtime",
        created_time=to_iso(found.created_at),
    )


def image_out(found: ImageView) -> ImageOut:
    kept = found.document
    return ImageOut(
        id=found.image_id,
        name=found.name,
        version=found.version,
        description=kept.get("description"),
        image_type=kept.get("imageType") or "Docker",
        compute_resource_id=kept.get("computeResourceId"),
        created_time=to_iso(found.created_at),
        creation_state=found.state,
        error=kept.get("error"),
        image_build_log_uri=kept.get("imageBuildLogUri"),
        image_location=found.location,
        manifest=manifest_out(found.manifest) if found.manifest else None,
    )


def service_out(found: ServiceView) -> ServiceOut:
    kept, image = found.document, found.image
    return ServiceOut(
        id=found.service_id,
        name=found.name,
        created_at=to_iso(found.created_at),
        updated_at=to_iso(found.updated_at),
        state=found.state,
        scoring_uri=found.scoring_uri,
        image=image_out(image) if image else None,
        manifest=manifest_out(image.manifest) if image and image.manifest else None,
        models=[model_out(each) for each in (image.models if image else found.models)],
        app_insights_enabled=bool(kept.get("appInsightsEnabled")),
        auto_scaler=kept.get("autoScaler"),
        compute_resource=kept.get("computeResource"),
        container_resource_reservation=kept.get("containerResourceReservation"),
        data_collection=kept.get("dataCollection"),
        max_concurrent_requests_per_container=kept.get("maxConcurrentRequestsPerContainer"),
        num_replicas=kept.get("numReplicas"),
        error=kept.get("error"),
    )
