"""The operation that brings a bag in: check → conflicts → objects → rows → close.

Up to *rows* nothing but files and reserved keys is made; *rows* is one transaction with everything in it. So an import
is there whole or not at all, and whatever ends it before leaves nothing (docs/decisions/0014).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.queries import find_workspace_by_key
from freehold.domain.access.service import allow
from freehold.domain.artifacts import queries as artifact_queries
from freehold.domain.audit.service import record as record_in_audit
from freehold.domain.documents.queries import is_standing
from freehold.domain.documents.service import require_standing
from freehold.kit.faults import passing
from freehold.kit.problems import Conflict, Invalid, NotFound, Problem, Superseded
from freehold.lifecycle.bag.split import apart_of, split_size
from freehold.lifecycle.imports.conflicts import Conflicts, find_conflicts, takes_identity
from freehold.lifecycle.imports.making import MADE, SETTINGS, is_as_made
from freehold.lifecycle.imports.refusal import Refused, report_at
from freehold.lifecycle.imports.spool import ImportJob, ImportSpool, Prepared, PreparedObject, write_whole
from freehold.lifecycle.imports.writing import write_all
from freehold.lifecycle.kept import KEPT_TIME, forget_bag, keep_from_now, require_kept
from freehold.lifecycle.selection import Target
from freehold.lifecycle.targets import find_target, name_targets
from freehold.lifecycle.telling import tell_end, tell_failure
from freehold.operations.children import TaskRefused
from freehold.operations.model import Operation, Progress, State
from freehold.operations.service import Operations, get_operation, request_operation
from freehold.operations.steps import Kind, OperationContext, Step, Turn, finished
from freehold.records.lifecycle import KeptBag
from freehold.records.rules import Scope
from freehold.storage.blobs import open_objects
from freehold.storage.transaction import Transaction

KIND = "import"
TASK = "import"
CHECK, CONFLICTS, OBJECTS, ROWS, CLOSE = "check", "conflicts", "objects", "rows", "close"
IMPORTING = "importing"
NEW_IDS, DRY_RUN = "new_ids", "dry_run"
KEYS_AT_ONCE = 500


def request_import(
    db: Transaction,
    operations: Operations,
    actor: Actor,
    workspace: WorkspaceRef,
    sent: Path,
    data_folder: Path,
    *,
    new_ids: bool = False,
    dry_run: bool = False,
    made: bool = False,
) -> Operation:
    """Begin to import the archive `sent`, which is moved to the import's own folder with what was laid apart from it.

    Raises NotFound, Forbidden.

    `made`: the workspace was made for it, and goes again where nothing comes into it.

    The kept bag's row is there at once: an erasure in this workspace withdraws the import, and takes its files.
    """
    allow(db, actor, Action.MANAGE, workspace)
    require_standing(db, workspace)
    workspace_id = workspace.workspace_id
    target_id = name_targets(db, [Target(Scope.WORKSPACE, workspace_id, (workspace_id,))])
    record_in_audit(db, actor, workspace_id, "import.requested", target_id)
    operation = request_operation(
        db,
        operations,
        kind=KIND,
        target_id=target_id,
        scope=Scope.WORKSPACE.value,
        options={NEW_IDS: new_ids, DRY_RUN: dry_run, MADE: made},
        requested_by=actor.person_row,
    )
    now, size = db.now(), split_size(sent)
    kept = {"workspace_id": workspace_id, "operation_id": operation.operation_id, "state": IMPORTING, "parts": []}
    db.execute(KeptBag.table.insert().values(kept | {"size": size, "snapshot_at": now, "expires_at": now + KEPT_TIME}))
    spool = ImportSpool(data_folder, operation.operation_id)
    db.if_undone(partial(_give_back, spool, sent))
    spool.folder.mkdir(parents=True, mode=0o700)
    passing("import:request:unmoved")
    if apart_of(sent).exists():
        apart_of(sent).replace(apart_of(spool.bag))
        passing("import:request:apart")
    sent.replace(spool.bag)
    passing("import:request:moved")
    return operation


def _give_back(spool: ImportSpool, sent: Path) -> None:
    """To where it was received, unless its sender has left."""
    with suppress(FileNotFoundError):
        if apart_of(spool.bag).exists():
            apart_of(spool.bag).replace(apart_of(sent))
        spool.bag.replace(sent)
    spool.drop()


def kept_import(db: Transaction, actor: Actor, operation_id: str) -> Operation:
    """An import of which files are here. Raises NotFound for others, and where the actor may not manage all of it."""
    require_kept(db, actor, operation_id, Action.MANAGE)
    operation = get_operation(db, operation_id)
    if operation.kind != KIND:
        raise NotFound("ImportNotFound", "This operation is no import. The bag of an export is at its own address.")
    return operation


def import_kind() -> Kind:
    """For the composition root to register with the engine."""
    steps = (
        Step(CHECK, _go_on, _check),
        Step(CONFLICTS, _reserve, _find_conflicts),
        Step(OBJECTS, _go_on, _store_objects),
        Step(ROWS, _write_rows, settles=True),
        Step(CLOSE, _close, _strip),
    )
    return Kind(KIND, steps, clean_up=_clean_up, on_failure=tell_failure, is_local=True)


def _go_on(db: Transaction, ctx: OperationContext) -> Turn:
    return finished(ctx.found)


# ---- check


def _check(ctx: OperationContext) -> Progress:
    """Reads the bag in a child process. What it refuses is in the report."""
    if not _spool(ctx).bag.exists():
        message = (
            "The bag is not here: something was erased meanwhile, a backup was restored, or the server that had "
            "received it is away. Import it again."
        )
        raise Superseded("ImportSuperseded", message)
    workspace = ctx.read(lambda db: _workspace(db, ctx))
    job = ImportJob(
        operation_id=ctx.operation.operation_id,
        public_id=workspace.public_id,
        new_ids=bool(ctx.options[NEW_IDS]),
        kind=workspace.kind,
    )
    try:
        counts: Mapping[str, int] = ctx.run_child(TASK, msgspec.to_builtins(job))
    except TaskRefused as fault:
        raise _as_told(fault, ctx.operation.operation_id) from fault
    passing("import:child:answered")
    return Progress(0, sum(counts.values()), counts)


def _as_told(fault: TaskRefused, operation_id: str) -> Problem:
    """What a bag has wrong is in the report, which goes with the bag; an operation keeps no word of a bag."""
    said = fault.message if fault.is_plain else "The bag is refused, nothing of it was kept."
    told = Invalid(fault.code, f"{said} Why: {report_at(operation_id)}.", is_plain=True)
    told.place = fault.place
    return told


# ---- conflicts


def _find_conflicts(ctx: OperationContext) -> Conflicts:
    """The report is written in any case; without a dry run, what stands in the way ends the import."""
    spool = _spool(ctx)
    found = ctx.read(lambda db: find_conflicts(db, _workspace(db, ctx), spool, old_ids=_old_ids(spool)))
    write_whole(spool.report, msgspec.json.encode(found.as_document(spool)))
    if not ctx.options[DRY_RUN]:
        found.refuse(ctx.operation.operation_id)
    return found


def _reserve(db: Transaction, ctx: OperationContext) -> Turn:
    """From here on the keys of the objects are this import's; another one of the same bag finds them taken."""
    found: Conflicts = ctx.found
    if ctx.options[DRY_RUN]:
        counts = {**ctx.operation.progress.counts, "taken": found.taken_count, "erased": found.erased_count}
        return finished(Progress(0, None, counts))
    for keys in _keys(_spool(ctx)):
        if artifact_queries.in_ledger(db, keys) or artifact_queries.owned_among(db, keys):
            raise Conflict("ImportConflicts", "Another import of this bag is under way, or has just ended.")
        artifact_queries.reserve_in_ledger(db, keys, ctx.operation.operation_id)
        passing("import:keys:reserved")
    return finished()


