"""The documents of /freehold/v1. Fields are added, never changed."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from freehold.kit.clock import to_iso
from freehold.operations.model import Operation
from freehold.records.rules import Scope

LONGEST_ROOT = 300
RootId = Annotated[
    str,
    Meta(
        max_length=LONGEST_ROOT,
        description="its id; or its name, of an experiment, dataset, datastore, compute or service; or `name:version`, "
        "of a model, image or manifest; none for a workspace",
    ),
]


class ExportIn(msgspec.Struct, forbid_unknown_fields=True):
    """A workspace is any container, with all that stand below it; `alone`: without those. `dry_run`: answer with what
    would leave, and export nothing. `plan_digest`: refuse if the plan is another by now.

    `since`: the operation of an earlier export whose bag is kept here; only what changed since it leaves. With
    `dry_run` that is counted by an operation, for everything must be compared. An increment is of one container.
    """

    scope: Scope
    id: RootId | None = None
    dry_run: bool = False
    alone: bool = False
    since: Annotated[str, Meta(max_length=64)] | None = None
    plan_digest: Annotated[str, Meta(max_length=128)] | None = None


class ExportedOut(msgspec.Struct):
    """`bytes`: of texts and packed data, as the database keeps them."""

    record: str
    rows: int
    bytes: int


class WithheldOut(msgspec.Struct):
    record: str
    because: str


class ImportReportOut(msgspec.Struct, kw_only=True):
    """What an import found. `taken`: ids and names that stand already, the first 1,000, of which `names_taken_count`
    would stand in the way of new ids, too; `erased`: ids that do not come back.

    `containers`: of a tree, the ARM paths that it has in the bag, its root first.
    Of a bag that was refused only `refused` (code, message, where) and `faults` are there.
    """

    format: int | msgspec.UnsetType = msgspec.UNSET
    scope: Scope | msgspec.UnsetType = msgspec.UNSET
    counts: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    containers: list[str] | msgspec.UnsetType = msgspec.UNSET
    records: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    dropped_links: dict[str, int] | msgspec.UnsetType = msgspec.UNSET
    taken_count: int | msgspec.UnsetType = msgspec.UNSET
    names_taken_count: int | msgspec.UnsetType = msgspec.UNSET
    taken: list[dict[str, Any]] | msgspec.UnsetType = msgspec.UNSET
    erased_count: int | msgspec.UnsetType = msgspec.UNSET
    erased: list[dict[str, str]] | msgspec.UnsetType = msgspec.UNSET
    refused: dict[str, str] | msgspec.UnsetType = msgspec.UNSET
    faults: list[dict[str, str]] | msgspec.UnsetType = msgspec.UNSET


class ErasureIn(msgspec.Struct, forbid_unknown_fields=True):
    """`dry_run`: answer with the plan and erase nothing. `plan_digest`: refuse if the plan is another by now: other
    roots, conflicts, holds or reasons to retain. What grows below a root, and kept bags (`copies`), make none.
    """

    scope: Scope
    id: RootId | None = None
    dry_run: bool = False
    plan_digest: Annotated[str, Meta(max_length=128)] | None = None


class ConflictOut(msgspec.Struct):
    """Rows that stay and refuse to lose what goes, and the things they belong to."""

    record: str
    count: int
    needed_by: list[str]


class PlannedOut(msgspec.Struct):
    """Rows of a record that go. `bytes`: of texts and packed data, as the database keeps them."""

    record: str
    count: int
    bytes: int


class PlannedObjectsOut(msgspec.Struct):
    prefix: str
    count: int
    bytes: int


class PlannedCopyOut(msgspec.Struct):
    """A bag that this server keeps and that goes too."""

    operation_id: str
    bytes: int


class ExportPlanOut(msgspec.Struct):
    """A dry run of an export. `containers`: ARM paths of those that it takes from. `metric_bytes`: what the points are
    packed in. `objects`: the records that name files. `withheld` says of each why it stays."""

    format: int
    scope: Scope
    digest: str
    containers: list[str]
    records: list[ExportedOut]
    metric_points: int
    metric_bytes: int
    objects: list[PlannedObjectsOut]
    withheld: list[WithheldOut]


class PlanOut(msgspec.Struct):
    """A dry run. `retained` says of every record that stays why it does."""

    format: int
    scope: Scope
    digest: str
    steps: list[PlannedOut]
    objects: list[PlannedObjectsOut]
    conflicts: list[ConflictOut]
    holds: list[str]
    copies: list[PlannedCopyOut]
    retained: list[dict[str, str]]
    not_covered: list[str]


class ProgressOut(msgspec.Struct):
    done: int
    total: int | None
    percent: float | None
    counts: dict[str, int]


class ErrorOut(msgspec.Struct):
    code: str
    message: str


class OperationOut(msgspec.Struct, kw_only=True):
    """`state`: NotStarted, Running, Succeeded, Failed, Canceled. `target_id` is random: no name is kept here."""

    id: str
    kind: str
    scope: str
    state: str
    step: str
    target_id: str
    progress: ProgressOut
    result: dict[str, Any] | None
    error: ErrorOut | None
    created_at: str
    updated_at: str
    ended_at: str | None


class OperationPage(msgspec.Struct):
    value: list[OperationOut]
    next: str | None


class InclusionOut(msgspec.Struct):
    """`entry`: the leaf as it is logged; `hashes`: its audit path (RFC 6962) in base64, nearest sibling first."""

    leaf: int
    size: int
    entry: str
    hashes: list[str]
    checkpoint: str


class CertificateOut(msgspec.Struct):
    """`jws` is the signed statement; `statement` is its payload, decoded for reading. `log_closed`: null, or why the
    certificate does not stand in a log that can be fetched now."""

    id: str
    operation_id: str
    kind: str
    jws: str
    statement: dict[str, Any]
    created_at: str
    log_closed: ErrorOut | None = None


def operation_out(operation: Operation) -> OperationOut:
    progress = operation.progress
    error = ErrorOut(operation.error_code, operation.error_message or "") if operation.error_code else None
    return OperationOut(
        id=operation.operation_id,
        kind=operation.kind,
        scope=operation.scope,
        state=str(operation.state),
        step=operation.step,
        target_id=operation.target_id,
        progress=ProgressOut(progress.done, progress.total, progress.percent, dict(progress.counts)),
        result=dict(operation.result) if operation.result is not None else None,
        error=error,
        created_at=to_iso(operation.created_at),
        updated_at=to_iso(operation.updated_at),
        ended_at=to_iso(operation.ended_at) if operation.ended_at else None,
    )
