"""The plan of an erasure: what goes and how much it is, what stays and why, what stands in the way.

The same code makes the dry run and the confirmed plan. Its digest binds what a person decides on (root,
conflicts, retained records) and not the counts, which go on growing until the root is hidden.
"""

import hashlib
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.kit.canonical import canonical_json
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.removal import object_column
from freehold.lifecycle.selection import Target, key_of
from freehold.lifecycle.targets import find_root
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import LinkKind, Retained, Scope
from freehold.storage.transaction import Transaction

FORMAT = 1
NOT_COVERED = (
    "copies that were downloaded, and data in outside datastores",
    "weights of models trained on the data",
    "blocks that the file system or the disk has freed but not overwritten, swap and file-system snapshots",
    "backups made before the erasure: a restore replays the forget list before the server opens",
)


@dataclass(frozen=True, slots=True)
class Count:
    """`name` is a record's table or an object prefix. `size` is bytes of packed data and objects."""

    name: str
    number: int
    size: int

    def as_document(self, called: str) -> dict[str, Any]:
        return {called: self.name, "count": self.number, "bytes": self.size}


@dataclass(frozen=True, slots=True)
class Copy:
    """An export that this server keeps and that holds a copy of what goes."""

    operation_id: str
    size: int


@dataclass(frozen=True, slots=True)
class ErasePlan:
    target: Target
    root_digest: str
    """Keyed (the forget list's key), so that it tells nothing to who does not hold the key."""
    steps: list[Count]
    objects: list[Count]
    conflicts: list[Count]
    copies: list[Copy]
    retained: list[dict[str, str]]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of what is decided on, in hex."""
        decided = {
            "format": FORMAT,
            "scope": self.target.scope.value,
            "root": self.root_digest,
            "conflicts": [conflict.as_document("record") for conflict in self.conflicts],
            "retained": self.retained,
        }
        return hashlib.sha256(canonical_json(decided)).hexdigest()

    def as_document(self) -> dict[str, Any]:
        """The dry run, as JSON."""
        return {
            "format": FORMAT,
            "scope": self.target.scope.value,
            "digest": self.digest,
            "steps": [step.as_document("record") for step in self.steps],
            "objects": [count.as_document("prefix") for count in self.objects],
            "conflicts": [conflict.as_document("record") for conflict in self.conflicts],
            "copies": [{"operation_id": copy.operation_id, "bytes": copy.size} for copy in self.copies],
            "retained": self.retained,
            "not_covered": list(NOT_COVERED),
        }


def plan_erasure(db: Transaction, workspace: WorkspaceRef, scope: Scope, root_id: str | None) -> ErasePlan:
    """What erasing the experiment or run `root_id` (None: the workspace) would do. Raises NotFound."""
    target = find_root(db, workspace.workspace_id, scope, root_id)
    root_digest = db.keys.forgotten.digest(scope.value, workspace.public_id, root_id or workspace.public_id)
    return plan_target(db, Reach(target, hidden_only=False), root_digest.hex())


def plan_target(db: Transaction, reach: Reach, root_digest: str) -> ErasePlan:
    steps = [_count(db, record, reach.rows(record)) for record in reach.records()]
    counted = [(record, reach.last_referred(record)) for record in reach.counted()]
    steps += [_count(db, record, goes) for record, goes in counted]
    objects = [
        _objects(db, record, reach.rows(record)) for record in reach.records() if object_column(record) is not None
    ]
    objects += [_objects(db, record, goes) for record, goes in counted if object_column(record) is not None]
    conflicts = [_count(db, record, refuses) for record, refuses in reach.restricting()]
    return ErasePlan(
        reach.target,
        root_digest,
        [step for step in steps if step.number],
        [count for count in objects if count.number],
        [conflict for conflict in conflicts if conflict.number],
        [copy for record, covers in reach.copies() for copy in _copies(db, record, covers)],
        retained_records(reach),
    )


def retained_records(reach: Reach) -> list[dict[str, str]]:
    """What outlives the erasure by its rules, with the reason and the legal basis."""
    retained = [
        {"record": name, "because": record.rules.erasure.because, "basis": record.rules.erasure.basis}
        for name, record in sorted(catalogue().items())
        if isinstance(record.rules.erasure, Retained)
    ]
    links = [
        {"record": f"{record.table.name!s}.{name!s}", "because": link.because, "basis": link.basis}
        for record in reach.records()
        for name, link in sorted(record.links().items())
        if link.kind is LinkKind.RETAIN
    ]
    return retained + links


def _count(db: Transaction, record: type[Record], condition: sa.ColumnElement[bool]) -> Count:
    packed = [sa.func.length(c) for c in record.table.columns if isinstance(c.type, sa.LargeBinary)]
    size = sum((sa.func.coalesce(sa.func.sum(length), 0) for length in packed), sa.literal(0))
    row: Any = db.execute(sa.select(sa.func.count(), size).select_from(record.table).where(condition)).one()
    return Count(str(record.table.name), int(row[0]), int(row[1]))


def _objects(db: Transaction, record: type[Record], condition: sa.ColumnElement[bool]) -> Count:
    column = object_column(record)
    assert column is not None, "the caller asks for records that own objects"
    total = sa.func.coalesce(sa.func.sum(record.table.c.size), 0)
    row: Any = db.execute(sa.select(sa.func.count(), total).select_from(record.table).where(condition)).one()
    return Count(str(column.info["object_prefix"]), int(row[0]), int(row[1]))


def _copies(db: Transaction, record: type[Record], condition: sa.ColumnElement[bool]) -> list[Copy]:
    columns = record.table.c
    found: sa.Select[Any] = (
        sa.select(columns.operation_id, columns.size).where(condition).order_by(key_of(record.table))
    )
    return [Copy(row.operation_id, row.size) for row in db.execute(found)]
