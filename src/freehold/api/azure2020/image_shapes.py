"""Images on the wire. Fields: calls 6, 7, 28 and 29, azureml-core 1.61.0 (Image, ContainerImage)."""

from typing import Any

import msgspec

from freehold.api.azure.users import UserOut, user_out
from freehold.api.azure.wire import Wire
from freehold.api.azure2020 import unsaid
from freehold.api.azure2020.model_shapes import ModelOut, labels, model_out, plain
from freehold.domain.images.service import ImageView, NewImage
from freehold.kit.clock import to_iso

_KEPT = (
    "description",
    "imageType",
    "imageFlavor",
    "driverProgram",
    "assets",
    "targetRuntime",
    "dockerFileUri",
    "baseImage",
    "imageBuildLogUri",
    "imageRequestTypeDiscriminator",
)
"""What only clients read: kept as they wrote it."""


class ImageIn(Wire):
    name: str
    description: str | None = None
    image_type: str | None = None
    image_flavor: str | None = None
    image_location: str | None = None
    model_ids: list[str] = msgspec.field(default_factory=list)
    driver_program: str | None = None
    assets: list[dict[str, Any]] | None = None
    target_runtime: dict[str, Any] | None = None
    docker_file_uri: str | None = None
    base_image: str | None = None
    image_build_log_uri: str | None = None
    image_request_type_discriminator: str | None = None
    auto_delete: bool = False
    tags: list[str] | None = None
    kv_tags: dict[str, str | None] | None = None
    properties: dict[str, str | None] | None = None

    def new(self) -> NewImage:
        given = msgspec.to_builtins(self)
        return NewImage(
            self.name,
            self.model_ids,
            {name: given[name] for name in _KEPT},
            None,
            self.image_location,
            self.auto_delete,
            labels(self.tags, self.kv_tags),
            plain(self.properties),
        )


class ImageOut(Wire):
    id: str
    name: str
    version: int
    description: str | None = None
    tags: list[str] = msgspec.field(default_factory=list)
    kv_tags: dict[str, str] = msgspec.field(default_factory=dict)
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    created_time: str | None = None
    modified_time: str | None = None
    auto_delete: bool = False
    image_type: str | None = None
    image_flavor: str | None = None
    creation_state: str | None = None
    error: dict[str, Any] | None = None
    model_ids: list[str] = msgspec.field(default_factory=list)
    model_details: list[ModelOut] | None = None
    image_location: str | None = None
    image_build_log_uri: str | None = None
    operation_id: str | None = None
    driver_program: str | None = None
    assets: list[dict[str, Any]] = msgspec.field(default_factory=list)
    target_runtime: dict[str, Any] | None = None
    docker_file_uri: str | None = None
    generated_docker_file_uri: str | None = None
    base_image: str | None = None
    image_request_type_discriminator: str | None = None
    created_by: UserOut | None = None


class ImagePage(Wire, omit_defaults=True):
    value: list[ImageOut]
    next_link: str | None = None


def image_out(found: ImageView, *, expands: bool = True) -> ImageOut:
    """`expands`: with the whole documents of its models."""
    kept = found.document | unsaid.of_image(found.document)
    return ImageOut(
        id=found.versioned_name,
        name=found.name,
        version=found.version,
        description=kept.get("description"),
        tags=list(found.labels.tags),
        kv_tags=found.labels.tags,
        properties=found.labels.properties,
        created_time=to_iso(found.created_at),
        modified_time=to_iso(found.updated_at),
        auto_delete=found.is_auto_deleted,
        image_type=kept.get("imageType") or "Docker",
        image_flavor=kept.get("imageFlavor"),
        creation_state=found.state,
        error=kept.get("error"),
        model_ids=[each.versioned_name for each in found.models],
        model_details=[model_out(each) for each in found.models] if expands else None,
        image_location=found.location,
        image_build_log_uri=kept.get("imageBuildLogUri"),
        driver_program=kept.get("driverProgram"),
        assets=kept["assets"],
        target_runtime=kept["targetRuntime"],
        docker_file_uri=kept.get("dockerFileUri"),
        base_image=kept.get("baseImage"),
        image_request_type_discriminator=kept.get("imageRequestTypeDiscriminator"),
        created_by=user_out(found.author),
    )
