"""Data sources, each a place in a datastore, and data types, which say what may flow along an edge."""

from typing import Any, NamedTuple

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.forgetting.service import refuse_forgotten
from freehold.domain.pipelines import objects, queries, rules
from freehold.domain.pipelines.objects import NewObject, ObjectView
from freehold.kit.problems import Conflict
from freehold.storage.transaction import Transaction

SOURCE, TYPE = rules.DATA_SOURCE, rules.DATA_TYPE


class Place(NamedTuple):
    """`sql`: TableName, SqlQuery, StoredProcedureName, StoredProcedureParameters, as far as given."""

    datastore: str | None
    path: str | None
    sql: dict[str, Any]


class TypeView(NamedTuple):
    """One that every workspace has comes without times."""

    type_id: str
    name: str | None
    description: str | None
    is_directory: bool
    parent_ids: list[str]
    status: str = rules.ACTIVE
    created_at: int | None = None
    updated_at: int | None = None


class _Reference(NamedTuple):
    type: str
    section: str


_FILES = _Reference("AzureBlob", "AzureBlobReference")
_TABLES = _Reference("AzureSqlDatabase", "AzureSqlDatabaseReference")
_REFERENCES = {
    "AzureBlob": _FILES,
    "AzureFile": _Reference("AzureFiles", "AzureFilesReference"),
    "AzureDataLake": _Reference("AzureDataLake", "AzureDataLakeReference"),
    "AzureDataLakeGen2": _Reference("AzureDataLakeGen2Reference", "AzureDataLakeGen2Reference"),
    "AzureSqlDatabase": _TABLES,
    "AzurePostgreSql": _Reference("AzurePostgresDatabase", "AzurePostgresDatabaseReference"),
    "AzureMySql": _Reference("AzureMySqlDatabase", "AzureMySqlDatabaseReference"),
}
"""Type of a datastore → how a data source refers to a place in it. Source: azureml-pipeline-core 1.6.0."""


def create_source(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    place: Place,
    new: NewObject,
) -> ObjectView:
    """The standing source of this hash if it says the same, else a new one. Raises Invalid."""
    new = new._replace(document=new.document | {"DataLocation": _location(db, workspace, place)})
    return objects.find_same(db, workspace, SOURCE, new) or objects.add(db, actor, workspace, SOURCE, new)


def list_types(db: Transaction, workspace: WorkspaceRef) -> list[TypeView]:
    """Those that every workspace has, then its own, the oldest first."""
    own = [_type_view(each) for each in objects.all_objects(db, workspace, TYPE)]
    return [*_BUILT_IN.values(), *own[::-1]]


def create_type(db: Transaction, actor: Actor, workspace: WorkspaceRef, wanted: TypeView) -> TypeView:
    """The standing type of this id, if there is one: the SDK makes its types whenever it does not find them."""
    rules.check_type_id(wanted.type_id)
    standing = _BUILT_IN.get(wanted.type_id) or objects.find(db, workspace, TYPE, wanted.type_id)
    if standing is not None:
        return standing if isinstance(standing, TypeView) else _type_view(standing)
    refuse_forgotten(db, "pipeline_object", workspace.public_id, wanted.type_id)
    document = {
        "Description": wanted.description,
        "IsDirectory": wanted.is_directory,
        "ParentDataTypeIds": wanted.parent_ids,
    }
    new = NewObject(document, wanted.name or wanted.type_id, wanted.type_id)
    return _type_view(objects.add(db, actor, workspace, TYPE, new))


def change_type(
    db: Transaction,
    workspace: WorkspaceRef,
    type_id: str,
    *,
    name: str | None,
    description: str | None,
    parent_ids: list[str] | None,
    status: str | None,
) -> TypeView:
    """Raises Conflict for one that every workspace has, NotFound."""
    if type_id in _BUILT_IN:
        raise Conflict("RequiredDataType", "Every workspace has this data type; it cannot be changed. Make your own.")
    fields = {"Description": description, "ParentDataTypeIds": parent_ids}
    return _type_view(objects.change(db, workspace, TYPE, type_id, fields=fields, name=name, status=status))


def _location(db: Transaction, workspace: WorkspaceRef, place: Place) -> dict[str, Any] | None:
    """None: the source names no datastore."""
    if place.datastore is None:
        return None
    store_type = queries.store_type_of(db, workspace.workspace_id, place.datastore)
    by_shape = _TABLES if place.sql else _FILES
    reference = _REFERENCES.get(store_type, by_shape) if store_type else by_shape
    where = place.sql if place.sql else {"RelativePath": place.path}
    section = where | {"AmlDataStoreName": place.datastore}
    return {
        "StorageType": None,
        "StorageId": None,
        "Uri": None,
        "DataReference": {"Type": reference.type, reference.section: section},
    }


def _type_view(found: ObjectView) -> TypeView:
    return TypeView(
        found.object_id,
        found.name,
        found.document.get("Description"),
        bool(found.document.get("IsDirectory")),
        found.document.get("ParentDataTypeIds") or [],
        found.status,
        found.created_at,
        found.updated_at,
    )


_BUILT_IN = {name: TypeView(name, name, name, False, []) for name in rules.FILE_TYPES} | {
    name: TypeView(name, name, name, True, []) for name in rules.FOLDER_TYPES
}
