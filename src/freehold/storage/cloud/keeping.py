"""What a cloud's store keeps of an object that was removed: found out, never assumed."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Literal, Protocol

import msgspec
import obstore
from obstore.exceptions import BaseError

from freehold.kit.faults import passing
from freehold.kit.problems import Problem
from freehold.storage.cloud.azure import read_soft_delete
from freehold.storage.cloud.faults import as_problem, bucket_gone
from freehold.storage.cloud.places import CloudPlace, Service
from freehold.storage.cloud.s3 import Bucket, NotTold

PROBE = "freehold-probe"
UNREADABLE = "the store does not tell whether it keeps old versions"
Versions = Literal["off", "on", "suspended", "unknown"]


class Keeping(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about one store, as they were seen at one moment.

    `versions` suspended: removed objects of an earlier time may still have some. `version_days`, `upload_days`: a rule
    of the bucket removes old versions and unfinished uploads after so many days; None: no rule is known.
    `soft_delete_days` 0: off, None: it could not be found out. `unknown`: what could not be, each with its reason.
    """

    service: Service
    versions: Versions = "unknown"
    version_days: int | None = None
    upload_days: int | None = None
    soft_delete_days: int | None = 0
    is_locked: bool = False
    is_replicated: bool = False
    unknown: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """What is removed is gone, as far as the store's interface can tell."""
        return self.versions == "off" and self.soft_delete_days == 0 and not self.is_replicated

    def describe(self) -> str:
        """`plain`, `versioned …`, `soft delete, 7 days`, `unknown because …`, or several of them."""
        said = ["plain"] if self.is_plain else []
        if self.versions in ("on", "suspended"):
            until = f", old versions for {self.version_days} days" if self.version_days is not None else ""
            said.append(("versioned" if self.versions == "on" else "versioned until it was suspended") + until)
        if self.soft_delete_days:
            said.append(f"soft delete, {self.soft_delete_days} days")
        said += ["object lock"] if self.is_locked else []
        said += ["replicated"] if self.is_replicated else []
        if self.unknown:
            said.append(f"unknown because {'; '.join(self.unknown)}")
        return ", ".join(said)


class Left(msgspec.Struct, frozen=True):
    """Keys of which the store lists old versions, and unfinished uploads; None: it does not list them."""

    versions: list[str] | None
    uploads: list[str] | None


class Keeper(Protocol):
    """One cloud's store, beyond its objects. Everything raises Away where the store does not answer."""

    def look(self) -> Keeping:
        """Asks the store for its settings, and tries where it does not tell."""
        ...

    def give_up_uploads(self, keys: Sequence[str]) -> None:
        """Uploads under these keys that have not ended, where the credentials permit it."""
        ...

    def remove_versions(self, keys: Sequence[str]) -> None:
        """What is left of removed objects: all their versions, where the credentials permit it."""
        ...

    def left(self, keeping: Keeping) -> Left:
        """What there is of it below the prefix of the objects."""
        ...


def keeper_of(place: CloudPlace, store: obstore.store.ObjectStore) -> Keeper:
    if place.service == "s3":
        return S3Keeper(place, store)
    return AzureKeeper(place, store) if place.service == "azure" else GcsKeeper(store)


