"""Models and assets on the wire. Fields: calls 2 to 5 and 24 to 27, azureml-core 1.61.0 (Model, Asset)."""

from typing import Any

import msgspec

from freehold.api.azure.users import UserOut, user_out
from freehold.api.azure.wire import Wire
from freehold.domain.assets.service import AssetView, Entry, NewAsset
from freehold.domain.models.service import ModelView, NewModel
from freehold.kit.clock import to_iso

_KEPT = (
    "framework",
    "frameworkVersion",
    "mimeType",
    "description",
    "unpack",
    "datasets",
    "sampleInputData",
    "sampleOutputData",
    "resourceRequirements",
    "experimentName",
)
"""What only clients read: kept as they wrote it."""


class DatasetReference(Wire):
    name: str | None = None
    id: str | None = None


class ModelIn(Wire):
    name: str
    url: str | None = None
    mime_type: str | None = None
    description: str | None = None
    unpack: bool | None = None
    framework: str | None = None
    framework_version: str | None = None
    parent_model_id: str | None = None
    run_id: str | None = None
    experiment_name: str | None = None
    tags: list[str] | None = None
    kv_tags: dict[str, str | None] | None = None
    properties: dict[str, str | None] | None = None
    datasets: list[DatasetReference] | None = None
    sample_input_data: str | None = None
    sample_output_data: str | None = None
    resource_requirements: dict[str, Any] | None = None

    def new(self) -> NewModel:
        given = msgspec.to_builtins(self)
        return NewModel(
            self.name,
            self.url,
            {name: given[name] for name in _KEPT},
            self.run_id,
            self.parent_model_id,
            labels(self.tags, self.kv_tags),
            plain(self.properties),
        )


class ModelOut(Wire):
    id: str
    name: str
    version: int
    framework: str | None = None
    framework_version: str | None = None
    datasets: list[DatasetReference] = msgspec.field(default_factory=list)
    url: str | None = None
    mime_type: str | None = None
    description: str | None = None
    created_time: str | None = None
    modified_time: str | None = None
    created_at: str | None = None
    unpack: bool = False
    parent_model_id: str | None = None
    run_id: str | None = None
    experiment_name: str | None = None
    tags: list[str] = msgspec.field(default_factory=list)
    kv_tags: dict[str, str] = msgspec.field(default_factory=dict)
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    derived_model_ids: list[str] = msgspec.field(default_factory=list)
    sample_input_data: str | None = None
    sample_output_data: str | None = None
    resource_requirements: dict[str, Any] | None = None
    created_by: UserOut | None = None


class ModelPage(Wire, omit_defaults=True):
    value: list[ModelOut]
    next_link: str | None = None


class ArtifactEntry(Wire):
    id: str | None = None
    prefix: str | None = None


class AssetIn(Wire):
    name: str
    description: str | None = None
    type: str | None = None
    artifacts: list[ArtifactEntry] = msgspec.field(default_factory=list)
    tags: list[str] | None = None
    kv_tags: dict[str, str | None] | None = None
    properties: dict[str, str | None] | None = None
    meta: dict[str, str | None] | None = None
    runid: str | None = None
    projectid: str | None = None

    def new(self) -> NewAsset:
        return NewAsset(
            self.name,
            [Entry(each.id, each.prefix) for each in self.artifacts],
            {"description": self.description, "type": self.type, "meta": plain(self.meta), "projectid": self.projectid},
            self.runid,
            labels(self.tags, self.kv_tags),
            plain(self.properties),
        )


class AssetOut(Wire):
    id: str
    name: str
    type: str | None = None
    description: str | None = None
    artifacts: list[ArtifactEntry] = msgspec.field(default_factory=list)
    tags: list[str] = msgspec.field(default_factory=list)
    kv_tags: dict[str, str] = msgspec.field(default_factory=dict)
    properties: dict[str, str] = msgspec.field(default_factory=dict)
    runid: str | None = None
    projectid: str | None = None
    meta: dict[str, str] | None = None
    created_time: str | None = None


class AssetPage(Wire, omit_defaults=True):
    value: list[AssetOut]
    next_link: str | None = None


def model_out(found: ModelView) -> ModelOut:
    kept = found.document
    return ModelOut(
        id=found.versioned_name,
        name=found.name,
        version=found.version,
        framework=kept.get("framework"),
        framework_version=kept.get("frameworkVersion"),
        datasets=[DatasetReference(name=each.get("name"), id=each.get("id")) for each in kept.get("datasets") or []],
        url=found.url,
        mime_type=kept.get("mimeType"),
        description=kept.get("description"),
        created_time=to_iso(found.created_at),
        modified_time=to_iso(found.updated_at),
        created_at=to_iso(found.created_at),
        unpack=bool(kept.get("unpack")),
        parent_model_id=found.parent_name,
        run_id=found.run_id,
        experiment_name=found.experiment_name or (kept.get("experimentName") if found.run_id is None else None),
        tags=list(found.labels.tags),
        kv_tags=found.labels.tags,
        properties=found.labels.properties,
        derived_model_ids=found.derived_names,
        sample_input_data=kept.get("sampleInputData"),
        sample_output_data=kept.get("sampleOutputData"),
        resource_requirements=kept.get("resourceRequirements"),
        created_by=user_out(found.author),
    )


def asset_out(found: AssetView) -> AssetOut:
    kept = found.document
    return AssetOut(
        id=found.asset_id,
        name=found.name,
        type=kept.get("type"),
        description=kept.get("description"),
        artifacts=[ArtifactEntry(id=each.get("id"), prefix=each.get("prefix")) for each in found.artifacts],
        tags=list(found.labels.tags),
        kv_tags=found.labels.tags,
        properties=found.labels.properties,
        runid=found.run_id,
        projectid=kept.get("projectid"),
        meta=kept.get("meta"),
        created_time=to_iso(found.created_at),
    )


def labels(tags: list[str] | None, pairs: dict[str, str | None] | None) -> dict[str, str] | None:
    """2018 wrote a list of words, 2019 words with values; both may come. None: neither did."""
    if tags is None and pairs is None:
        return None
    return dict.fromkeys(tags or [], "") | (plain(pairs) or {})


def plain(pairs: dict[str, str | None] | None) -> dict[str, str] | None:
    return None if pairs is None else {key: value or "" for key, value in pairs.items()}
