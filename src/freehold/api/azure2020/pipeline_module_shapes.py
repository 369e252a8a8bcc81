"""Modules on the wire. Fields: call 34, azureml-pipeline-core 1.6.0 and 1.62.0 (Module, AzureMLModule, …Version)."""

from typing import Any

import msgspec

from freehold.api.azure.users import pascal_user_out
from freehold.api.azure2020.pipeline_shapes import Pascal, Texts, fields_of, head, plain
from freehold.domain.pipelines import rules
from freehold.domain.pipelines.modules import interface_of, version_of
from freehold.domain.pipelines.objects import NewObject, ObjectView

_KEPT = (
    "Description",
    "IsDeterministic",
    "ModuleExecutionType",
    "ModuleType",
    "StructuredInterface",
    "StorageId",
    "IsInterfaceOnly",
    "Category",
    "Runconfig",
    "CloudSettings",
    "StepType",
    "Hash",
)
_LISTS = ("Inputs", "Outputs", "Parameters", "MetadataParameters", "Arguments")


class ModuleIn(Pascal):
    name: str
    hash: str | None = None
    description: str | None = None
    is_deterministic: bool | None = None
    module_execution_type: str | None = None
    module_type: str | None = None
    identifier_hash: str | None = None
    structured_interface: dict[str, Any] | None = None
    storage_id: str | None = None
    is_interface_only: bool | None = None
    kv_tags: Texts | None = None
    properties: Texts | None = None
    category: str | None = None
    runconfig: str | None = None
    cloud_settings: Any = None
    step_type: str | None = None

    def document(self) -> dict[str, Any]:
        said = {"tags": plain(self.kv_tags) or {}, "Properties": plain(self.properties) or {}}
        return fields_of(msgspec.to_builtins(self), *_KEPT) | said

    def new(self) -> NewObject:
        return NewObject(self.document(), self.name, digest=self.identifier_hash)


class VersionIn(ModuleIn, kw_only=True):
    aml_module_id: str
    version: str | None = None
    set_as_default_version: bool = False


class EntityIn(Pascal):
    """A changed entity: of what it says, only this can be changed."""

    name: str | None = None
    description: str | None = None
    entity_status: str | None = None
    default_version: str | None = None


class ChangedVersionIn(Pascal):
    data: EntityIn = msgspec.field(default_factory=EntityIn)


class NamedModuleIn(Pascal):
    name: str
    description: str | None = None


def module_entity_out(found: ObjectView) -> dict[str, Any]:
    """ModuleEntity. Its structured interface has every list that the SDK walks through."""
    document = found.document
    given = document.get("StructuredInterface") or {}
    interface = fields_of(given, "CommandLinePattern") | {name: given.get(name) or [] for name in _LISTS}
    return (
        head(found)
        | {
            "Name": found.name,
            "IdentifierHash": found.digest,
            "UploadState": "Completed",
            "StructuredInterface": interface,
            "DataLocation": _location(document.get("StorageId")),
            "CreatedBy": pascal_user_out(found.author),
            "tags": document.get("tags") or {},
            "Properties": document.get("Properties") or {},
        }
        | fields_of(document, *(name for name in _KEPT if name not in {"StructuredInterface", "StorageId"}))
    )


def module_out(found: ObjectView) -> dict[str, Any]:
    """Module: the entity, and its interface as a graph sees it."""
    return {"Data": module_entity_out(found), "Interface": interface_of(found)}


def version_out(found: ObjectView) -> dict[str, Any]:
    """AzureMLModuleVersion."""
    return {"ModuleId": found.id_of(rules.NAMED_MODULE), **module_out(found)}


def named_module_out(module: ObjectView, versions: list[ObjectView]) -> dict[str, Any]:
    """AzureMLModule, with its versions."""
    listed = [{"ModuleVersionId": each.object_id, "Version": version_of(each)} for each in versions]
    said = {"Name": module.name, "Versions": listed, "Hash": module.digest}
    return head(module) | said | fields_of(module.document, "Description", "DefaultVersion")


def _location(storage_id: str | None) -> dict[str, Any] | None:
    if storage_id is None:
        return None
    return {"StorageType": "Snapshot", "StorageId": storage_id, "Uri": None, "DataReference": None}
