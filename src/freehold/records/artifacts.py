"""Artifacts name content; stored objects hold it; the ledger keeps objects from being orphaned."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import (
    integer,
    key,
    link,
    moment,
    object_key,
    plain,
    text,
    workspace,
)
from freehold.records.rules import (
    EVERYWHERE,
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Retention,
    Rows,
    Rules,
    Withheld,
    Writes,
)

OBJECTS = "objects"
_CONTENT = Rules(Container.WORKSPACE, Rows(EVERYWHERE), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)


class StoredObject(Record, table="stored_objects", rules=_CONTENT):
    """Bytes in the object store, under a random key that says nothing of their name. Never changed."""

    row_id = key()
    workspace_id = workspace()
    object_key = object_key(plain(), prefix=OBJECTS)
    size = integer()
    sha256 = text(plain())
    created_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("object_key", "workspace_id")


class Artifact(Record, table="artifacts", rules=_CONTENT):
    """`origin`/`container`/`path` is the id that clients use. `object_row` is null until bytes have arrived.

    A run's artifacts go with the run; an upload of its own goes with the asset that was first made of it.
    """

    row_id = key()
    workspace_id = workspace()
    run_row = link("runs", LinkKind.DEEP, null=True, index=True)
    asset_row = link("assets", LinkKind.DEEP, null=True, index=True)
    object_row = link("stored_objects", LinkKind.REFCOUNT, null=True, index=True)
    origin = text(plain())
    container = text(plain())
    path = text(plain())
    content_type = text(plain(), null=True)
    etag = text(plain())
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "origin", "container", "path")


class ArtifactBlock(
    Record,
    table="artifact_blocks",
    rules=Rules(
        Container.WORKSPACE,
        Withheld(because="an upload that was never finished is not content"),
        Removed(),
        Writes.GROWING,
        Retention("seven days after it was uploaded", days=7, since="created_at"),
    ),
):
    """A block of an upload in parts (Azure `comp=block`), until its block list arrives."""

    row_id = key()
    workspace_id = workspace()
    artifact_row = link("artifacts", LinkKind.DEEP)
    object_row = link("stored_objects", LinkKind.REFCOUNT, index=True)
    block_id = text(plain())
    created_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "artifact_row", "block_id")


class ObjectLedgerEntry(
    Record,
    table="object_ledger",
    rules=Rules(
        Container.SERVER,
        Withheld(because="it names objects that belong to no record yet, or no more"),
        Removed(),
        Writes.GROWING,
        Retention("until the object is owned by a record or removed"),
    ),
):
    """A key in the object store that no row owns: bytes on their way in, or on their way out (`doomed_at`).

    `operation_id`: they are reserved for an import, and stay as long as that has not ended. `for_workspace`, `for_run`:
    the rows that an upload is on its way to. No links: the entry outlives them until its bytes are removed.
    """

    row_id = key()
    object_key = object_key(plain(), prefix=OBJECTS)
    operation_id = text(plain(), null=True)
    for_workspace = integer(null=True)
    for_run = integer(null=True)
    created_at = moment()
    doomed_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("object_key")
