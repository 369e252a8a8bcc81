"""The operation that makes an export: lease, child process, certificate.

These are the server's steps; what the child does is in `export_task.py`, which needs what a server does not load.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from freehold import __version__
from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.service import allow
from freehold.domain.audit.service import record as record_in_audit
from freehold.kit.canonical import canonical_json
from freehold.kit.clock import MICROSECONDS, to_iso
from freehold.kit.faults import passing
from freehold.lifecycle.bag.writer import BagWriter
from freehold.lifecycle.kept import KEPT_TIME, READY, WRITING, forget_bag
from freehold.lifecycle.log.queries import append_certificate
from freehold.lifecycle.selection import Target
from freehold.lifecycle.spool import SENT, ExportJob, Spool, superseded
from freehold.lifecycle.targets import find_root, find_target, name_targets
from freehold.lifecycle.telling import tell_end, tell_failure
from freehold.operations.model import Operation, Progress, State
from freehold.operations.service import Operations, request_operation
from freehold.operations.steps import Kind, OperationContext, Step, Turn, finished
from freehold.records.lifecycle import ExportLease, KeptBag
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

KIND = "export"
TASK = "export"
CERTIFICATE_FORMAT = 1
LEASE_TIME = 15 * 60 * MICROSECONDS
RENEWAL_TIME = 60 * MICROSECONDS
SINCE, DRY_RUN = "since", "dry_run"
NOT_COVERED = ("contents of outside datastores that are only referred to", "what the server withholds, see coverage")


class Since(NamedTuple):
    """The base of an increment: a bag kept here under `operation_id`, or the index of one, in the file `sent`.

    With `dry_run` only what would be in the increment is counted.
    """

    operation_id: str = ""
    sent: Path | None = None
    dry_run: bool = False


def request_export(
    db: Transaction,
    operations: Operations,
    actor: Actor,
    workspace: WorkspaceRef,
    scope: Scope,
    public_id: str | None = None,
    *,
    since: Since | None = None,
    data_folder: Path | None = None,
) -> Operation:
    """Begin an export of the workspace, or of the experiment or run with `public_id`. Raises NotFound, Forbidden.

    `since` makes it an increment; an index that was sent is moved below `data_folder`.
    """
    allow(db, actor, Action.EXPORT, workspace)
    target_id = name_targets(db, [find_root(db, workspace.workspace_id, scope, public_id)])
    record_in_audit(db, actor, workspace.workspace_id, "export.requested", target_id)
    options = {SINCE: since.operation_id or SENT, DRY_RUN: since.dry_run} if since else {}
    operation = request_operation(
        db,
        operations,
        kind=KIND,
        target_id=target_id,
        scope=scope.value,
        options=options,
        requested_by=actor.person_row,
    )
    if since is not None and since.sent is not None and data_folder is not None:
        base = Spool(data_folder, operation.operation_id).base
        base.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        since.sent.replace(base)
    return operation


def export_kind() -> Kind:
    """For the composition root to register with the engine."""
    return Kind(
        KIND,
        (Step("lease", _take_lease), Step("write", _keep_bag, _write)),
        clean_up=_clean_up,
        on_failure=tell_failure,
    )


def _target(db: Transaction, ctx: OperationContext) -> Target:
    """Raises Conflict when the target has been erased: then nothing can tell any more what it was."""
    target = find_target(db, ctx.operation.target_id)
    if target is None:
        raise superseded()
    return target


def _take_lease(db: Transaction, ctx: OperationContext) -> Turn:
    """From here on nothing that the snapshot will list is removed, unless by an erasure."""
    target, now = _target(db, ctx), db.now()
    ids = {"workspace_id": target.workspace_id, "operation_id": ctx.operation.operation_id}
    db.execute(
        ExportLease.table.insert().values(ids | {"marks": {}, "snapshot_at": now, "expires_at": now + LEASE_TIME})
    )
    covers = {} if target.scope is Scope.WORKSPACE else {f"{target.scope.value}_row": target.root_row}
    facts = {"state": WRITING, "parts": [], "size": 0, "snapshot_at": now, "expires_at": now + KEPT_TIME}
    db.execute(KeptBag.table.insert().values(ids | covers | facts))
    return finished()


def _write(ctx: OperationContext) -> dict[str, Any]:
    """Runs the child; then signs what it made. Repeated after a kill, it goes on where it was."""
    operation_id = ctx.operation.operation_id
    target, keys = ctx.read(lambda db: (_target(db, ctx), db.keys.certificates.jwks()))
    job = ExportJob(
        operation_id=operation_id,
        scope=target.scope,
        workspace_id=target.workspace_id,
        root_row=target.root_row,
        version=__version__,
        keys=dict(keys),
        since=ctx.options.get(SINCE, ""),
        dry_run=bool(ctx.options.get(DRY_RUN)),
    )
    statement = dict(ctx.run_child(TASK, msgspec.to_builtins(job), _Watch(ctx)))
    passing("export:child:answered")
    if job.dry_run:
        return statement
    certificate = _certificate(ctx, {name: told for name, told in statement.items() if name != "counts"})
    passing("export:certificate:signed")
    writer = BagWriter(Spool(ctx.settings.data_folder, operation_id).bag)
    writer.add_certificate("certificate.jws", certificate.encode())
    passing("export:certificate:written")
    writer.close()
    return statement | {"certificate": certificate}


def _certificate(ctx: OperationContext, statement: Mapping[str, Any]) -> str:
    """Counts, digests and random ids; no name and no content."""
    claims = {
        **statement,
        "format": CERTIFICATE_FORMAT,
        "kind": KIND,
        "scope": ctx.operation.scope,
        "operation_id": ctx.operation.operation_id,
        "target_id": ctx.operation.target_id,
        "snapshot_at": to_iso(statement["snapshot_at"]),
        "server_version": __version__,
        "not_covered": list(NOT_COVERED),
    }
    return ctx.read(lambda db: db.keys.certificates.sign_jws(canonical_json(claims)))


def _keep_bag(db: Transaction, ctx: OperationContext) -> Turn:
    """The bag is kept only if its row still stands: an erasure that it covered has removed row and files."""
    operation_id, statement = ctx.operation.operation_id, ctx.found
    if ctx.options.get(DRY_RUN):
        return _end_dry_run(db, ctx)
    ready = {"state": READY, "size": statement["bytes"], "snapshot_at": statement["snapshot_at"]}
    kept = KeptBag.table.update().where(KeptBag.c.operation_id == operation_id).values(ready)
    kept_in = db.execute(kept.returning(KeptBag.c.workspace_id)).scalar()
    if kept_in is None:
        raise superseded()
    db.execute(ExportLease.table.delete().where(ExportLease.c.operation_id == operation_id))
    passing("export:lease:returned")
    certificate_id = db.new_id()
    values = {"certificate_id": certificate_id, "operation_id": operation_id, "kind": KIND}
    append_certificate(db, values | {"jws": statement["certificate"]})
    passing("export:certificate:appended")
    spool = Spool(ctx.settings.data_folder, operation_id)
    db.after_commit(spool.close)
    whole = {**statement["rows"], "metric_points": statement["points"], "files": statement["files"]}
    counts = statement.get("counts", whole)
    result = {"certificate_id": certificate_id, "counts": counts, "bytes": statement["bytes"]}
    total = sum(counts.values())
    tell_end(db, ctx.operation, State.SUCCEEDED, [kept_in])
    return finished(Progress(total, total, counts), result=result)


def _end_dry_run(db: Transaction, ctx: OperationContext) -> Turn:
    """Nothing of it stays but the counts."""
    operation_id, counts = ctx.operation.operation_id, ctx.found["counts"]
    forget_bag(db, operation_id)
    db.after_commit(Spool(ctx.settings.data_folder, operation_id).drop)
    total = sum(counts.values())
    return finished(Progress(total, total, counts), result={"counts": counts, "dry_run": True})


class _Watch:
    """Shows the child's progress, and renews the lease while there is some."""

    def __init__(self, ctx: OperationContext) -> None:
        self._ctx = ctx
        self._renewed = 0

    def __call__(self, counts: Mapping[str, Any]) -> None:
        done, total = counts["points"] + counts["files"], counts["points_total"] + counts["files_total"]
        self._ctx.report(Progress(done, total, {"points": counts["points"], "files": counts["files"]}))
        self._renewed = self._ctx.database.write_now(self._renew)

    def _renew(self, db: Transaction) -> int:
        now = db.now()
        if now < self._renewed + RENEWAL_TIME:
            return self._renewed
        mine = ExportLease.c.operation_id == self._ctx.operation.operation_id
        db.execute(ExportLease.table.update().where(mine).values(expires_at=now + LEASE_TIME))
        passing("export:lease:renewed")
        return now


def _clean_up(ctx: OperationContext) -> None:
    """After a failure or a cancellation nothing of the export stays."""
    operation_id = ctx.operation.operation_id
    Spool(ctx.settings.data_folder, operation_id).drop()
    ctx.database.write_now(lambda db: forget_bag(db, operation_id))
