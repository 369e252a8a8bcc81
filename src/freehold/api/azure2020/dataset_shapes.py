"""Datasets on the wire. Fields: azureml-core 1.61.0 (its DTOs of datasets, definitions, saved datasets, data paths)."""

from typing import Any

import msgspec

from freehold.api.azure.users import UserOut, user_out
from freehold.api.azure.wire import Wire
from freehold.domain.datasets.definitions import DefinitionView, NewDefinition, SavedView
from freehold.domain.datasets.service import Change, DatasetView, NewDataset
from freehold.kit.clock import to_iso

_DEFINITION = (
    "dataflow",
    "dataPath",
    "partitionFormatInPath",
    "notes",
    "fileType",
    "properties",
    "profileActionResult",
)
"""What only clients read: kept as they wrote it."""
_SAVED = ("dataflowJson", "properties", "dataPath")


class StateIn(Wire):
    state: str | None = None
    deprecated_by: dict[str, Any] | None = None
    etag: str | None = None


class StateOut(Wire):
    state: str
    deprecated_by: dict[str, Any] | None = None
    etag: str | None = None


class DataPath(Wire):
    datastore_name: str | None = None
    relative_path: str | None = None
    azure_file_path: str | None = None
    paths: list[str] | None = None
    sql_data_path: dict[str, Any] | None = None
    http_url: str | None = None
    additional_properties: dict[str, Any] | None = None
    partition_format: str | None = None


class DefinitionIn(Wire):
    saved_dataset_id: str | None = None
    dataflow: str | None = None
    data_path: DataPath | None = None
    partition_format_in_path: str | None = None
    notes: str | None = None
    file_type: str | None = None
    properties: dict[str, Any] | None = None
    profile_action_result: dict[str, Any] | None = None
    etag: str | None = None

    def new(self, *, is_pending: bool = False) -> NewDefinition:
        given = msgspec.to_builtins(self)
        return NewDefinition({name: given[name] for name in _DEFINITION}, self.saved_dataset_id, is_pending)


class DatasetIn(Wire):
    name: str | None = None
    description: str | None = None
    tags: dict[str, str | None] | None = None
    is_visible: bool | None = None
    default_compute: str | None = None
    dataset_type: str | None = None
    latest: DefinitionIn | None = None
    etag: str | None = None

    def new(self, *, is_pending: bool) -> NewDataset:
        return NewDataset(
            self.name or "",
            (self.latest or DefinitionIn()).new(is_pending=is_pending),
            self.dataset_type,
            self.description,
            self.default_compute,
            self.is_visible is not False,
            is_pending,
            self._texts(),
        )

    def change(self, *, forces: bool) -> Change:
        etag = None if forces else self.etag
        return Change(self.description, self.default_compute, self.is_visible, self._texts(), etag)

    def _texts(self) -> dict[str, str] | None:
        return None if self.tags is None else {key: value or "" for key, value in self.tags.items()}


class SavedIn(Wire):
    dataset_type: str | None = None
    dataflow_json: str | None = None
    properties: dict[str, Any] | None = None
    data_path: DataPath | None = None

    def content(self) -> dict[str, Any]:
        given = msgspec.to_builtins(self)
        return {name: given[name] for name in _SAVED}


class DefinitionOut(Wire):
    dataset_id: str
    version_id: str
    dataset_definition_state: StateOut
    dataflow: str | None = None
    data_path: dict[str, Any] | None = None
    partition_format_in_path: str | None = None
    profile_action_result: dict[str, Any] | None = None
    notes: str | None = None
    etag: str | None = None
    created_time: str | None = None
    modified_time: str | None = None
    file_type: str | None = None
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    saved_dataset_id: str | None = None


class DatasetOut(Wire):
    dataset_id: str
    name: str
    dataset_state: StateOut
    latest: DefinitionOut | None = None
    created_time: str | None = None
    modified_time: str | None = None
    etag: str | None = None
    description: str | None = None
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    is_visible: bool = True
    default_compute: str | None = None
    dataset_type: str | None = None
    created_by: UserOut | None = None


class SavedOut(Wire):
    """`dataChanged` is null: Freehold does not look at the data."""

    id: str
    dataset_type: str | None = None
    properties: dict[str, Any] = msgspec.field(default_factory=dict)
    dataflow_json: str | None = None
    data_changed: bool | None = None
    data_path: dict[str, Any] | None = None


class DatasetPage(Wire):
    value: list[DatasetOut]
    continuation_token: str | None = None


class DefinitionPage(Wire):
    value: list[DefinitionOut]
    continuation_token: str | None = None


def dataset_out(found: DatasetView) -> DatasetOut:
    return DatasetOut(
        dataset_id=found.dataset_id,
        name=found.name,
        dataset_state=StateOut(state=found.state, deprecated_by=found.document.get("deprecatedBy"), etag=found.etag),
        latest=definition_out(found.definition) if found.definition else None,
        created_time=to_iso(found.created_at),
        modified_time=to_iso(found.updated_at),
        etag=found.etag,
        description=found.document.get("description"),
        tags=found.tags,
        is_visible=found.is_visible,
        default_compute=found.document.get("defaultCompute"),
        dataset_type=found.dataset_type,
        created_by=user_out(found.author),
    )


def definition_out(found: DefinitionView) -> DefinitionOut:
    kept = found.document
    return DefinitionOut(
        dataset_id=found.dataset_id,
        version_id=str(found.version),
        dataset_definition_state=StateOut(state=found.state, deprecated_by=kept.get("deprecatedBy"), etag=found.etag),
        dataflow=kept.get("dataflow"),
        data_path=kept.get("dataPath"),
        partition_format_in_path=kept.get("partitionFormatInPath"),
        profile_action_result=kept.get("profileActionResult"),
        notes=kept.get("notes"),
        etag=found.etag,
        created_time=to_iso(found.created_at),
        modified_time=to_iso(found.updated_at),
        file_type=kept.get("fileType"),
        properties=kept.get("properties") or {},
        saved_dataset_id=found.saved_id,
    )


def saved_out(found: SavedView) -> SavedOut:
    kept = found.document
    return SavedOut(
        id=found.saved_id,
        dataset_type=found.dataset_type,
        properties=kept.get("properties") or {},
        dataflow_json=kept.get("dataflowJson"),
        data_path=kept.get("dataPath"),
    )
