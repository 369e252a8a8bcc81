"""What an operation is about: a random id for the paperwork, and the row that maps it to the real thing.

The row is itself erased with the thing; from then on nothing can tell what the id stood for.
"""

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from freehold.domain.documents.queries import is_standing
from freehold.domain.documents.rules import split_version
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.lifecycle.reach import stands
from freehold.lifecycle.selection import HIDDEN, WORKSPACE, Selection, Target, key_of
from freehold.operations.model import UNFINISHED
from freehold.records.catalogue import Record, catalogue
from freehold.records.containers import Workspace
from freehold.records.operations import Operation, OperationTarget
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

PUBLIC_ID = "public_id"
VERSIONED = "name:version"


def root_of(scope: Scope) -> type[Record]:
    """A scope is named after the record at its root."""
    return catalogue()[f"{scope.value}s"]


def public_id(record: type[Record]) -> sa.Column[str]:
    """The column by which clients name a root: `run_id`, `experiment_id`; of the workspace `public_id`."""
    columns = record.table.c
    return columns[PUBLIC_ID] if PUBLIC_ID in columns else columns[f"{record.table.name.removesuffix('s')}_id"]


def find_root(db: Transaction, workspace_id: int, scope: Scope, root_id: str | None) -> Target:
    """The standing root of this id, or of this name where no two have the same; of the workspace itself for None.
    Raises NotFound, Invalid."""
    if scope is Scope.WORKSPACE:
        if root_id is not None and not _is_called(db, workspace_id, root_id):
            message = (
                "The workspace of this address has another id and another name. Leave the id out, or mend the address."
            )
            raise NotFound("ResourceNotFound", message)
        return Target(scope, workspace_id, (workspace_id,))
    if root_id is None:
        raise Invalid("InvalidId", f"`{scope.value}` needs an id: which {called(scope)} is meant?", target="id")
    root = root_of(scope)
    table = root.table
    by_id = public_id(root) == root_id
    found = (
        sa.select(key_of(table))
        .where(table.c[WORKSPACE] == workspace_id, sa.or_(by_id, _is_named(root, root_id)))
        .where(table.c[HIDDEN].is_(None))
        .order_by(sa.case((by_id, 0), else_=1))
        .limit(1)
    )
    row = db.execute(found).scalar()
    if row is None:
        names = " or ".join(filter(None, ("id", _naming(root))))
        message = f"There is no {called(scope)} of this {names} in the workspace."
        raise NotFound("ResourceNotFound", message)
    return Target(scope, workspace_id, (int(row),))


def find_standing(db: Transaction, workspace_id: int, scope: Scope, root_id: str | None) -> Target:
    """As `find_root`, but NotFound also of what an erasure has hidden with what it lies in."""
    target = find_root(db, workspace_id, scope, root_id)
    if root_stands(db, target):
        return target
    raise NotFound("ResourceNotFound", f"There is no such {called(scope)} in the workspace any more.")


def root_stands(db: Transaction, target: Target) -> bool:
    """Of a target with one root: no erasure has hidden it, be it with what it lies in or with its workspace."""
    root = root_of(target.scope)
    found = sa.select(key_of(root.table)).where(key_of(root.table) == target.root_row, stands(root))
    return is_standing(db, target.workspace_id) and db.execute(found).first() is not None


def find_leaving(db: Transaction, workspace_id: int, scope: Scope, root_id: str | None) -> Target:
    """As `find_root`, of what an export takes. Raises Conflict for what was noted and told of transfers themselves."""
    target = find_standing(db, workspace_id, scope, root_id)
    selection = Selection(target)
    found = sa.select(sa.literal(1)).select_from(selection.root.table).where(selection.rows(selection.root)).limit(1)
    if db.execute(found).first() is None:
        message = (
            f"This {called(scope)} tells of an export or an import. Like their operations it describes what this "
            "server did, not the content, and leaves in no bag. Export what that operation was about."
        )
        raise Conflict("TellsOfATransfer", message)
    return target


def _is_called(db: Transaction, workspace_id: int, said: str) -> bool:
    """Whether the workspace is meant: who says another one's id at its address must not lose this one."""
    c = Workspace.c
    found = sa.select(c.public_id, c.name).where(c.workspace_id == workspace_id)
    return said.casefold() in {each.casefold() for each in db.execute(found).one()}


def _is_named(root: type[Record], name: str) -> sa.ColumnElement[bool]:
    """By the name that is its own in the workspace."""
    c, naming = root.table.c, _naming(root)
    if naming == VERSIONED:
        stem, version = split_version(name)
        return sa.false() if version is None else sa.and_(c["name"] == stem, c["version"] == version)
    if not naming:
        return sa.false()
    return c["name_folded"] == name.casefold() if "name_folded" in c else c["name"] == name