# ---- objects


def _store_objects(ctx: OperationContext) -> Progress:
    """Files become objects, a group at a time. What an earlier try has moved is not there any more."""
    progress = ctx.operation.progress
    if ctx.options[DRY_RUN]:
        return progress
    spool, objects, done = _spool(ctx), open_objects(ctx.settings), 0
    for group in _groups(spool):
        objects.adopt({each.key: spool.objects / str(each.number) for each in group})
        passing("import:objects:adopted")
        done += len(group)
        progress = Progress(done, progress.total, progress.counts)
        ctx.report(progress)
    return progress


# ---- rows


def _write_rows(db: Transaction, ctx: OperationContext) -> Turn:
    """Everything at once. What has changed since the conflicts were looked for is seen here, and ends the import."""
    if ctx.options[DRY_RUN]:
        return finished(ctx.operation.progress)
    workspace, spool = _workspace(db, ctx), _spool(ctx)
    if not is_standing(db, workspace.workspace_id):
        raise Superseded("ImportSuperseded", "The workspace is being erased: nothing can be imported into it.")
    find_conflicts(db, workspace, spool, old_ids=_old_ids(spool), are_reserved=True).refuse(ctx.operation.operation_id)
    root = spool.containers()[0].prepared()
    takes_all = takes_identity(db, workspace, root, new_ids=bool(ctx.options[NEW_IDS]))
    taken_on = root.container if takes_all else _settings(db, ctx, workspace, root)
    made = _write_all(db, workspace, spool, taken_on or {})
    _keep_in(db, ctx.operation.operation_id, made)
    counts = spool.counts()
    total = sum(counts.values())
    return finished(Progress(total, total, {**counts, "took_identity": int(takes_all)}))


