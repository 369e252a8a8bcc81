"""Which holds in force bear on a row, and the lock behind which that stays so. Read off the catalogue's links."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import sqlalchemy as sa

from freehold.records.catalogue import Record, catalogue
from freehold.records.containers import Workspace
from freehold.records.lifecycle import Hold
from freehold.records.rules import LinkKind
from freehold.storage.portable import Prepared, checked
from freehold.storage.transaction import Transaction

_h, _w = Hold.c, Workspace.c
_HERE: sa.BindParameter[int] = sa.bindparam("here", type_=sa.BigInteger())
_HOLDING = [name for name, link in Hold.links().items() if link.kind is LinkKind.HOLDS]


def lock_containers(db: Transaction, workspace_id: int, *, shared: bool = False) -> None:
    """The container and those above it, until this transaction ends: whoever places a hold or plans what goes takes
    the lock alone; who writes over something, or refers to what it will refuse to lose, shares it. So each finds what
    the other has committed, or waits for it.

    SQLite needs none of it: there all who write do so one after the other.
    """
    lines = sa.select(Workspace.table.c.workspace_id).where(_w.workspace_id.in_(sa.select(_line().c.workspace_id)))
    locked = lines.order_by(_w.workspace_id).with_for_update(read=shared, key_share=not shared)
    db.execute(locked, {"here": workspace_id}).all()


def is_held(db: Transaction, workspace_id: int, record: type[Record], row_id: int) -> bool:
    """By a hold on the row, on what it lies in or is shared by, on all of its workspace or of a container above."""
    return _held(str(record.table.name)).one(db.connection, {"here": workspace_id, "row": row_id}) is not None


@cache
# allow-workspace: because the holds of containers above count too; the line of those begins with the workspace
def _held(table: str) -> Prepared:
    record = catalogue()[table]
    asked: sa.Select[Any] = sa.select(sa.bindparam("row", type_=sa.BigInteger()))
    bears = sa.and_(_h.workspace_id == _HERE, sa.or_(sa.false(), *_bearing(record, asked, frozenset())))
    whole = sa.and_(
        _h.workspace_id.in_(sa.select(_line().c.workspace_id)), *(Hold.c[name].is_(None) for name in _HOLDING)
    )
    found = sa.select(_h.row_id).where(_h.lifted_at.is_(None), sa.or_(whole, bears))
    return Prepared(lambda _: found)


def _bearing(
    record: type[Record], rows: sa.Select[Any], seen: frozenset[type[Record]]
) -> Iterator[sa.ColumnElement[bool]]:
    """Holds on the rows, on what shares them (a model its asset), and on what they lie in, up to the workspace."""
    if record is Workspace or record in seen:
        return
    for name in _HOLDING:
        held = catalogue()[Hold.links()[name].to]
        if held is record:
            yield _h[name].in_(rows)
        for shared, link in held.links().items():
            if link.kind is LinkKind.REFCOUNT and link.to == record.table.name:
                yield _h[name].in_(_among(held, held.c.row_id, held.c[shared].in_(rows)))
    for name, link in record.links().items():
        owner = catalogue()[link.to]
        if link.kind is LinkKind.DEEP:
            yield from _bearing(owner, _among(record, record.c[name], record.c.row_id.in_(rows)), seen | {record})


# allow-workspace: because it is a part of one statement, whose parameter the workspace is
def _among(record: type[Record], column: sa.ColumnElement[int], condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(column).where(checked(record.c.workspace_id) == _HERE, condition).correlate(None)


# allow-workspace: because it is the line of containers above one workspace, which it begins with
def _line() -> sa.CTE:
    own = sa.select(_w.workspace_id, _w.parent_workspace).where(_w.workspace_id == _HERE)
    line = own.cte("line", recursive=True)
    above = Workspace.table.alias("above")
    parents = sa.select(above.c.workspace_id, above.c.parent_workspace)
    return line.union(parents.where(above.c.workspace_id == line.c.parent_workspace))