def _naming(root: type[Record]) -> str:
    """What clients may call it besides its id, or nothing."""
    c = root.table.c
    if "version" in c:
        return VERSIONED
    return "name" if "name_folded" in c or _has_own_names(root) else ""


def _has_own_names(root: type[Record]) -> bool:
    unique = [index.columns for index in root.table.indexes if index.unique]
    unique += [each.columns for each in root.table.constraints if isinstance(each, sa.UniqueConstraint)]
    return any({column.name for column in columns} == {WORKSPACE, "name"} for columns in unique)


def called(scope: Scope) -> str:
    """The scope in messages to people."""
    return scope.value.replace("_", " ")


def tree_below(db: Transaction, workspace_id: int) -> list[Target]:
    """The container and all that stand below it, the lowest first, each a target of its own."""
    w = Workspace.c
    levels = [[workspace_id]]
    while levels[-1]:
        below = sa.select(w.workspace_id).where(w.parent_workspace.in_(levels[-1])).order_by(w.workspace_id)
        levels.append(list(db.execute(below).scalars()))
    return [Target(Scope.WORKSPACE, each, (each,)) for level in reversed(levels) for each in level]


def name_targets(db: Transaction, targets: Sequence[Target], target_id: str | None = None) -> str:
    """A random id for the targets together (a fresh one unless given), and its rows."""
    target_id = target_id or db.new_id()
    for target in targets:
        link = "" if target.scope is Scope.WORKSPACE else f"{target.scope.value}_row"
        names = {"workspace_id": target.workspace_id, "target_id": target_id, "scope": target.scope.value}
        rows = [names | ({link: row} if link else {}) for row in target.root_rows]
        db.execute(OperationTarget.table.insert(), rows)
    return target_id


def find_targets(db: Transaction, target_id: str) -> list[Target]:
    """What still stands of it, in the order in which it was named; nothing once all is erased."""
    c = OperationTarget.c
    grouped: dict[tuple[Scope, int], list[int]] = {}
    for row in db.execute(sa.select(OperationTarget.table).where(c.target_id == target_id).order_by(c.row_id)):
        scope = Scope(row.scope)
        root = row.workspace_id if scope is Scope.WORKSPACE else getattr(row, f"{scope.value}_row")
        grouped.setdefault((scope, row.workspace_id), []).append(root)
    return [Target(scope, workspace_id, tuple(roots)) for (scope, workspace_id), roots in grouped.items()]


def find_target(db: Transaction, target_id: str) -> Target | None:
    """Of an operation about one thing. None once it is erased."""
    return next(iter(find_targets(db, target_id)), None)


BEFORE_COPIES = ("", "collect", "forget", "copies")
"""Steps of an erasure up to the one that removes the copies of what goes."""


def erasures_at(db: Transaction, named: sa.ColumnElement[bool], steps: Sequence[str]) -> set[str]:
    """The unfinished erasures that are at one of the steps and about what the targets that are `named` stand for."""
    o, t = Operation.c, OperationTarget.c
    about = o.target_id.in_(sa.select(t.target_id).where(named))
    here = sa.and_(o.kind == "erase", o.state.in_(UNFINISHED), o.step.in_(steps), about)
    return set(db.execute(sa.select(o.operation_id).where(here)).scalars())


def roots_named(db: Transaction, targets: Sequence[Target]) -> list[str]:
    """The public ids of all roots, sorted; one that stands under two scopes twice."""
    found = [
        sa.select(public_id(root_of(target.scope))).where(key_of(root_of(target.scope).table).in_(target.root_rows))
        for target in targets
    ]
    return sorted(str(each) for query in found for each in db.execute(query).scalars())


class NamedRoot(NamedTuple):
    """`name`: as people call it, `name:version` where it has versions."""

    scope: Scope
    name: str
    root_id: str


def named_root(db: Transaction, target_id: str) -> NamedRoot | None:
    """The one document that an operation was about; None once it is gone."""
    target = find_target(db, target_id)
    if target is None or target.scope is Scope.WORKSPACE:
        return None
    root = root_of(target.scope)
    row = db.execute(
        sa.select(root.table).where(key_of(root.table) == target.root_rows[0], root.c[HIDDEN].is_(None))
    ).first()
    if row is None:
        return None
    return NamedRoot(target.scope, spelt(root, row), str(row._mapping[public_id(root).name]))


def spelt(record: type[Record], row: sa.Row[tuple[object, ...]]) -> str:
    """What people call a root: its name with its version, or its id."""
    values = row._mapping
    name = str(values["name"] if "name" in values else values[public_id(record).name])
    return f"{name}:{values['version']}" if "version" in values else name
