"""The plan of an erasure: what goes and how much it is, what stays and why, what stands in the way.

The same code makes the dry run and the confirmed plan. Its digest binds what a person decides on: what was asked
for, all roots found (also containers below, and an asset that goes with the last model), conflicts, holds, retained
records. It binds neither the counts, as what lies below a root goes on growing until that is hidden, nor the copies
that this server keeps: those are no content, and whichever cover what goes, go first.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.holds.queries import line_of
from freehold.domain.images.queries import made_for_services
from freehold.kit.canonical import canonical_json
from freehold.kit.digests import sha256_hex
from freehold.kit.problems import PreconditionFailed
from freehold.lifecycle.copies import Copy, kept_copies
from freehold.lifecycle.joint import Joint, joints
from freehold.lifecycle.reach import Reach
from freehold.lifecycle.removal import object_column
from freehold.lifecycle.selection import HIDDEN, WORKSPACE, Target, key_of
from freehold.lifecycle.targets import called, find_root, public_id, root_of, roots_named, spelt, tree_below
from freehold.lifecycle.weighing import weigh
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import LinkKind, Retained, Scope
from freehold.storage.transaction import Transaction

FORMAT = 1
MOST_NAMED = 100
"""Of rows that stand in the way so many are looked at: enough to say what to do, however many there are."""
NOT_COVERED = (
    "copies that were downloaded, and data in outside datastores",
    "weights of models trained on the data",
    "blocks that the file system or the disk has freed but not overwritten, swap and file-system snapshots",
    "backups made before the erasure: a restore replays the forget list before the server opens",
    "what clients wrote of it into things that stay, such as an id in a graph or a tag: found, it counts as a mention",
)


@dataclass(frozen=True, slots=True)
class Count:
    """`name` is a record's table or an object prefix. `size`: bytes of what rows hold (weighing.py), or of objects."""

    name: str
    number: int
    size: int

    def as_document(self, called: str) -> dict[str, Any]:
        return {called: self.name, "count": self.number, "bytes": self.size}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Rows that stay and refuse to lose what goes. `needed_by`: the things they belong to, for who asked only."""

    record: str
    number: int
    needed_by: tuple[str, ...]

    def as_document(self) -> dict[str, Any]:
        return {"record": self.record, "count": self.number, "needed_by": list(self.needed_by)}


@dataclass(frozen=True, slots=True)
class ErasePlan:
    """`targets`: the roots, referrers first; what was asked for and what goes with it alone. `holds`: ids of legal
    holds in force on any of it.
    """

    scope: Scope
    targets: list[Target]
    root_digest: str
    """Of what was asked for. Keyed (the forget list's key), so that it tells nothing to who does not hold the key."""
    roots: str
    """As `root_digest`, over the ids of all roots of `targets`."""
    steps: list[Count]
    objects: list[Count]
    conflicts: list[Conflict]
    holds: list[str]
    copies: list[Copy]
    retained: list[dict[str, str]]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of what is decided on, in hex."""
        decided = {
            "format": FORMAT,
            "scope": self.scope.value,
            "root": self.root_digest,
            "roots": self.roots,
            "conflicts": [[conflict.record, conflict.number] for conflict in self.conflicts],
            "holds": self.holds,
            "retained": self.retained,
        }
        return sha256_hex(canonical_json(decided))

    def as_document(self) -> dict[str, Any]:
        """The dry run, as JSON."""
        return {
            "format": FORMAT,
            "scope": self.scope.value,
            "digest": self.digest,
            "steps": [step.as_document("record") for step in self.steps],
            "objects": [count.as_document("prefix") for count in self.objects],
            "conflicts": [conflict.as_document() for conflict in self.conflicts],
            "holds": self.holds,
            "copies": [{"operation_id": copy.operation_id, "bytes": copy.size} for copy in self.copies],
            "retained": self.retained,
            "not_covered": list(NOT_COVERED),
        }


def plan_changed() -> PreconditionFailed:
    message = "The plan has changed since the dry run. Look at the new plan and confirm that one."
    return PreconditionFailed("PlanChanged", message)


def plan_erasure(
    db: Transaction, workspace: WorkspaceRef, scope: Scope, root_id: str | None, *, counts: bool = True
) -> ErasePlan:
    """What erasing the root `root_id` (None: the workspace and all containers below it) would do. Raises NotFound.

    `counts` False: without steps, objects and copies, which take long to count and bind nothing; for carrying it out.
    """
    found, is_whole = find_root(db, workspace.workspace_id, scope, root_id), scope is Scope.WORKSPACE
    targets = tree_below(db, workspace.workspace_id) if is_whole else [found]
    named = workspace.public_id if is_whole or root_id is None else root_id
    root = db.keys.forgotten.digest(scope.value, workspace.public_id, named)
    return plan_targets(db, scope, targets, root.hex(), counts=counts)


def plan_targets(
    db: Transaction, scope: Scope, targets: Sequence[Target], root_digest: str, *, counts: bool = True
) -> ErasePlan:
    """`scope`: what was asked for; the targets' own may be others. `counts`: as of `plan_erasure`."""
    everything = with_going_along(db, _together(targets))
    reaches = _dry(everything)
    steps, objects = _Sum(), _Sum()
    for joint in joints(reaches) if counts else []:
        for record, goes in joint.everything.items():
            steps.add(_count(db, record, goes))
            if object_column(record) is not None:
                objects.add(_objects(db, record, goes))
        for each in joint.repeats():
            steps.add(_count(db, each.record, each.rows))
    return ErasePlan(
        scope,
        everything,
        root_digest,
        db.keys.forgotten.digest("roots of a plan", "", "\n".join(roots_named(db, everything))).hex(),
        steps.counts(),
        objects.counts(),
        _conflicts(db, reaches),
        sorted({hold for reach in reaches for hold in holds_on(db, reach)}),
        kept_copies(db, reaches) if counts else [],
        retained_records(reaches),
    )


def retained_records(reaches: Iterable[Reach]) -> list[dict[str, str]]:
    """What outlives the erasure by its rules, with the reason and the legal basis."""
    retained = [
        {"record": name, "because": record.rules.erasure.because, "basis": record.rules.erasure.basis}
        for name, record in sorted(catalogue().items())
        if isinstance(record.rules.erasure, Retained)
    ]
    links = {
        f"{record.table.name!s}.{name!s}": link
        for reach in reaches
        for record in reach.records()
        for name, link in record.links().items()
        if link.kind is LinkKind.RETAIN
    }
    return retained + [
        {"record": name, "because": link.because, "basis": link.basis} for name, link in sorted(links.items())
    ]


def _together(targets: Sequence[Target]) -> list[Target]:
    """One target for all roots of a scope in a workspace, as an operation finds them again."""
    found: dict[tuple[Scope, int], tuple[int, ...]] = {}
    for target in targets:
        kind = (target.scope, target.workspace_id)
        found[kind] = (*found.get(kind, ()), *target.root_rows)
    return [Target(scope, workspace_id, rows) for (scope, workspace_id), rows in found.items()]


def with_going_along(db: Transaction, targets: Sequence[Target]) -> list[Target]:
    """The targets, and behind them images that were made for the services among them, roots that only these refer to (a
    model's asset), and that only those refer to."""
    found = [*targets, *_made_for_services(db, targets)]
    while more := [each for joint in joints(_dry(found)) for each in _last_referred(db, joint)]:
        found += more
    return found


def _made_for_services(db: Transaction, targets: Sequence[Target]) -> Iterator[Target]:
    """No link says it: an image that somebody else made is needed by its services, and does not go with them."""
    named = {(target.scope, row) for target in targets for row in target.root_rows}
    for target in targets:
        if target.scope is Scope.SERVICE:
            rows = made_for_services(db, target.workspace_id, target.root_rows)
            if mine := tuple(row for row in rows if (Scope.IMAGE, row) not in named):
                yield Target(Scope.IMAGE, target.workspace_id, mine)


def _last_referred(db: Transaction, joint: Joint) -> Iterator[Target]:
    for record, goes in joint.counted().items():
        if HIDDEN in record.table.c:
            query = sa.select(key_of(record.table)).where(goes, record.c[HIDDEN].is_(None))
            rows = tuple(db.execute(query.order_by(key_of(record.table))).scalars())
            if rows:
                yield Target(_scope_of(record), joint.workspace_id, rows)


def _dry(targets: Sequence[Target]) -> list[Reach]:
    return [Reach(target, hidden_only=False) for target in targets]


def _scope_of(record: type[Record]) -> Scope:
    return next(scope for scope in Scope if root_of(scope) is record)


class _Sum:
    """Counts by name, in the order in which the names first came."""

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._sizes: Counter[str] = Counter()

    def add(self, count: Count) -> None:
        self._numbers[count.name] += count.number
        self._sizes[count.name] += count.size

    def counts(self) -> list[Count]:
        return [Count(name, number, self._sizes[name]) for name, number in self._numbers.items() if number]


def _count(db: Transaction, record: type[Record], condition: sa.ColumnElement[bool]) -> Count:
    return Count(str(record.table.name), *weigh(db, record, condition))


def _objects(db: Transaction, record: type[Record], condition: sa.ColumnElement[bool]) -> Count:
    column = object_column(record)
    assert column is not None, "the caller asks for records that own objects"
    total = sa.func.coalesce(sa.func.sum(record.table.c.size), 0)
    row: Any = db.execute(sa.select(sa.func.count(), total).select_from(record.table).where(condition)).one()
    return Count(str(column.info["object_prefix"]), int(row[0]), int(row[1]))


def _conflicts(db: Transaction, reaches: Sequence[Reach]) -> list[Conflict]:
    """What refuses to lose a root, and is itself none of those that go."""
    found: dict[str, tuple[int, dict[str, None]]] = {}
    going = {(target.scope, row) for reach in reaches for target in (reach.target,) for row in target.root_rows}
    for reach in reaches:
        for pointer, refuses in reach.restricting():
            record = pointer.source
            for row in db.execute(sa.select(record.table).where(refuses).limit(MOST_NAMED)):
                owner = _owner(db, record, row)
                if owner is None or owner[:2] not in going:
                    number, names = found.get(str(record.table.name), (0, {}))
                    names |= {owner[2] if owner else str(record.table.name): None}
                    found[str(record.table.name)] = (number + 1, names)
    return [Conflict(name, number, tuple(names)) for name, (number, names) in sorted(found.items())]


def _owner(db: Transaction, record: type[Record], row: Any) -> tuple[Scope, int, str] | None:
    """The root that a row is or hangs on: its scope, its key, and what people call it (`image img:1`)."""
    if HIDDEN in record.table.c:
        return _scope_of(record), row.row_id, _spelt(record, row)
    for name, link in record.links().items():
        owner = catalogue()[link.to]
        if link.kind is LinkKind.DEEP and name != WORKSPACE and HIDDEN in owner.table.c:
            found = db.execute(sa.select(owner.table).where(key_of(owner.table) == row._mapping[name])).first()
            if found is not None:
                return _scope_of(owner), found.row_id, _spelt(owner, found)
    return None


def _spelt(record: type[Record], row: Any) -> str:
    return f"{called(_scope_of(record))} {spelt(record, row)}"


def holds_on(db: Transaction, reach: Reach) -> Iterator[str]:
    """Ids of holds in force on what goes; a hold on a container holds what stands below it, too."""
    line = line_of(db, reach.target.workspace_id)
    for record, bears in reach.holds():
        in_force = record.table.c.lifted_at.is_(None)
        whole = _is_about_all_of(record, line)
        yield from db.execute(sa.select(public_id(record)).where(in_force, sa.or_(bears, whole))).scalars()


def _is_about_all_of(record: type[Record], containers: Sequence[int]) -> sa.ColumnElement[bool]:
    """Holds whose links are all null are about everything in their container."""
    links = [record.table.c[name] for name, link in record.links().items() if link.kind is LinkKind.HOLDS]
    return sa.and_(record.table.c[WORKSPACE].in_(containers), *(column.is_(None) for column in links))
