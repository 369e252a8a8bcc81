"""What a datastore may be, and which place outside it names.

Fields: calls 22 and 23, azureml-core 1.61.0 (DataStore, AzureStorage). A local folder and an S3 bucket have no type
there; they are of its type `Custom`, which its client lists, with a section of Freehold's own: `customSection`.
"""

from collections.abc import Mapping
from typing import Any

from freehold.domain.documents.rules import check_name
from freehold.kit.problems import Invalid, NotImplementedHere
from freehold.storage.outside.places import CLOUDS, Bucket, Container, Folder, Place

BLOB, FILE, CUSTOM = "AzureBlob", "AzureFile", "Custom"
TYPES = (
    BLOB,
    FILE,
    "GlusterFs",
    "AzureDataLake",
    "AzureMySql",
    "AzureSqlDatabase",
    "AzurePostgreSql",
    "DBFS",
    "AzureDataLakeGen2",
    "Hdfs",
    CUSTOM,
    "Git",
    "OneLake",
)
OPENED = (BLOB, CUSTOM)
"""Types whose content Freehold reads and writes; the others are kept for the clients that do."""
STORAGE, OWN = "azureStorageSection", "customSection"
FOLDER, BUCKET = "LocalFolder", "S3"
_CREDENTIAL_FIELDS = {"AccountKey": "accountKey", "Sas": "sasToken"}


def stored_name(name: str) -> str:
    """Lower case, as Azure's service keeps it (azureml-core warns of it). Raises Invalid."""
    check_name("datastore", name)
    return name.lower()


def check_type(store_type: str) -> None:
    if store_type not in TYPES:
        raise Invalid("InvalidDatastoreType", f"dataStoreType is one of {', '.join(TYPES)}.", target="dataStoreType")


def check_sections(store_type: str, sections: Mapping[str, Any]) -> None:
    """What must be said of a store. Raises Invalid, NotImplementedHere.

    Of a file share it is all that azureml-core opens it with as soon as it lists it: one share without a key, and none
    of the workspace's datastores can be listed. `sections`: with named credentials.
    """
    if store_type in OPENED:
        place_of(store_type, sections)
    elif store_type == FILE:
        section = _section(sections, STORAGE)
        for field in ("accountName", "containerName"):
            _text(section, STORAGE, field)
        if not any(_optional(section, STORAGE, field) for field in _CREDENTIAL_FIELDS.values()):
            message = "A file share is opened with its accountKey or a sasToken: give one of them."
            raise Invalid("InvalidDatastore", message, target=f"{STORAGE}.credential")


def with_named_credential(sections: Mapping[str, Any]) -> dict[str, Any]:
    """The one `credential` that clients send also stands where they read it back: `accountKey` or `sasToken`."""
    section = sections.get(STORAGE)
    if not isinstance(section, dict) or not section.get("credential"):
        return dict(sections)
    field = _CREDENTIAL_FIELDS.get(str(section.get("credentialType")))
    if field is None:
        return dict(sections)
    named = {key: value for key, value in section.items() if key != "credential"}
    return {**sections, STORAGE: {**named, field: section["credential"], "isSas": field == "sasToken"}}


def place_of(store_type: str, sections: Mapping[str, Any]) -> Place:
    """Where the content lies. `sections`: with their secrets. Raises Invalid, NotImplementedHere."""
    if store_type == BLOB:
        return _container(_section(sections, STORAGE))
    if store_type != CUSTOM:
        kinds = f"{BLOB}, and {CUSTOM} of kind {FOLDER} or {BUCKET}"
        message = f"Freehold reads and writes content of {kinds}; a datastore of type {store_type} is only kept."
        raise NotImplementedHere("ContentNotServed", message)
    section = _section(sections, OWN)
    kind = section.get("kind")
    if kind == FOLDER:
        return Folder(_text(section, OWN, "path"))
    if kind == BUCKET:
        return _bucket(section)
    raise Invalid("InvalidDatastore", f"{OWN}.kind is {FOLDER} or {BUCKET}.", target=f"{OWN}.kind")


def _container(section: Mapping[str, Any]) -> Container:
    protocol = _optional(section, STORAGE, "protocol") or "https"
    if protocol not in {"http", "https"}:
        raise Invalid("InvalidDatastore", "The protocol is https or http.", target=f"{STORAGE}.protocol")
    return Container(
        _text(section, STORAGE, "accountName"),
        _text(section, STORAGE, "containerName"),
        _optional(section, STORAGE, "endpoint") or CLOUDS[0],
        protocol,
        account_key=_optional(section, STORAGE, "accountKey"),
        sas_token=_optional(section, STORAGE, "sasToken"),
    )


def _bucket(section: Mapping[str, Any]) -> Bucket:
    key_id, key = _optional(section, OWN, "accessKeyId"), _optional(section, OWN, "secretAccessKey")
    if (key_id is None) != (key is None):
        message = "Give both accessKeyId and secretAccessKey, or neither for a public bucket."
        raise Invalid("InvalidDatastore", message, target=OWN)
    return Bucket(
        _text(section, OWN, "bucket"),
        _optional(section, OWN, "region") or "us-east-1",
        _optional(section, OWN, "endpoint"),
        access_key_id=key_id,
        secret_access_key=key,
        session_token=_optional(section, OWN, "sessionToken"),
    )


def _section(sections: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = sections.get(name)
    if not isinstance(section, Mapping):
        raise Invalid("InvalidDatastore", f"A datastore of this type has a {name}.", target=name)
    return section


def _text(section: Mapping[str, Any], where: str, field: str) -> str:
    value = _optional(section, where, field)
    if value is None:
        raise Invalid("InvalidDatastore", f"{where}.{field} is missing.", target=f"{where}.{field}")
    return value


def _optional(section: Mapping[str, Any], where: str, field: str) -> str | None:
    value = section.get(field)
    if value is not None and not isinstance(value, str):
        raise Invalid("InvalidDatastore", f"{where}.{field} is a text.", target=f"{where}.{field}")
    return value or None
