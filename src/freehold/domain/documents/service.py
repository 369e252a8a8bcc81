"""What the services of all documents do alike: make sure of the workspace, count versions, read labels."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.members import member_of
from freehold.domain.documents import queries, rules
from freehold.domain.documents.queries import PROPERTY, TAG
from freehold.domain.holds.rules import written_in
from freehold.domain.holds.service import refuse_loss
from freehold.kit.problems import NotFound
from freehold.records.catalogue import Record
from freehold.storage.transaction import Transaction


class Labels(NamedTuple):
    tags: dict[str, str]
    properties: dict[str, str]


def require_standing(db: Transaction, workspace: WorkspaceRef) -> None:
    """For what begins something: the workspace may have been hidden since the request found it. Raises NotFound."""
    if not queries.is_standing(db, workspace.workspace_id):
        raise NotFound("ResourceNotFound", "There is no such workspace, or you may not see it.")


def new_document(db: Transaction, actor: Actor, workspace: WorkspaceRef) -> dict[str, Any]:
    """The columns that every new document has. Raises NotFound where the workspace is being erased."""
    require_standing(db, workspace)
    now = db.now()
    return {"created_by": member_of(db, actor, workspace.workspace_id), "created_at": now, "updated_at": now}


def take_version(db: Transaction, workspace: WorkspaceRef, kind: str, name: str) -> int:
    """The next version of a name; it goes on after all versions were deleted."""
    digest = db.keys.forgotten.digest(f"{kind} version", workspace.public_id, name)
    return queries.take_version(db, workspace.workspace_id, digest)


def count_on(db: Transaction, workspace_id: int, public_id: str, kind: str, name: str, version: int) -> None:
    """After an import brought this version: the next one is a later one. `public_id` is the workspace's."""
    digest = db.keys.forgotten.digest(f"{kind} version", public_id, name)
    queries.raise_version(db, workspace_id, digest, version + 1)


def change_document(
    db: Transaction, workspace: WorkspaceRef, record: type[Record], row: sa.Row[Any], values: Mapping[str, Any]
) -> None:
    """Set columns of a document as it was read. Raises UnderHold where a hold keeps what they hold; what only says how
    a thing stands may change. Raises Invalid for a document that no import would take."""
    rules.check_document(values.get("document"))
    standing = {name: row._mapping[name] for name in values}
    refuse_loss(db, workspace, record, row.row_id, written_in(standing), written_in(values))
    queries.change(db, workspace.workspace_id, record, row.row_id, values)


def put_labels(
    db: Transaction,
    workspace: WorkspaceRef,
    record: type[Record],
    row_id: int,
    *,
    tags: Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
) -> None:
    """In place of what stands; None leaves it as it is. Raises Invalid, UnderHold where a hold keeps what stands."""
    for kind, labels in ((TAG, tags), (PROPERTY, properties)):
        if labels is not None:
            rules.check_labels(kind, labels)
            standing = queries.standing_labels(db, workspace.workspace_id, record, row_id, kind)
            refuse_loss(db, workspace, record, row_id, standing, labels)
            queries.put_labels(db, workspace.workspace_id, record, row_id, kind, labels)


def labels_of(row: sa.Row[Any]) -> Labels:
    """Of a document as the statements of `queries` read it."""
    found: dict[str, dict[str, str]] = {TAG: {}, PROPERTY: {}}
    for kind, key, value in spread(row.labels):
        found[kind][key] = value
    return Labels(found[TAG], found[PROPERTY])


def spread(gathered: str | None) -> list[tuple[Any, ...]]:
    """What `queries.hanging_on` gathered, in order of its rows."""
    rows: list[list[Any]] = sorted(msgspec.json.decode(gathered)) if gathered else []
    return [tuple(values) for _, *values in rows]
