"""Erasure as an operation: hidden at once, then erased in short steps, then verified, then certified.

    collect   what to search for later, sealed              rows      in budgets, children first, the root last
    copies    exports that hold what goes                   objects   bytes that no row owns any more
    verify    the proof, and the certificate that rests on it        close     the sealed evidence is destroyed

Every step finds what is left to do by looking, so it may be killed anywhere and repeated.
"""

import sqlalchemy as sa

from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.service import allow
from freehold.domain.artifacts import queries as artifact_queries
from freehold.domain.audit.service import note_interaction, record
from freehold.domain.forgetting.service import forget
from freehold.kit.clock import MICROSECONDS
from freehold.kit.problems import Conflict, PreconditionFailed, Problem
from freehold.lifecycle import certificate, copies, proof
from freehold.lifecycle.evidence import Evidence, SealedEvidence, collect_needles, sync_folders
from freehold.lifecycle.plan import ErasePlan, plan_erasure
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.removal import remove_rows
from freehold.lifecycle.selection import HIDDEN, Target, key_of
from freehold.lifecycle.targets import find_target, name_target, public_id
from freehold.operations.model import Operation, Progress
from freehold.operations.service import Operations, request_operation
from freehold.operations.steps import Kind, OperationContext, Step, Turn, again, finished
from freehold.records.containers import Workspace
from freehold.records.rules import Scope
from freehold.storage.blobs import open_objects
from freehold.storage.keys import KeyStore
from freehold.storage.transaction import Transaction

KIND = "erase"
ROWS_AT_ONCE = 2_000
OBJECTS_AT_ONCE = 10_000  # many at a time: each of their 256 folders is synced once a step
DAY = 24 * 3_600 * MICROSECONDS


def request_erasure(
    db: Transaction,
    operations: Operations,
    actor: Actor,
    workspace: WorkspaceRef,
    scope: Scope,
    root_id: str | None,
    *,
    plan_digest: str | None = None,
    forget_days: int = 3_650,
) -> Operation:
    """Hide the run, experiment or (None) workspace in this transaction and have it erased.

    `plan_digest` is that of a dry run: the erasure is then refused if the plan is another by now. Raises
    NotFound, Forbidden, Conflict when something refuses to lose it, PreconditionFailed.
    """
    allow(db, actor, Action.ERASE, workspace)
    plan = plan_erasure(db, workspace, scope, root_id)
    _check(plan, plan_digest)
    operation = _begin(db, operations, actor, workspace, plan, forget_days)
    note_interaction(db, actor, workspace.workspace_id, f"erase {scope.value}")
    return operation


def request_again(
    db: Transaction, operations: Operations, workspace: WorkspaceRef, scope: Scope, root_id: str | None
) -> Operation:
    """Erase what the forget list names and a restored backup brought back. Nobody asks, nothing may refuse."""
    return _begin(db, operations, None, workspace, plan_erasure(db, workspace, scope, root_id), 0)


def _begin(
    db: Transaction,
    operations: Operations,
    actor: Actor | None,
    workspace: WorkspaceRef,
    plan: ErasePlan,
    forget_days: int,
) -> Operation:
    """Hide, withdraw copies, forget the ids, and leave the rest to the engine. `forget_days` 0: listed already."""
    scope = plan.target.scope
    _hide(db, plan.target)
    reach = Reach(plan.target)
    copies.withdraw(db, reach)
    if forget_days:
        _forget(db, reach, workspace, forget_days)
    target_id = name_target(db, plan.target)
    record(db, actor, workspace.workspace_id, f"{scope.value} erasure requested", target_id)
    return request_operation(
        db,
        operations,
        kind=KIND,
        target_id=target_id,
        scope=scope.value,
        options={"plan": plan.digest, "root": plan.root_digest},
        requested_by=actor.person_row if actor else None,
        can_cancel=False,
    )


def _check(plan: ErasePlan, expected: str | None) -> None:
    if plan.conflicts:
        names = ", ".join(f"{conflict.number} in {conflict.name}" for conflict in plan.conflicts)
        raise Conflict("ErasureRefused", f"Other records still need it: {names}. Remove them first.")
    if expected is not None and expected != plan.digest:
        message = "The plan has changed since the dry run. Look at the new plan and confirm that one."
        raise PreconditionFailed("PlanChanged", message)


def _hide(db: Transaction, target: Target) -> None:
    """From this commit on the root and all below it read as not found, and nothing can be written to it."""
    root = Reach(target, hidden_only=False).root.table
    here = sa.and_(key_of(root) == target.root_row, root.c[HIDDEN].is_(None))
    if db.execute(sa.update(root).where(here).values({HIDDEN: db.now()})).rowcount != 1:
        raise Conflict("ErasureUnderWay", "It is being erased already. Follow that operation.")


def _forget(db: Transaction, reach: Reach, workspace: WorkspaceRef, days: int) -> None:
    """Every root that goes: a run's id is forgotten with its experiment too."""
    expires_at = db.now() + days * DAY
    for each in reach.records():
        if HIDDEN in each.table.c:
            kind = each.table.name.removesuffix("s")
            ids = list(db.execute(sa.select(public_id(each)).where(reach.rows(each))).scalars())
            forget(db, kind, workspace.public_id, ids, expires_at=expires_at)


