"""Artifacts seen as a tree: the entries of one folder, whatever lies below them."""

from collections.abc import Iterator
from typing import NamedTuple

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.artifacts import service
from freehold.domain.artifacts.rules import check_path
from freehold.domain.artifacts.service import ArtifactName, ArtifactView
from freehold.storage.transaction import Transaction

BATCH = 1_000
_LAST = "\U0010ffff"


class Entry(NamedTuple):
    """`name` within its folder. `artifact` is None for a folder."""

    name: str
    artifact: ArtifactView | None

    @property
    def place(self) -> str:
        """Where a listing goes on behind it. A file and a folder may have the same name."""
        return self.name if self.artifact else f"{self.name}/"


class Listing(NamedTuple):
    """`next_place`: where the next page begins, if more entries follow."""

    entries: list[Entry]
    next_place: str | None


def list_folder(
    db: Transaction,
    workspace: WorkspaceRef,
    origin: str,
    container: str,
    folder: str,
    *,
    after: str = "",
    limit: int | None = None,
) -> Listing:
    """Entries by name, those behind the place `after`. A folder that holds nothing does not exist: it is empty."""
    prefix = f"{check_path(folder)}/" if folder.strip("/") else ""
    entries: list[Entry] = []
    for entry in _entries(db, workspace, origin, container, prefix, after):
        if len(entries) == limit:
            return Listing(entries, entries[-1].place)
        entries.append(entry)
    return Listing(entries, None)


def _entries(
    db: Transaction, workspace: WorkspaceRef, origin: str, container: str, prefix: str, after: str
) -> Iterator[Entry]:
    """Reads in batches; after a folder it goes on beyond all that the folder holds."""
    place = f"{prefix}{after}" if not after.endswith("/") else f"{prefix}{after}{_LAST}"
    while True:
        batch = service.list_artifacts(db, workspace, origin, container, prefix=prefix, after=place, limit=BATCH)
        for artifact in batch:
            path = artifact.name.path
            if path <= place or not path.startswith(prefix):
                continue
            name, slash, _ = path[len(prefix) :].partition("/")
            place = f"{prefix}{name}/{_LAST}" if slash else path
            yield Entry(name, None if slash else artifact)
        if len(batch) < BATCH:
            return


def delete_below(db: Transaction, workspace: WorkspaceRef, name: ArtifactName, *, limit: int) -> bool:
    """Remove an artifact, or at most `limit` of those below a folder; whether more are left."""
    if name.path.strip("/") and service.find_artifact(db, workspace, name) is not None:
        service.delete_artifact(db, workspace, name)
        return False
    prefix = f"{check_path(name.path)}/" if name.path.strip("/") else ""
    below = service.list_artifacts(db, workspace, name.origin, name.container, prefix=prefix, limit=limit)
    for artifact in below:
        service.delete_artifact(db, workspace, artifact.name)
    return len(below) == limit
