"""Documents of data sources and data types."""

from typing import Any

from freehold.api.azure2020.pipeline_shapes import fields_of, head, moments
from freehold.domain.pipelines.objects import ObjectView
from freehold.domain.pipelines.sources import TypeView


def source_out(found: ObjectView) -> dict[str, Any]:
    """DataSourceEntity."""
    said = {"Name": found.name, "IdentifierHash": found.digest, "UploadState": "Completed"}
    return head(found) | said | fields_of(found.document, "Description", "DataTypeId", "DataLocation", "Hash")


def type_out(found: TypeView) -> dict[str, Any]:
    """DataTypeEntity."""
    return {
        "Id": found.type_id,
        **moments(found.created_at, found.updated_at),
        "EntityStatus": found.status,
        "Name": found.name,
        "Description": found.description,
        "IsDirectory": found.is_directory,
        "ParentDataTypeIds": found.parent_ids,
    }