# ---- collect


def _collect(context: OperationContext) -> None:
    sealed = _sealed(context, _keys(context))
    target = context.read(lambda db: find_target(db, context.operation.target_id))
    if target is None:
        return  # rows have begun to go, so the evidence was saved before
    objects = open_objects(context.settings)
    reach = Reach(target)
    ids, values = context.read(lambda db: collect_needles(db, reach, objects))
    born_at, workspace = context.read(lambda db: _facts(db, reach))
    options = context.options
    sealed.save(
        Evidence(
            target.scope,
            target.workspace_id,
            target.root_row,
            workspace,
            options["root"],
            options["plan"],
            born_at,
            ids,
            values,
        )
    )


def _collected(db: Transaction, context: OperationContext) -> Turn:
    return finished(Progress(0, None, {}))


def _facts(db: Transaction, reach: Reach) -> tuple[int, str]:
    root = reach.root.table
    born_at = db.execute(sa.select(root.c.created_at).where(key_of(root) == reach.target.root_row)).scalar_one()
    here = Workspace.c.workspace_id == reach.target.workspace_id
    return int(born_at), str(db.execute(sa.select(Workspace.c.public_id).where(here)).scalar_one())


# ---- copies


def _remove_copies(context: OperationContext) -> Reach:
    reach = Reach(_evidence(context, _keys(context)).target)
    copies.remove_files(context.settings, context.read(lambda db: copies.covering(db, reach)))
    return reach


def _copies_removed(db: Transaction, context: OperationContext) -> Turn:
    number = copies.forget_copies(db, context.found)
    return finished(_add(context, "kept copies", number))


# ---- rows


def _plan_rows(context: OperationContext) -> Reach:
    return Reach(_evidence(context, _keys(context)).target)


def _rows_removed(db: Transaction, context: OperationContext) -> Turn:
    """One budget of rows of the first record, children first, that has any left."""
    reach: Reach = context.found
    also = frozenset(each.table.name for each in reach.records())
    for each in reach.records():
        number = remove_rows(db, each, reach.rows(each), ROWS_AT_ONCE, also=also)
        if number:
            return again(None, _add(context, each.table.name, number))
    return finished(_add(context, "", 0))


# ---- objects


def _remove_objects(context: OperationContext) -> list[str]:
    keys = context.read(lambda db: artifact_queries.ledger_keys(db, older_than=0, limit=OBJECTS_AT_ONCE))
    objects = open_objects(context.settings)
    objects.delete(keys)
    if objects.folder is not None:
        sync_folders({(objects.folder / key).parent for key in keys})
    return keys


def _objects_removed(db: Transaction, context: OperationContext) -> Turn:
    keys: list[str] = context.found
    artifact_queries.clear_ledger(db, keys)
    progress = _add(context, "objects", len(keys))
    return again(None, progress) if keys else finished(progress)


# ---- verify, close


def _verify(context: OperationContext) -> proof.Proof:
    return proof.prove(context, _evidence(context, _keys(context)))


def _verified(db: Transaction, context: OperationContext) -> Turn:
    evidence, found = _evidence(context, db.keys), context.found
    statement = certificate.statement_of_erasure(db, context.operation, evidence, found)
    certificate_id = certificate.issue(db, context.operation.operation_id, statement)
    if evidence.scope is not Scope.WORKSPACE:
        record(db, None, evidence.workspace_id, f"{evidence.scope.value} erasure {found.level}")
    result = {"certificate_id": certificate_id, "level": found.level, "scan": found.scan}
    return finished(result=result)


def _close(context: OperationContext) -> None:
    _sealed(context, _keys(context)).destroy()


def _closed(db: Transaction, context: OperationContext) -> Turn:
    return finished()


def _add(context: OperationContext, name: str, number: int) -> Progress:
    old = context.operation.progress
    counts = dict(old.counts)
    if number:
        counts[name] = counts.get(name, 0) + number
    return Progress(old.done + number, old.total, counts)


def _sealed(context: OperationContext, keys: KeyStore) -> SealedEvidence:
    return SealedEvidence(context.settings.key_folder, keys, context.operation.operation_id)


def _keys(context: OperationContext) -> KeyStore:
    """For a step's `work` only: an effect runs on the writer's thread, which must never wait for a reader."""
    return context.read(lambda db: db.keys)


def _evidence(context: OperationContext, keys: KeyStore) -> Evidence:
    found = _sealed(context, keys).load()
    if found is None:
        message = "The evidence of this erasure is missing, so nothing can be proved. Restore the key folder."
        raise Problem("EvidenceMissing", message)
    return found


ERASE = Kind(
    KIND,
    (
        Step("collect", _collected, _collect),
        Step("copies", _copies_removed, _remove_copies),
        Step("rows", _rows_removed, _plan_rows),
        Step("objects", _objects_removed, _remove_objects),
        Step("verify", _verified, _verify),
        Step("close", _closed, _close),
    ),
)
"""For the composition root: operations.engine.register(ERASE.name, ERASE.steps)."""