def _settings(db: Transaction, ctx: OperationContext, workspace: WorkspaceRef, root: Prepared) -> Mapping[str, Any]:
    """What a container that this import made takes on, where it keeps an id or a name of its own."""
    is_made = ctx.options.get(MADE) and is_as_made(db, workspace.workspace_id)
    if root.container is None or not is_made or root.container["kind"] != workspace.kind:
        return {}
    return {name: value for name, value in root.container.items() if name in SETTINGS}


def _write_all(
    db: Transaction, workspace: WorkspaceRef, spool: ImportSpool, taken_on: Mapping[str, Any]
) -> list[WorkspaceRef]:
    """A row that the database does not take would not be taken at the next try either. Raises Refused."""
    try:
        return write_all(db, workspace, spool, taken_on)
    except (sa.exc.IntegrityError, sa.exc.DataError, OverflowError) as fault:
        message = "A row of it cannot stand here: it is beyond what the database holds, or another came before it."
        raise Refused("BagWrongValue", message) from fault


def _keep_in(db: Transaction, operation_id: str, made: Iterable[WorkspaceRef]) -> None:
    """An erasure in a container that was made withdraws the report and the mapping, as one in the root does.

    Raises Conflict where one has withdrawn them already.
    """
    kept = db.execute(sa.select(KeptBag.table).where(KeptBag.c.operation_id == operation_id)).mappings().first()
    if kept is None:
        raise Superseded("ImportSuperseded", "Something was erased here while the bag came in. Import it again.")
    for each in made:
        values = {name: value for name, value in kept.items() if name != KeptBag.c.row_id.name}
        db.execute(KeptBag.table.insert().values(values | {"workspace_id": each.workspace_id}))


# ---- close


def _strip(ctx: OperationContext) -> None:
    """The bag goes; the report and the mapping of ids stay until they are dropped, erased or too old.

    Before the commit that ends the operation: a server that dies after it would not come back to this.
    """
    _spool(ctx).strip()


def _close(db: Transaction, ctx: OperationContext) -> Turn:
    counts = dict(ctx.operation.progress.counts)
    keep_from_now(db, ctx.operation.operation_id)
    tell_end(db, ctx.operation, State.SUCCEEDED, [_workspace(db, ctx).workspace_id])
    return finished(ctx.operation.progress, result={"counts": counts, "dry_run": bool(ctx.options[DRY_RUN])})


def _clean_up(ctx: OperationContext) -> None:
    """After a failure or a cancellation nothing stays but the report of what was wrong."""
    spool, operation = _spool(ctx), ctx.operation
    objects = open_objects(ctx.settings)
    while keys := ctx.read(lambda db: artifact_queries.reserved_for(db, operation.operation_id, KEYS_AT_ONCE)):
        given_up = keys
        objects.delete(given_up)
        ctx.database.write_now(lambda db, gone=given_up: artifact_queries.clear_ledger(db, gone))  # type: ignore[misc]  # binds the loop's value
    spool.strip()
    spool.mapping.unlink(missing_ok=True)
    if operation.state is State.CANCELED or not spool.report.exists():
        spool.drop()
        ctx.database.write_now(lambda db: forget_bag(db, operation.operation_id))


def _spool(ctx: OperationContext) -> ImportSpool:
    return ImportSpool(ctx.settings.data_folder, ctx.operation.operation_id)


def _workspace(db: Transaction, ctx: OperationContext) -> WorkspaceRef:
    target = find_target(db, ctx.operation.target_id)
    workspace = find_workspace_by_key(db, target.workspace_id) if target else None
    if workspace is None:
        raise Superseded("ImportSuperseded", "The workspace was erased while the bag was read.")
    return workspace


def _keys(spool: ImportSpool) -> Iterator[list[str]]:
    for group in _groups(spool):
        for start in range(0, len(group), KEYS_AT_ONCE):
            yield [each.key for each in group[start : start + KEYS_AT_ONCE]]


def _groups(spool: ImportSpool) -> Iterator[list[PreparedObject]]:
    for container in spool.containers():
        yield from container.object_groups()


def _old_ids(spool: ImportSpool) -> dict[str, str]:
    """New id → old id."""
    if not spool.mapping.exists():
        return {}
    mapping = msgspec.json.decode(spool.mapping.read_bytes(), type=dict[str, str])
    return {new: old for old, new in mapping.items()}
