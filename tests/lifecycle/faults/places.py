"""Where the objects of a prepared data folder are kept: below it, or in a cloud's store under a prefix of its own."""

import gc
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol
from unittest.mock import patch

import obstore
from moto.s3.models import FakeKey, FakeMultipart, s3_backends
from obstore.store import AzureStore

from tests.gates import Gate
from tests.stores import CONTAINER, Store, azure_environment, run_azurite, run_moto, s3_client, s3_environment


class Place(Protocol):
    """Where objects are. Each data folder has its own part of it, called as the folder is."""

    gate: Gate | None

    def environment(self, folder: Path) -> dict[str, str]:
        """What a process that works on the folder needs."""
        ...

    def copy(self, source: Path, target: Path, cut: list[str]) -> None:
        """The objects, too. `cut`: keys under which the target gets an upload in parts that never ended."""
        ...

    def keys(self, folder: Path) -> set[str]:
        """All that a reader finds."""
        ...

    def rest(self, folder: Path) -> list[str]:
        """Keys of all else that the store lists: unfinished uploads, old versions, marks of removals."""
        ...

    def fetch(self, folder: Path, into: Path) -> None:
        """Every byte that the store gives out, old versions too, as files."""
        ...

    def remove(self, folder: Path) -> None:
        """What is kept for a folder that is needed no more."""
        ...


class Below:
    """A folder in the data folder, which is copied and searched with it."""

    gate: Gate | None = None

    def environment(self, folder: Path) -> dict[str, str]:
        return {}

    def copy(self, source: Path, target: Path, cut: list[str]) -> None: ...

    def keys(self, folder: Path) -> set[str]:
        store = folder / "store"
        return {str(path.relative_to(store)) for path in store.rglob("*") if path.is_file()}

    def rest(self, folder: Path) -> list[str]:
        return []

    def fetch(self, folder: Path, into: Path) -> None: ...

    def remove(self, folder: Path) -> None: ...


class InS3:
    """moto, behind a gate. A versioned bucket has an old version of every object that is copied."""

    def __init__(self, store: Store, gate: Gate, *, is_versioned: bool = False) -> None:
        self.gate: Gate | None = gate
        self._url = gate.url
        self._store, self._client, self._is_versioned = store, s3_client(store), is_versioned
        self._read: dict[Path, dict[str, bytes]] = {}
        self._bucket = str(store.body["customSection"]["bucket"])
        if is_versioned:
            self._client.put_bucket_versioning(Bucket=self._bucket, VersioningConfiguration={"Status": "Enabled"})

    def environment(self, folder: Path) -> dict[str, str]:
        return s3_environment(self._store, _prefix(folder)) | {"AWS_ENDPOINT_URL": self._url}

    def copy(self, source: Path, target: Path, cut: list[str]) -> None:
        for key, content in self._contents(source).items():
            to = {"Bucket": self._bucket, "Key": f"{_prefix(target)}/{key}"}
            for _ in range(1 + self._is_versioned):
                self._client.put_object(**to, Body=content)
        for key in cut:
            to = {"Bucket": self._bucket, "Key": f"{_prefix(target)}/{key}"}
            begun = self._client.create_multipart_upload(**to)["UploadId"]
            self._client.upload_part(**to, UploadId=begun, PartNumber=1, Body=b"cut off")

    def _contents(self, folder: Path) -> dict[str, bytes]:
        """Read once: moto keeps another copy of an object for every time that it is listed or read."""
        if folder not in self._read:
            objects = {key: {"Bucket": self._bucket, "Key": f"{_prefix(folder)}/{key}"} for key in self.keys(folder)}
            self._read[folder] = {key: self._client.get_object(**it)["Body"].read() for key, it in objects.items()}
        return self._read[folder]

    def keys(self, folder: Path) -> set[str]:
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{_prefix(folder)}/"
        )
        found = (each["Key"] for page in pages for each in page.get("Contents", []))
        return {key.removeprefix(f"{_prefix(folder)}/") for key in found}

    def rest(self, folder: Path) -> list[str]:
        below = {"Bucket": self._bucket, "Prefix": f"{_prefix(folder)}/"}
        uploads = self._client.list_multipart_uploads(**below).get("Uploads", [])
        listed = self._client.list_object_versions(**below)
        assert not listed["IsTruncated"]
        old = [each for each in listed.get("Versions", []) if not each["IsLatest"]]
        found = [each["Key"].removeprefix(f"{_prefix(folder)}/") for each in (*old, *listed.get("DeleteMarkers", []))]
        return sorted(found + [each["Key"].removeprefix(f"{_prefix(folder)}/") for each in uploads])

    def fetch(self, folder: Path, into: Path) -> None:
        listed = self._client.list_object_versions(Bucket=self._bucket, Prefix=f"{_prefix(folder)}/")
        for number, each in enumerate(listed.get("Versions", [])):
            found = self._client.get_object(Bucket=self._bucket, Key=each["Key"], VersionId=each["VersionId"])
            (into / str(number)).write_bytes(found["Body"].read())

    def remove(self, folder: Path) -> None:
        listed = self._client.list_object_versions(Bucket=self._bucket, Prefix=f"{_prefix(folder)}/")
        for each in (*listed.get("Versions", []), *listed.get("DeleteMarkers", [])):
            self._client.delete_object(Bucket=self._bucket, Key=each["Key"], VersionId=each["VersionId"])
        _dispose(f"{_prefix(folder)}/")


