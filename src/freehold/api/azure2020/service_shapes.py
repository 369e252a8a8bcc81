"""Services on the wire. Fields: calls 8, 9, 30 and 31, azureml-core 1.61.0 (ServiceResponseBase and its kinds)."""

from typing import Any

import msgspec

from freehold.api.azure.users import UserOut, user_out
from freehold.api.azure.wire import Wire
from freehold.api.azure2020 import unsaid
from freehold.api.azure2020.image_shapes import ImageOut, image_out
from freehold.api.azure2020.model_shapes import ModelOut, labels, model_out, plain
from freehold.domain.services.service import NewService, ServiceView
from freehold.kit.clock import to_iso


class EnvironmentIn(Wire):
    """The image request inside a service request: models without an image of their own."""

    model_ids: list[str] = msgspec.field(default_factory=list)


class ServiceIn(Wire):
    name: str
    compute_type: str
    description: str | None = None
    image_id: str | None = None
    model_ids: list[str] = msgspec.field(default_factory=list)
    environment_image_request: dict[str, Any] | None = None
    keys: dict[str, str] | None = None
    scoring_uri: str | None = None
    probe: bool = False
    tags: list[str] | None = None
    kv_tags: dict[str, str | None] | None = None
    properties: dict[str, str | None] | None = None
    deployment_type: str | None = None
    container_resource_requirements: dict[str, Any] | None = None
    location: str | None = None
    auth_enabled: bool | None = None
    aad_auth_enabled: bool | None = None
    ssl_enabled: bool | None = None
    ssl_certificate: str | None = None
    ssl_key: str | None = None
    cname: str | None = None
    dns_name_label: str | None = None
    public_ip: str | None = None
    public_fqdn: str | None = None
    swagger_uri: str | None = None
    app_insights_enabled: bool | None = None
    data_collection: dict[str, Any] | None = None
    compute_name: str | None = None
    namespace: str | None = None
    num_replicas: int | None = None
    auto_scaler: dict[str, Any] | None = None
    liveness_probe_requirements: dict[str, Any] | None = None
    encryption_properties: dict[str, Any] | None = None
    vnet_configuration: dict[str, Any] | None = None
    max_concurrent_requests_per_container: int | None = None
    max_queue_wait_ms: int | None = None
    scoring_timeout_ms: int | None = None
    is_default: bool | None = None
    traffic_percentile: float | None = None
    type: str | None = None
    model_config_map: dict[str, Any] | None = None

    def new(self) -> NewService:
        given = msgspec.to_builtins(self)
        environment = msgspec.convert(self.environment_image_request or {}, EnvironmentIn)
        return NewService(
            self.name,
            self.compute_type,
            {name: given[name] for name in KEPT},
            self.image_id,
            [*self.model_ids, *environment.model_ids],
            self.scoring_uri,
            self.probe,
            labels(self.tags, self.kv_tags),
            plain(self.properties),
        )


class ServiceOut(Wire):
    """What belongs to one kind of compute only is null for the others. Left out, not null, where there is no image:
    `image_details` (azureml-core reads it as soon as it is there)."""

    id: str
    name: str
    description: str | None = None
    tags: list[str] = msgspec.field(default_factory=list)
    kv_tags: dict[str, str] = msgspec.field(default_factory=dict)
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    operation_id: str | None = None
    state: str | None = None
    created_time: str | None = None
    updated_time: str | None = None
    error: dict[str, Any] | None = None
    compute_type: str | None = None
    deployment_type: str | None = None
    created_by: UserOut | None = None
    image_id: str | None = None
    image_digest: str | None = None
    image_details: ImageOut | msgspec.UnsetType = msgspec.UNSET
    models: list[ModelOut] = msgspec.field(default_factory=list)
    scoring_uri: str | None = None
    container_resource_requirements: dict[str, Any] | None = None
    location: str | None = None
    auth_enabled: bool | None = None
    aad_auth_enabled: bool | None = None
    ssl_enabled: bool | None = None
    ssl_certificate: str | None = None
    ssl_key: str | None = None
    cname: str | None = None
    dns_name_label: str | None = None
    public_ip: str | None = None
    public_fqdn: str | None = None
    swagger_uri: str | None = None
    app_insights_enabled: bool | None = None
    data_collection: dict[str, Any] | None = None
    compute_name: str | None = None
    namespace: str | None = None
    num_replicas: int | None = None
    auto_scaler: dict[str, Any] | None = None
    liveness_probe_requirements: dict[str, Any] | None = None
    encryption_properties: dict[str, Any] | None = None
    vnet_configuration: dict[str, Any] | None = None
    max_concurrent_requests_per_container: int | None = None
    max_queue_wait_ms: int | None = None
    scoring_timeout_ms: int | None = None
    is_default: bool | None = None
    traffic_percentile: float | None = None
    type: str | None = None
    model_config_map: dict[str, Any] | None = None
    environment_image_request: dict[str, Any] | None = None
    deployment_status: dict[str, Any] | None = None


class ServicePage(Wire, omit_defaults=True):
    value: list[ServiceOut]
    next_link: str | None = None


_OURS = frozenset(
    {
        "name",
        "computeType",
        "imageId",
        "modelIds",
        "keys",
        "scoringUri",
        "probe",
        "tags",
        "kvTags",
        "properties",
    }
)
KEPT = tuple(name for name in ServiceIn.__struct_encode_fields__ if name not in _OURS)
"""What only clients read: kept as they wrote it."""
_KEPT_FIELDS = {
    encoded: field
    for encoded, field in zip(ServiceOut.__struct_encode_fields__, ServiceOut.__struct_fields__, strict=True)
    if encoded in KEPT
}


def service_out(found: ServiceView, *, expands: bool = True) -> ServiceOut:
    """`id` is the name: the SDK builds addresses of it. `expands`: with the whole image and models."""
    kept = found.document
    completed = unsaid.of_service(found.compute_type, kept)
    return ServiceOut(
        id=found.name,
        name=found.name,
        tags=list(found.labels.tags),
        kv_tags=found.labels.tags,
        properties=found.labels.properties,
        state=found.state,
        created_time=to_iso(found.created_at),
        updated_time=to_iso(found.updated_at),
        error=kept.get("error"),
        compute_type=found.compute_type,
        created_by=user_out(found.author),
        image_id=found.image.versioned_name if found.image else None,
        image_details=image_out(found.image) if expands and found.image else msgspec.UNSET,
        models=[model_out(each) for each in found.models] if expands else [],
        scoring_uri=found.scoring_uri,
        **{field: completed.get(encoded) for encoded, field in _KEPT_FIELDS.items()},
    )


class KeysOut(Wire):
    primary_key: str
    secondary_key: str


class RegenerateIn(Wire):
    key_type: str
    key_value: str | None = None


class LogsOut(Wire):
    content: str
