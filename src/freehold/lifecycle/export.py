"""The operation that makes an export: lease, child process, certificate.

These are the server's steps; what the child does is in `export_task.py`, which needs what a server does not load.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from freehold import __version__
from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.service import allow, may
from freehold.domain.audit.service import record as record_in_audit
from freehold.domain.documents.service import require_standing
from freehold.kit.canonical import canonical_json
from freehold.kit.clock import MICROSECONDS, to_iso
from freehold.kit.faults import passing
from freehold.kit.problems import Away, Forbidden, Invalid
from freehold.lifecycle.bag.writer import BagWriter
from freehold.lifecycle.copies import covering
from freehold.lifecycle.kept import KEPT_TIME, READY, forget_bag
from freehold.lifecycle.log.queries import append_certificate
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.references import note
from freehold.lifecycle.selection import Target
from freehold.lifecycle.spool import REFERENCES, SENT, ExportJob, Spool, superseded
from freehold.lifecycle.targets import (
    BEFORE_COPIES,
    erasures_at,
    find_leaving,
    find_target,
    find_targets,
    name_targets,
    root_stands,
)
from freehold.lifecycle.telling import tell_end, tell_failure
from freehold.lifecycle.tree import TreeContainer, standing_tree
from freehold.operations.model import Operation, Progress, State
from freehold.operations.service import Operations, get_operation, request_operation
from freehold.operations.steps import Kind, OperationContext, Step, Turn, finished
from freehold.records.lifecycle import LEASED, WRITING, ExportLease, KeptBag
from freehold.records.operations import OperationTarget
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

KIND = "export"
TASK = "export"
ALONE = "alone"
CERTIFICATE_FORMAT = 1
LONGEST_WAIT = 300 * MICROSECONDS
SINCE, DRY_RUN, PLAN = "since", "dry_run", "plan"
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
    alone: bool = False,
    since: Since | None = None,
    data_folder: Path | None = None,
    plan: str | None = None,
) -> Operation:
    """Begin an export of the container with all below it, `alone` without, or of the one thing in it with `public_id`.

    `plan`: the digest of the plan that it carries out, where there was one.
    `since` makes it an increment, of one container; an index that was sent is moved below `data_folder`.
    Raises NotFound, Conflict, Invalid, Forbidden: who may not export one of the containers below exports none.
    """
    allow(db, actor, Action.EXPORT, workspace)
    require_standing(db, workspace)
    target_id = name_targets(db, [find_leaving(db, workspace.workspace_id, scope, public_id)])
    asked_for = _asked_for(db, workspace.workspace_id, scope, alone=alone)
    if since is not None and len(asked_for) > 1:
        raise no_increment_of_a_tree()
    for workspace_id in asked_for:
        require_export(db, actor, workspace_id)
        record_in_audit(db, actor, workspace_id, "export.requested", target_id)
    planned = {PLAN: plan} if plan is not None else {}
    increment = {SINCE: since.operation_id or SENT, DRY_RUN: since.dry_run} if since else {}
    operation = request_operation(
        db,
        operations,
        kind=KIND,
        target_id=target_id,
        scope=scope.value,
        options={ALONE: alone or since is not None, **increment, **planned},
        requested_by=actor.person_row,
    )
    if since is not None and since.sent is not None and data_folder is not None:
        base = Spool(data_folder, operation.operation_id).base
        base.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        db.if_undone(partial(_give_back, base, since.sent))
        since.sent.replace(base)
    return operation


def _give_back(base: Path, sent: Path) -> None:
    """To where it was received, unless its sender has left."""
    with suppress(FileNotFoundError):
        base.replace(sent)
    base.unlink(missing_ok=True)


def _asked_for(db: Transaction, workspace_id: int, scope: Scope, *, alone: bool) -> list[int]:
    below = [] if alone or scope is not Scope.WORKSPACE else standing_tree(db, workspace_id)[1:]
    return [workspace_id, *(each.workspace_id for each in below)]


def require_export(db: Transaction, actor: Actor, workspace_id: int) -> None:
    """Of a container in a tree. Raises Forbidden with words that tell nothing of it."""
    if not may(db, actor, Action.EXPORT, workspace_id):
        message = (
            "Something stands below this container that you may not export, so nothing was exported. Ask an owner "
            "for a role that may, or export the container alone."
        )
        raise Forbidden("TreeNotAllowed", message)


def no_increment_of_a_tree() -> Invalid:
    message = (
        "An increment is of one container, and others stand below this one. Ask for it alone, on a bag that was made "
        "of it alone, and for each of the others by itself; or export the whole tree again."
    )
    return Invalid("NoIncrementOfATree", message)


def export_kind() -> Kind:
    """For the composition root to register with the engine."""
    return Kind(
        KIND,
        (Step("lease", _take_lease), Step("write", _keep_bag, _write)),
        clean_up=_clean_up,
        on_failure=tell_failure,
        is_local=True,
    )


def _target(db: Transaction, ctx: OperationContext) -> Target:
    """Raises Conflict when the target is being erased, or has been: then nothing can tell any more what it was."""
    target = find_target(db, ctx.operation.target_id)
    if target is None or not root_stands(db, target):
        raise superseded()
    return target


def _take_lease(db: Transaction, ctx: OperationContext) -> Turn:
    """From here on until the export ends nothing that its snapshot lists is removed, unless by an erasure.

    Every container has a lease and a kept bag of its own: whatever goes in one of them withdraws the bag.
    """
    target, now = _target(db, ctx), db.now()
    covers = {} if target.scope is Scope.WORKSPACE else {f"{target.scope.value}_row": target.root_row}
    facts = {"state": LEASED, "parts": [], "size": 0, "snapshot_at": now, "expires_at": now + KEPT_TIME}
    containers = _asked_for(db, target.workspace_id, target.scope, alone=_is_alone(ctx))
    for workspace_id in containers:
        ids = {"workspace_id": workspace_id, "operation_id": ctx.operation.operation_id}
        db.execute(ExportLease.table.insert().values(ids))
        db.execute(KeptBag.table.insert().values(ids | covers | facts))
    _wait_for_erasures(db, ctx, containers)
    return finished()


def _wait_for_erasures(db: Transaction, ctx: OperationContext, containers: Sequence[int]) -> None:
    """One that has hidden what it erases, but not removed the copies yet, would withdraw the bag with them, though a
    snapshot of today has nothing of that. Raises Away, for a while: where things are deleted all the time there is
    always one."""
    if not 0 <= db.now() - ctx.operation.created_at < LONGEST_WAIT:
        return
    for operation_id in erasures_at(db, OperationTarget.c.workspace_id.in_(containers), BEFORE_COPIES):
        targets = find_targets(db, get_operation(db, operation_id).target_id)
        if any(ctx.operation.operation_id in covering(db, Reach(target)) for target in targets):
            raise Away("ErasureUnderWay", "Something in what this exports is being erased.")


def _is_alone(ctx: OperationContext) -> bool:
    """An export that an older release has asked for is of one container."""
    return bool(ctx.options.get(ALONE, True))


def _leased_tree(db: Transaction, ctx: OperationContext, target: Target) -> tuple[TreeContainer, ...]:
    """What the lease was taken on, as it stands; the child looks again in the transaction that it reads in."""
    if target.scope is not Scope.WORKSPACE or _is_alone(ctx):
        return ()
    leased = sa.select(KeptBag.c.workspace_id).where(KeptBag.c.operation_id == ctx.operation.operation_id)
    mine = set(db.execute(leased).scalars())
    return tuple(each for each in standing_tree(db, target.workspace_id) if each.workspace_id in mine)


def _write(ctx: OperationContext) -> dict[str, Any]:
    """Runs the child; then signs what it made. Repeated after a kill, it goes on where it was."""
    operation_id = ctx.operation.operation_id
    target, tree, keys = ctx.read(lambda db: _facts(db, ctx))
    job = ExportJob(
        operation_id=operation_id,
        scope=target.scope,
        workspace_id=target.workspace_id,
        root_row=target.root_row,
        version=__version__,
        keys=dict(keys),
        tree=tree,
        since=ctx.options.get(SINCE, ""),
        dry_run=bool(ctx.options.get(DRY_RUN)),
    )
    statement = dict(ctx.run_child(TASK, msgspec.to_builtins(job), partial(_hear, ctx)))
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


def _facts(db: Transaction, ctx: OperationContext) -> tuple[Target, tuple[TreeContainer, ...], Mapping[str, Any]]:
    target = _target(db, ctx)
    return target, _leased_tree(db, ctx, target), db.keys.certificates.jwks()


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
    """The bag is kept only if its rows still stand: an erasure of what it covers or names has removed them and the
    files."""
    operation_id, statement = ctx.operation.operation_id, ctx.found
    if ctx.options.get(DRY_RUN):
        return _end_dry_run(db, ctx)
    until = db.now() + KEPT_TIME
    ready = {"state": READY, "size": statement["bytes"], "snapshot_at": statement["snapshot_at"], "expires_at": until}
    mine = sa.and_(KeptBag.c.operation_id == operation_id, KeptBag.c.state == WRITING)
    kept = KeptBag.table.update().where(mine).values(ready)
    kept_in = list(db.execute(kept.returning(KeptBag.c.workspace_id)).scalars())
    if len(kept_in) != statement.get("containers", 1):
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
    tell_end(db, ctx.operation, State.SUCCEEDED, [_target(db, ctx).workspace_id])
    return finished(Progress(total, total, counts), result=result)


def _end_dry_run(db: Transaction, ctx: OperationContext) -> Turn:
    """Nothing of it stays but the counts."""
    operation_id, counts = ctx.operation.operation_id, ctx.found["counts"]
    forget_bag(db, operation_id)
    db.after_commit(Spool(ctx.settings.data_folder, operation_id).drop)
    total = sum(counts.values())
    return finished(Progress(total, total, counts), result={"counts": counts, "dry_run": True})


def _hear(ctx: OperationContext, told: Mapping[str, Any]) -> None:
    """What the child says on its way: first what the bag will name, then how far it is."""
    if REFERENCES in told:
        ctx.database.write_now(lambda db: note(db, ctx.operation.operation_id, told[REFERENCES]))
        passing("export:references:noted")
    else:
        _show(ctx, told)


def _show(ctx: OperationContext, counts: Mapping[str, Any]) -> None:
    done, total = counts["points"] + counts["files"], counts["points_total"] + counts["files_total"]
    ctx.report(Progress(done, total, {"points": counts["points"], "files": counts["files"]}))


def _clean_up(ctx: OperationContext) -> None:
    """After a failure or a cancellation nothing of the export stays."""
    operation_id = ctx.operation.operation_id
    Spool(ctx.settings.data_folder, operation_id).drop()
    ctx.database.write_now(lambda db: forget_bag(db, operation_id))
