"""What the setting `objects` means: a folder of this machine, or a prefix in a bucket of a cloud."""

import re
from pathlib import Path
from typing import Literal, NamedTuple

from freehold.settings import Settings

OBJECT_FOLDER = "store"
Service = Literal["s3", "azure", "gcs"]
SERVICES: dict[str, Service] = {"s3": "s3", "az": "azure", "azure": "azure", "gs": "gcs"}
_URL = re.compile(
    r"(?P<scheme>[a-z0-9]+)://(?P<bucket>[A-Za-z0-9][A-Za-z0-9._-]{1,254})(?P<prefix>(/[A-Za-z0-9._=-]+)*)/?"
)


class CloudPlace(NamedTuple):
    """`bucket` is Azure's container. `prefix` has no slash at its ends and is empty for the whole bucket."""

    service: Service
    bucket: str
    prefix: str


def place_of_objects(settings: Settings) -> Path | CloudPlace:
    """Raises ValueError, which does not repeat the setting: somebody may have written a password into it."""
    given = settings.objects
    if not given:
        return settings.data_folder / OBJECT_FOLDER
    if given.startswith("file://"):
        return Path(given.removeprefix("file://"))
    found = _URL.fullmatch(given)
    if found is None or found["scheme"] not in SERVICES or {".", ".."} & set(found["prefix"].split("/")):
        message = (
            "The setting objects is no address of an object store. Leave it empty, or write file:///folder,"
            " s3://bucket/prefix, az://container/prefix or gs://bucket/prefix, without credentials: those come from"
            " the environment (AWS_…, AZURE_…, GOOGLE_…)."
        )
        raise ValueError(message)
    return CloudPlace(SERVICES[found["scheme"]], found["bucket"], found["prefix"].strip("/"))


def is_the_servers(path: Path, settings: Settings) -> bool:
    """Whether it lies in a folder of the server itself. Whatever lies there is searched after every erasure: a copy
    that somebody puts there would have in it what is erased later."""
    owned = (settings.data_folder, settings.key_folder, object_folder(settings))
    return any(folder is not None and path.resolve().is_relative_to(folder.resolve()) for folder in owned)


def object_folder(settings: Settings) -> Path | None:
    """The folder of the objects; None where a cloud holds them."""
    place = place_of_objects(settings)
    return place if isinstance(place, Path) else None