def _prefix(folder: Path) -> str:
    """Of no other bench that is open, whichever bucket it is in."""
    return f"{folder.parent.name}-{folder.name}"


def _dispose(prefix: str) -> None:
    """moto keeps the bytes of whatever it was sent, and of every copy that a listing makes, as files without a name: a
    long run would fill the disk."""
    buckets = [
        bucket for regions in s3_backends.values() for each in regions.values() for bucket in each.buckets.values()
    ]
    living = {id(key) for bucket in buckets for name in list(bucket.keys) for key in bucket.keys.getlist(name)}
    keys: list[Any] = vars(FakeKey)["instances_tracked"]
    uploads: list[Any] = vars(FakeMultipart)["instances_tracked"]
    for each in [each for each in uploads if each.key_name.startswith(prefix)]:
        each.dispose()
        uploads.remove(each)
    for key in [key for key in keys if id(key) not in living]:
        key.dispose()
        keys.remove(key)


class InAzure:
    """Azurite, behind a gate. Unfinished blocks cannot be listed: they are no part of `rest`."""

    def __init__(self, store: Store, gate: Gate) -> None:
        self.gate: Gate | None = gate
        self._url = gate.url
        self._environment = azure_environment(store)
        with patch.dict(os.environ, self._environment):
            self._store = AzureStore(CONTAINER, client_options={"allow_http": True})
        self._host = store.host

    def environment(self, folder: Path) -> dict[str, str]:
        endpoint = self._environment["AZURE_STORAGE_ENDPOINT"].replace(self._host, self._url)
        return self._environment | {
            "FREEHOLD_OBJECTS": f"az://{CONTAINER}/{folder.name}",
            "AZURE_STORAGE_ENDPOINT": endpoint,
        }

    def copy(self, source: Path, target: Path, cut: list[str]) -> None:
        for key in self.keys(source):
            content = obstore.get(self._store, f"{source.name}/{key}").bytes()
            obstore.put(self._store, f"{target.name}/{key}", io.BytesIO(bytes(content)), use_multipart=False)

    def keys(self, folder: Path) -> set[str]:
        listed = [meta["path"] for batch in obstore.list(self._store, folder.name) for meta in batch]
        return {path.removeprefix(f"{folder.name}/") for path in listed}

    def rest(self, folder: Path) -> list[str]:
        return []

    def fetch(self, folder: Path, into: Path) -> None:
        for number, key in enumerate(sorted(self.keys(folder))):
            (into / str(number)).write_bytes(bytes(obstore.get(self._store, f"{folder.name}/{key}").bytes()))

    def remove(self, folder: Path) -> None:
        obstore.delete(self._store, [f"{folder.name}/{key}" for key in self.keys(folder)])


@contextmanager
def in_s3(*, is_versioned: bool = False) -> Iterator[InS3]:
    with run_moto(f"b{secrets.token_hex(8)}") as store:
        gate = Gate(store.host)
        try:
            yield InS3(store, gate, is_versioned=is_versioned)
        finally:
            gate.close()
    gc.collect()  # here, and not in a later test: moto's server leaves sockets of killed clients to the collector


@contextmanager
def in_azure(folder: Path) -> Iterator[InAzure]:
    with run_azurite(folder) as store:
        gate = Gate(store.host)
        try:
            yield InAzure(store, gate)
        finally:
            gate.close()