class S3Keeper:
    def __init__(self, place: CloudPlace, store: obstore.store.ObjectStore) -> None:
        self._bucket = Bucket(place)
        self._store = store

    def look(self) -> Keeping:
        unknown: list[str] = []
        rules = self._told(self._bucket.lifecycle, unknown, "its lifecycle rules may not be read")
        return Keeping(
            service="s3",
            versions=self._versions(unknown),
            version_days=rules.version_days if rules else None,
            upload_days=rules.upload_days if rules else None,
            is_locked=bool(self._told(self._bucket.is_locked, unknown, "its object lock may not be read")),
            is_replicated=bool(self._told(self._bucket.is_replicated, unknown, "its replication may not be read")),
            unknown=tuple(unknown),
        )

    def give_up_uploads(self, keys: Sequence[str]) -> None:
        """Refused is no fault: what stays is counted by `left`, and the certificate names it."""
        with suppress(NotTold):
            self._bucket.abort_uploads(set(keys))

    def remove_versions(self, keys: Sequence[str]) -> None:
        """As `give_up_uploads` where it is refused."""
        with suppress(NotTold):
            if self._versions([]) != "off":
                self._bucket.remove_versions(keys)

    def left(self, keeping: Keeping) -> Left:
        uploads = _listed(lambda: [key for key, _ in self._bucket.uploads()])
        if keeping.versions == "off":
            return Left([], uploads)
        return Left(_listed(lambda: [each.key for each in self._bucket.versions() if each.is_old]), uploads)

    def _versions(self, unknown: list[str]) -> Versions:
        try:
            return self._bucket.versioning()
        except NotTold:
            return probe_versions(self._store, unknown)

    def _told(self, ask: Callable[[], Any], unknown: list[str], otherwise: str) -> Any:
        try:
            return ask()
        except NotTold:
            unknown.append(otherwise)
            return None


class AzureKeeper:
    """Versions cannot be removed through obstore, and blocks of cut uploads not at all: they are told, not removed."""

    def __init__(self, place: CloudPlace, store: obstore.store.ObjectStore) -> None:
        self._store = store

    def look(self) -> Keeping:
        unknown: list[str] = []
        versions = probe_versions(self._store, unknown)
        days = read_soft_delete(unknown)
        return Keeping(
            service="azure",
            versions=versions,
            upload_days=7,
            soft_delete_days=days,
            unknown=tuple(unknown),
        )

    def give_up_uploads(self, keys: Sequence[str]) -> None: ...

    def remove_versions(self, keys: Sequence[str]) -> None: ...

    def left(self, keeping: Keeping) -> Left:
        return Left([] if keeping.versions == "off" else None, None)


class GcsKeeper:
    """Google's settings are told by another interface than the one that obstore speaks."""

    def __init__(self, store: obstore.store.ObjectStore) -> None:
        self._store = store

    def look(self) -> Keeping:
        unknown = ["soft delete is told by an interface that is not asked here; Google's default is 7 days"]
        versions = probe_versions(self._store, unknown)
        return Keeping(service="gcs", versions=versions, soft_delete_days=None, unknown=tuple(unknown))

    def give_up_uploads(self, keys: Sequence[str]) -> None: ...

    def remove_versions(self, keys: Sequence[str]) -> None: ...

    def left(self, keeping: Keeping) -> Left:
        return Left([] if keeping.versions == "off" else None, None)


def probe_versions(store: obstore.store.ObjectStore, unknown: list[str]) -> Versions:
    """Put an object of ours, remove it, and ask for the version that was put. A version left by it holds one word.

    Raises Away. What could not be tried is added to `unknown`.
    """
    try:
        version = obstore.put(store, PROBE, b"probe", use_multipart=False)["version"]
        passing("store:probe:put")
        obstore.delete(store, PROBE)
        passing("store:probe:removed")
    except FileNotFoundError:
        raise bucket_gone() from None
    except (BaseError, OSError) as fault:
        raise as_problem(fault, is_local=False) from None
    if not version:
        return "off"
    try:
        obstore.get(store, PROBE, options={"version": version})
    except FileNotFoundError:
        return "off"
    except (BaseError, OSError):
        unknown.append(UNREADABLE)
        return "unknown"
    return "on"


def _listed(keys: Callable[[], list[str]]) -> list[str] | None:
    try:
        return keys()
    except NotTold:
        return None


def looked_at(keeper: Keeper, service: Service) -> Keeping:
    """As `look`, for a start of the server: a store that is away is one of which nothing is known yet."""
    try:
        return keeper.look()
    except Problem as problem:
        return Keeping(service=service, soft_delete_days=None, unknown=(f"{problem.code}: {problem.message}",))
