"""Which holds in force bear on a row, and the lock behind which that stays so. Read off the catalogue's links."""

from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

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


def line_of(db: Transaction, workspace_id: int) -> list[int]:
    """The container and those above it."""
    return list(db.execute(sa.select(_line().c.workspace_id), {"here": workspace_id}).scalars())


def is_held(db: Transaction, workspace_id: int, record: type[Record], row_id: int) -> bool:
    """By a hold on the row, on what it lies in or is shared by, on all of its workspace or of a container above."""
    return _held(str(record.table.name)).one(db.connection, {"here": workspace_id, "row": row_id}) is not None


# allow-workspace: because it is a condition on rows of all workspaces, each of which is asked about in its own
def held(record: type[Record]) -> sa.ColumnElement[bool]:
    """For statements on many rows, of any workspace: those that `is_held` is true of."""
    row = _Row(record.c.row_id, record.c.workspace_id, record.table)
    bearing = _bearing(record, row, record.c, frozenset())
    bears = sa.exists().where(_h.workspace_id == row.workspace, _h.lifted_at.is_(None), sa.or_(sa.false(), *bearing))
    return sa.or_(row.workspace.in_(sa.select(_held_whole().c.workspace_id)), bears.correlate(record.table))


class _Row(NamedTuple):
    """What a hold may bear on, as a statement names it. `around`: the table of the statement around, if any."""

    key: sa.ColumnElement[int]
    workspace: sa.ColumnElement[int]
    around: sa.FromClause | None


@cache
# allow-workspace: because the holds of containers above count too; the line of those begins with the workspace
def _held(table: str) -> Prepared:
    record, row = catalogue()[table], _Row(sa.bindparam("row", type_=sa.BigInteger()), _HERE, None)
    bearing = _bearing(record, row, None, frozenset())
    bears = sa.and_(_h.workspace_id == _HERE, sa.or_(sa.false(), *bearing))
    whole = sa.and_(_h.workspace_id.in_(sa.select(_line().c.workspace_id)), *_about_all())
    found = sa.select(_h.row_id).where(_h.lifted_at.is_(None), sa.or_(whole, bears))
    return Prepared(lambda _: found)


def _bearing(
    record: type[Record], row: _Row, links: Any, seen: frozenset[type[Record]]
) -> Iterator[sa.ColumnElement[bool]]:
    """Holds on the row, on what shares it (a model its asset), and on what it lies in, up to the workspace. `links`:
    its columns, where the statement around reads them."""
    if record is Workspace or record in seen:
        return
    for name in _HOLDING:
        holding = catalogue()[Hold.links()[name].to]
        if holding is record:
            yield _h[name] == row.key
        for shared, link in holding.links().items():
            if link.kind is LinkKind.REFCOUNT and link.to == record.table.name:
                yield _h[name].in_(_among(holding.c.row_id, holding.c[shared], row))
    for name, link in record.links().items():
        if link.kind is LinkKind.DEEP:
            owner = links[name] if links is not None else _among(record.c[name], record.c.row_id, row).scalar_subquery()
            yield from _bearing(catalogue()[link.to], row._replace(key=owner), None, seen | {record})


# allow-workspace: because it is a part of one statement, which names the workspace of the row
def _among(wanted: sa.Column[int], column: sa.Column[int], row: _Row) -> sa.Select[Any]:
    found = sa.select(wanted).where(checked(wanted.table.c.workspace_id) == row.workspace, column == row.key)
    return found.correlate(row.around)


def _about_all() -> list[sa.ColumnElement[bool]]:
    return [_h[name].is_(None) for name in _HOLDING]


# allow-workspace: because it is the line of containers above one workspace, which it begins with
def _line() -> sa.CTE:
    own = sa.select(_w.workspace_id, _w.parent_workspace).where(_w.workspace_id == _HERE)
    line = own.cte("line", recursive=True)
    above = Workspace.table.alias("above")
    parents = sa.select(above.c.workspace_id, above.c.parent_workspace)
    return line.union(parents.where(above.c.workspace_id == line.c.parent_workspace))


# allow-workspace: because it is all containers under a hold on the whole of one, with those that stand below
def _held_whole() -> sa.CTE:
    own = sa.select(_h.workspace_id).where(_h.lifted_at.is_(None), *_about_all())
    # nesting: SQLite's driver does not count the rows of a statement that begins WITH
    whole = own.cte("held_whole", recursive=True, nesting=True)
    below = Workspace.table.alias("below")
    return whole.union(sa.select(below.c.workspace_id).where(below.c.parent_workspace == whole.c.workspace_id))
