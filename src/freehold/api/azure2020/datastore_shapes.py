"""Datastores on the wire. Fields: calls 22 and 23, azureml-core 1.61.0 (DataStore)."""

from typing import Any

import msgspec

from freehold.api.azure.users import UserOut, user_out
from freehold.api.azure.wire import Wire
from freehold.api.azure2020 import unsaid
from freehold.domain.datastores.service import DatastoreView, NewDatastore
from freehold.kit.clock import to_iso

Section = dict[str, Any] | None


class _Sections(Wire):
    """Of which a datastore has the one of its type. `customSection` is Freehold's: see `domain/datastores/rules`."""

    azure_storage_section: Section = None
    azure_data_lake_section: Section = None
    azure_sql_database_section: Section = None
    azure_postgre_sql_section: Section = None
    azure_my_sql_section: Section = None
    hdfs_section: Section = None
    gluster_fs_section: Section = None
    custom_section: Section = None


class DatastoreIn(_Sections):
    name: str | None = None
    data_store_type: str | None = None
    tags: dict[str, str | None] | None = None

    def new(self, name: str | None = None) -> NewDatastore:
        given = msgspec.to_builtins(self)
        sections = {field: given[field] for field in _FIELDS if given[field] is not None}
        tags = None if self.tags is None else {key: value or "" for key, value in self.tags.items()}
        return NewDatastore(name or self.name or "", self.data_store_type or "", sections, tags=tags)


class DatastoreOut(_Sections, kw_only=True):
    """Fields of clients' own making in a section are sent back as they came."""

    name: str
    data_store_type: str
    has_been_validated: bool
    tags: dict[str, str]
    is_default: bool
    created_time: str
    modified_time: str
    created_by: UserOut | None = None


class DatastorePage(Wire):
    value: list[DatastoreOut]
    continuation_token: str | None = None


_FIELDS = tuple(field.encode_name for field in msgspec.structs.fields(_Sections))
_SECTIONS = {field.encode_name: field.name for field in msgspec.structs.fields(_Sections)}


def datastore_out(found: DatastoreView) -> DatastoreOut:
    completed = unsaid.of_datastore(found.store_type, found.sections)
    sections = {_SECTIONS[field]: section for field, section in completed.items() if field in _SECTIONS}
    return DatastoreOut(
        name=found.name,
        data_store_type=found.store_type,
        has_been_validated=found.is_validated,
        tags=found.tags,
        is_default=found.is_default,
        created_time=to_iso(found.created_at),
        modified_time=to_iso(found.updated_at),
        created_by=user_out(found.author),
        **sections,
    )
