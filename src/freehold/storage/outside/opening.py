"""Opening the place that a datastore names, if the server's owner allows it."""

import re
from pathlib import Path
from typing import NamedTuple

from freehold.kit.problems import Forbidden, Invalid
from freehold.settings import Settings
from freehold.storage.cloud.places import object_folder
from freehold.storage.outside.folder import FolderStore
from freehold.storage.outside.hosts import Address, allowed_addresses, check_address
from freehold.storage.outside.places import CLOUDS, Bucket, Container, Folder, OutsideStore, Place
from freehold.storage.outside.remote import open_bucket, open_container

_ACCOUNT = re.compile(r"[a-z0-9]{3,24}")
_CONTAINER = re.compile(r"\$root|\$web|[a-z0-9](?:-?[a-z0-9]){2,62}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_REGION = re.compile(r"[a-z0-9-]{1,32}")


class Server(NamedTuple):
    """`is_cloud`: one of a cloud's own, its name made here from checked parts."""

    url: str
    is_cloud: bool


async def open_outside(settings: Settings, place: Place) -> OutsideStore:
    """Raises Invalid for what cannot be a place, Forbidden for one that the settings do not allow, Unavailable."""
    if isinstance(place, Folder):
        return FolderStore(_allowed_folder(settings, place), largest=settings.max_object)
    server = _blob_server(place) if isinstance(place, Container) else _bucket_server(place)
    address = Address.of(server.url)
    await check_address(address, allowed_addresses(settings.outside_hosts), is_cloud=server.is_cloud)
    is_plain = address.scheme == "http"
    if isinstance(place, Bucket):
        return open_bucket(place, server.url, largest=settings.max_object, is_plain=is_plain)
    url = server.url if server.is_cloud else f"{server.url}/{place.account}"
    return open_container(place, url, largest=settings.max_object, is_plain=is_plain)


def _allowed_folder(settings: Settings, place: Folder) -> Path:
    """Where the path leads, its links followed once: below an allowed root, and apart from the server's own folders."""
    given = Path(place.path)
    if not given.is_absolute() or ".." in given.parts or not place.path.isprintable():
        raise Invalid("InvalidDatastore", "A folder's path is absolute and has no '..'.", target="customSection.path")
    folder = given.resolve()
    roots = [Path(root.strip()).expanduser().resolve() for root in settings.outside_folders.split(",") if root.strip()]
    if not any(folder.is_relative_to(root) for root in roots):
        message = (
            "This server opens no datastore in that folder. Its owner can allow it with the setting outside_folders"
            " (FREEHOLD_OUTSIDE_FOLDERS)."
        )
        raise Forbidden("OutsideFolderNotAllowed", message)
    for own in _own_folders(settings):
        if folder.is_relative_to(own) or own.is_relative_to(folder):
            raise Forbidden("OutsideFolderNotAllowed", "A datastore may not hold the server's own folders.")
    return folder


def _own_folders(settings: Settings) -> list[Path]:
    objects = object_folder(settings)
    return [settings.data_folder, settings.key_folder, *([objects.resolve()] if objects else [])]


def _blob_server(place: Container) -> Server:
    if not _ACCOUNT.fullmatch(place.account) or not _CONTAINER.fullmatch(place.container):
        message = "The names of a storage account and a container have small letters, digits and hyphens."
        raise Invalid("InvalidDatastore", message, target="azureStorageSection")
    if place.endpoint in CLOUDS:
        return Server(f"{place.protocol}://{place.account}.blob.{place.endpoint}", is_cloud=True)
    return Server(f"{place.protocol}://{place.endpoint.rstrip('/')}", is_cloud=False)


def _bucket_server(place: Bucket) -> Server:
    if not _BUCKET.fullmatch(place.bucket) or not _REGION.fullmatch(place.region):
        message = "The names of a bucket and a region have small letters, digits, hyphens, and dots in a bucket's."
        raise Invalid("InvalidDatastore", message, target="customSection")
    if place.endpoint:
        return Server(place.endpoint.rstrip("/"), is_cloud=False)
    tail = "amazonaws.com.cn" if place.region.startswith("cn-") else "amazonaws.com"
    return Server(f"https://s3.{place.region}.{tail}", is_cloud=True)
