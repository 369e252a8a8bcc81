"""Erasure as an operation: hidden at once, then erased in short steps, then verified, then certified.

    collect   what to search for later, sealed              rows      in budgets, children first, the root last
    forget    ids below the roots, onto the forget list     objects   bytes that no row owns any more
    copies    exports that hold what goes
    verify    the proof, and the certificate that rests on it        close     the sealed evidence is destroyed

Every step finds what is left to do by looking, so it may be killed anywhere and repeated.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

import sqlalchemy as sa

from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.ages import changed
from freehold.domain.access.queries import find_workspace_by_key, standing_among
from freehold.domain.access.service import allow
from freehold.domain.artifacts import queries as artifact_queries
from freehold.domain.audit.service import note_interaction, record
from freehold.domain.clock import service as clock
from freehold.domain.documents.service import require_standing
from freehold.domain.forgetting.service import forget, require_journal, require_whole_journal
from freehold.domain.holds.queries import lock_containers
from freehold.domain.holds.rules import UnderHold
from freehold.kit.canonical import canonical_json
from freehold.kit.clock import MICROSECONDS
from freehold.kit.digests import sha256_hex
from freehold.kit.faults import passing
from freehold.kit.problems import Away, Conflict, Problem, Superseded
from freehold.lifecycle import certificate, copies, proof
from freehold.lifecycle.evidence import Evidence, SealedEvidence, collect_needles, collect_repeats, sync_folders
from freehold.lifecycle.holds import seen_by
from freehold.lifecycle.joint import joints
from freehold.lifecycle.plan import FORMAT, ErasePlan, plan_changed, plan_erasure, retained_records
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.removal import Removal
from freehold.lifecycle.selection import HIDDEN, Target, key_of
from freehold.lifecycle.targets import erasures_at, find_targets, name_targets, public_id, root_of, roots_named
from freehold.lifecycle.telling import tell_end, tell_failure
from freehold.operations.model import Operation, Progress, State
from freehold.operations.service import Operations, request_operation
from freehold.operations.steps import Kind, OperationContext, Step, Turn, again, finished
from freehold.records.catalogue import Record
from freehold.records.operations import OperationTarget
from freehold.records.rules import Scope
from freehold.storage.blobs import open_objects
from freehold.storage.keys import KeyStore
from freehold.storage.portable import undone_alone
from freehold.storage.transaction import Transaction

KIND = "erase"
REMOVALS = "removals"
WITH_ANOTHER = "ErasedWithAnother"
"""How an erasure ends that another one, which covers it, has left nothing to do."""
ROWS_AT_ONCE = 2_000
OBJECTS_AT_ONCE = 10_000  # many at a time: each of their 256 folders is synced once a step
FEWEST_OBJECTS = 2_000
PATIENCE = 30 * MICROSECONDS
DAY = 24 * 3_600 * MICROSECONDS


class StillNeeded(Conflict):
    """Something that stays refers to what would go. `needed_by` names it: `image img:1`."""

    def __init__(self, needed_by: list[str]) -> None:
        self.needed_by = needed_by
        super().__init__("ErasureRefused", f"It is still needed by {', '.join(needed_by)}. Delete that first.")


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
    """Hide the root, or for None the container with all below it, in this transaction and have it erased.

    `plan_digest` is that of a dry run: the erasure is then refused if the plan is another by now. Raises
    NotFound, Forbidden, StillNeeded, UnderHold, PreconditionFailed.
    """
    allow(db, actor, Action.ERASE, workspace)
    if scope is not Scope.WORKSPACE:
        require_standing(db, workspace)
    lock_containers(db, workspace.workspace_id)
    plan = plan_erasure(db, workspace, scope, root_id, counts=False)
    _check(db, actor, plan, plan_digest)
    operation = begin(db, operations, actor, workspace, plan, forget_days)
    note_interaction(db, actor, workspace.workspace_id, f"erase {scope.value}")
    return operation


def request_again(
    db: Transaction, operations: Operations, workspace: WorkspaceRef, scope: Scope, root_id: str | None
) -> tuple[Operation, Sequence[Target]]:
    """Erase what the forget list names and a restored backup brought back; what is hidden now. Nobody asks, nothing may
    refuse."""
    lock_containers(db, workspace.workspace_id)
    plan = plan_erasure(db, workspace, scope, root_id, counts=False)
    return begin(db, operations, None, workspace, plan, 0), plan.targets


def begin(
    db: Transaction,
    operations: Operations,
    actor: Actor | None,
    workspace: WorkspaceRef,
    plan: ErasePlan,
    forget_days: int,
    *,
    called: str = "",
    requested_by: int | None = None,
    more: Mapping[str, int] = MappingProxyType({}),
) -> Operation:
    """Hide what the plan says and have it erased. `called`: the operation's scope where it is about many roots.

    `requested_by`: in whose name, where nobody asks in person. `more` goes into the operation's options.
    """
    scope = called or plan.scope.value
    target_id = name_targets(db, plan.targets)
    hide(db, workspace, plan, forget_days)
    record(db, actor, workspace.workspace_id, f"{scope} erasure requested", target_id)
    return request_operation(
        db,
        operations,
        kind=KIND,
        target_id=target_id,
        scope=scope,
        options={"plan": plan.digest, "root": plan.root_digest, **more},
        requested_by=actor.person_row if actor else requested_by,
        can_cancel=False,
    )


def hide(db: Transaction, workspace: WorkspaceRef, plan: ErasePlan, forget_days: int) -> None:
    """From this commit on the roots and all below them read as not found, and nothing can be written to them.

    Copies are withdrawn and the roots' ids forgotten with it. `forget_days` 0: they are on the list already.
    """
    for target in plan.targets:
        is_below = target.scope is Scope.WORKSPACE and target.workspace_id != workspace.workspace_id
        _hide(db, target, may_be_hidden=is_below)
    if any(target.scope is Scope.WORKSPACE for target in plan.targets):
        db.after_commit(changed)  # before the answer leaves
    for target in plan.targets:
        reach = Reach(target)
        copies.withdraw(db, reach)
        if forget_days:
            home = find_workspace_by_key(db, target.workspace_id) or workspace
            ids = list(db.execute(sa.select(public_id(reach.root)).where(reach.rows(reach.root))).scalars())
            _forget(db, reach.root, home.public_id, ids, forget_days)


def refuse_unless_free(db: Transaction, actor: Actor, plan: ErasePlan) -> None:
    """Raises StillNeeded where something that stays refers to what goes, UnderHold where a legal hold forbids it."""
    if plan.holds:
        raise UnderHold(seen_by(db, actor, plan.holds))
    if plan.conflicts:
        names = [name for conflict in plan.conflicts for name in conflict.needed_by]
        raise StillNeeded(names)


def _check(db: Transaction, actor: Actor, plan: ErasePlan, expected: str | None) -> None:
    refuse_unless_free(db, actor, plan)
    if expected is not None and expected != plan.digest:
        raise plan_changed()


def _hide(db: Transaction, target: Target, *, may_be_hidden: bool) -> None:
    """What stands below may be on its way already, by an erasure of its own; both then do the same."""
    root = root_of(target.scope).table
    here = sa.and_(key_of(root).in_(target.root_rows), root.c[HIDDEN].is_(None))
    hidden = db.execute(sa.update(root).where(here).values({HIDDEN: db.now()})).rowcount
    if hidden != len(target.root_rows) and not may_be_hidden:
        raise Conflict("ErasureUnderWay", "It is being erased already. Follow that operation.")


def _forget(db: Transaction, record: type[Record], home: str, ids: Sequence[str], days: int) -> None:
    """`home`: the public id of the container that they lie in."""
    forget(db, record.table.name.removesuffix("s"), home, ids, expires_at=clock.latest(db) + days * DAY)


# ---- collect


def _collect(context: OperationContext) -> None:
    sealed = _sealed(context, _keys(context))
    targets = context.read(lambda db: find_targets(db, context.operation.target_id))
    if sealed.load() is not None and not targets:
        return  # rows have begun to go, so the evidence was saved before
    if not targets:
        message = "Another erasure, which covers this one, has erased it meanwhile. That one's certificate says so."
        raise Superseded(WITH_ANOTHER, message)
    objects = open_objects(context.settings)
    together = joints([Reach(target) for target in targets])
    ids, values = collect_needles(context.read, together, objects, context.rest)
    born_at = context.read(lambda db: min(_born_at(db, target) for target in targets))
    plan, root = context.read(lambda db: _digests(db, context, targets))
    repeats = context.read(lambda db: collect_repeats(db, together))
    sealed.save(Evidence(targets, root, plan, born_at, ids, values, repeats))
    passing("erase:evidence:saved")


def _collected(db: Transaction, context: OperationContext) -> Turn:
    return finished(Progress(0, None, {}))


def _born_at(db: Transaction, target: Target) -> int:
    root = root_of(target.scope).table
    mine = key_of(root).in_(target.root_rows)
    return int(db.execute(sa.select(sa.func.min(root.c.created_at)).where(mine)).scalar_one())


def _digests(db: Transaction, context: OperationContext, targets: list[Target]) -> tuple[str, str]:
    """Of the plan and of its roots. Documents that were deleted one by one have neither yet."""
    options = context.options
    if "plan" in options:
        return options["plan"], options["root"]
    root = db.keys.forgotten.digest(context.operation.scope, "", "\n".join(roots_named(db, targets))).hex()
    retained = retained_records([Reach(target) for target in targets])
    decided = {"format": FORMAT, "scope": context.operation.scope, "root": root, "retained": retained}
    return sha256_hex(canonical_json(decided)), root


# ---- forget


def _forgotten(db: Transaction, context: OperationContext) -> Turn:
    """Ids of what has a life of its own below the roots (a run's with its experiment), a budget at a time and before
    any row goes. The cursor: the place of the record, and its last row."""
    below = [(reach, each) for reach in context.found for each in reach.records() if _lives_below(reach, each)]
    begin, last = context.cursor or (0, 0)
    left = context.at_most(ROWS_AT_ONCE, is_new=context.cursor is None)
    for place in range(begin, len(below)):
        reach, each = below[place]
        found = _next_ids(db, reach, each, last if place == begin else 0, left)
        home = find_workspace_by_key(db, reach.target.workspace_id)
        if found and home is not None:
            _forget(db, each, home.public_id, [public for _, public in found], context.settings.forget_days)
            passing("erase:ids:forgotten")
        left -= len(found)
        if not left:
            return again([place, found[-1][0]])
    return finished()


def _next_ids(db: Transaction, reach: Reach, record: type[Record], after: int, limit: int) -> list[tuple[int, str]]:
    """(row, public id) of what goes, in order of rows."""
    key = key_of(record.table)
    going = sa.select(key, public_id(record)).where(reach.rows(record), key > after).order_by(key).limit(limit)
    found: list[Any] = list(db.execute(going))
    return [(row[0], row[1]) for row in found]


def _lives_below(reach: Reach, record: type[Record]) -> bool:
    return record is not reach.root and HIDDEN in record.table.c


# ---- copies


def _remove_copies(context: OperationContext) -> list[Reach]:
    """What began after the erasure was asked for is withdrawn too: a bag on its way in may hold what goes."""
    reaches = _reaches(context)
    for reach in reaches:
        _let_others_note(context, reach)
        if context.read(partial(copies.covering, reach=reach)):
            context.database.write_now(partial(copies.withdraw, reach=reach))
            copies.remove_files(context.settings, context.read(partial(copies.covering, reach=reach)))
    return reaches


def _let_others_note(context: OperationContext, reach: Reach) -> None:
    """Whoever asked for a part of it first has a certificate to get, which needs evidence that is still here."""
    operation = context.operation
    noting = context.read(
        lambda db: erasures_at(db, reach.rows(OperationTarget), ("", "collect")) - {operation.operation_id}
    )
    if noting and 0 <= context.read(lambda db: db.now()) - operation.created_at < PATIENCE:
        raise Away("ErasureInside", "An erasure of a part of it, asked for earlier, still notes what goes.")


def _copies_removed(db: Transaction, context: OperationContext) -> Turn:
    number = sum(copies.forget_copies(db, reach) for reach in context.found)
    passing("erase:copies:forgotten")
    return finished(_add(context, {"kept copies": number}))


# ---- rows


def _removals(context: OperationContext) -> tuple[list[Removal], bool]:
    """For each record of the root that the cursor is at, children first; and whether that is the last root. Remembered,
    for that root only: to put their statements together takes longer than to run them, and here nobody waits for it."""
    reaches = _reaches(context)
    number, _ = _place(context)
    remembered_for, removals = context.remembered.get(REMOVALS, (None, []))
    if remembered_for != number:
        removals = list(_removals_of(context, reaches[number]))
        context.remembered[REMOVALS] = (number, removals)
    return removals, number + 1 == len(reaches)


def _removals_of(context: OperationContext, reach: Reach) -> Iterator[Removal]:
    also = frozenset(str(record.table.name) for record in reach.records())
    for each in reach.records():
        began = time.perf_counter()
        removal = Removal(each, reach.rows(each), also=also)
        removal.prepare(context.database.engine)
        yield removal
        context.rest(time.perf_counter() - began)


def _place(context: OperationContext) -> tuple[int, int]:
    """The cursor of the rows: the number of the root, and that of its record, which is left out before the first. That
    of another release is begun anew."""
    number, *place = context.cursor if isinstance(context.cursor, list) else [0]
    return number, place[0] if place else 0


def _rows_removed(db: Transaction, context: OperationContext) -> Turn:
    """One budget of rows of the next record, children first, that has any left. A root is done when one turn has looked
    from its first record to the last and found nothing: with its own row gone, nothing can come below it any more."""
    going: list[Removal]
    going, is_last = context.found
    number, begin = _place(context)
    for place in range(begin, len(going)):
        is_new = context.cursor != [number, place]
        try:
            with undone_alone(db.connection):
                gone = going[place].remove(db, context.at_most(ROWS_AT_ONCE, is_new=is_new))
        except sa.exc.IntegrityError:
            if _is_any_left(db, going[:place]):
                return again([number])  # something came below it since its place was passed: begin anew
            raise
        if gone:
            passing("erase:rows:removed")
            return again([number, place], _add(context, gone))
    if _is_any_left(db, going[:begin]):
        return again([number])
    return finished(_add(context, {})) if is_last else again([number + 1])


def _is_any_left(db: Transaction, going: Sequence[Removal]) -> bool:
    return any(each.is_any_left(db) for each in going)


# ---- objects


def _remove_objects(context: OperationContext) -> tuple[list[str], bool]:
    """Their keys, and whether more may be left. Uploads under way to what is gone are among them: until the rows went,
    they could have ended."""
    if context.read(artifact_queries.is_any_stray):
        context.database.write_now(artifact_queries.doom_strays)
    limit = max(FEWEST_OBJECTS, context.at_most(OBJECTS_AT_ONCE))
    keys = context.read(lambda db: artifact_queries.doomed_keys(db, limit=limit))
    objects = open_objects(context.settings)
    for some in context.portions(keys):
        objects.delete(some)
    passing("erase:objects:unlinked")
    if objects.folder is not None:
        sync_folders(objects.folder / folder for folder in {key.rpartition("/")[0] for key in keys})
    passing("erase:objects:synced")
    return keys, len(keys) == limit


def _objects_removed(db: Transaction, context: OperationContext) -> Turn:
    """The cursor of what follows: when all was erased."""
    keys, may_be_more = context.found
    artifact_queries.clear_ledger(db, keys)
    passing("erase:ledger:cleared")
    return again(None) if may_be_more else finished(cursor=db.now())


# ---- verify, close


def _verify(context: OperationContext) -> proof.Proof:
    keys = _keys(context)
    if context.database.is_embedded:
        require_journal(keys)
    else:
        context.read(require_whole_journal)
    return proof.prove(context, _evidence(context, keys))


def _verified(db: Transaction, context: OperationContext) -> Turn:
    evidence, found = _evidence(context, db.keys), context.found
    erased_at: int | None = context.cursor  # none where another release erased it
    statement = certificate.statement_of_erasure(db, context.operation, evidence, found, erased_at)
    passing("erase:certificate:stated")
    certificate_id = certificate.issue(db, context.operation.operation_id, statement)
    passing("erase:certificate:issued")
    # An erasure of the whole workspace, asked for later, may have taken the row meanwhile that notes would refer to.
    standing = standing_among(db, (t.workspace_id for t in evidence.targets if t.scope is not Scope.WORKSPACE))
    for workspace_id in standing:
        record(db, None, workspace_id, f"{context.operation.scope} erasure {found.level}")
    tell_end(db, context.operation, State.SUCCEEDED, standing)
    times = {name: statement[name] for name in ("erased_at", "verified_at")}
    return finished(result={"certificate_id": certificate_id, "level": found.level, **times, "scan": found.scan})


def _close(context: OperationContext) -> None:
    _sealed(context, _keys(context)).destroy()


def _closed(db: Transaction, context: OperationContext) -> Turn:
    return finished()


def _add(context: OperationContext, gone: Mapping[str, int]) -> Progress:
    old = context.operation.progress
    counts = Counter(old.counts) + Counter(gone)
    return Progress(old.done + sum(gone.values()), old.total, dict(counts))


def _sealed(context: OperationContext, keys: KeyStore) -> SealedEvidence:
    return SealedEvidence(context.settings.key_folder, keys, context.operation.operation_id)


def _keys(context: OperationContext) -> KeyStore:
    """For a step's `work` only: an effect runs on the writer's thread, which must never wait for a reader."""
    return context.read(lambda db: db.keys)


def _reaches(context: OperationContext) -> list[Reach]:
    """Remembered: many turns ask for it, and evidence lies in a file that is to be opened with its key."""
    if KIND not in context.remembered:
        context.remembered[KIND] = [Reach(target) for target in _evidence(context, _keys(context)).targets]
    reaches: list[Reach] = context.remembered[KIND]
    return reaches


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
        Step("forget", _forgotten, _reaches),
        Step("copies", _copies_removed, _remove_copies),
        Step("rows", _rows_removed, _removals),
        Step("objects", _objects_removed, _remove_objects),
        Step("verify", _verified, _verify, retried_at="rows"),
        Step("close", _closed, _close),
    ),
    on_failure=tell_failure,
)
"""For the composition root: operations.engine.register(ERASE.name, ERASE.steps)."""
