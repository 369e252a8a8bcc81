"""The SQL of operations. Operations belong to the server, so there is no workspace to ask for."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa

from freehold.operations.model import UNFINISHED, Operation, Progress, State
from freehold.records.operations import Operation as OperationRecord
from freehold.storage.portable import Prepared
from freehold.storage.transaction import Transaction

_TABLE = OperationRecord.table


def add(db: Transaction, values: Mapping[str, Any]) -> None:
    db.execute(sa.insert(_TABLE).values(**values))


def find(db: Transaction, operation_id: str) -> Operation | None:
    row = db.execute(sa.select(_TABLE).where(_TABLE.c.operation_id == operation_id)).mappings().first()
    return None if row is None else _operation(row)


def select_operations(
    db: Transaction,
    *,
    kind: str | None = None,
    states: Sequence[State] = (),
    target_id: str | None = None,
    requested_by: int | None = None,
    before: str | None = None,
    limit: int = 100,
    visible: sa.ColumnElement[bool] | None = None,
) -> list[Operation]:
    """Newest first. `before`: only operations older than this id (ids are ordered by time). `visible`: which count."""
    query = sa.select(_TABLE).order_by(_TABLE.c.operation_id.desc()).limit(limit)
    wanted = {"kind": kind, "target_id": target_id, "requested_by": requested_by}
    for column, value in wanted.items():
        if value is not None:
            query = query.where(_TABLE.c[column] == value)
    if states:
        query = query.where(_TABLE.c.state.in_(states))
    if before is not None:
        query = query.where(_TABLE.c.operation_id < before)
    if visible is not None:
        query = query.where(visible)
    return [_operation(row) for row in db.execute(query).mappings()]


def unfinished_ids(db: Transaction, *, kind: str = "") -> list[str]:
    """Ids in order of creation, of one kind or of all."""
    query = sa.select(_TABLE.c.operation_id).where(_TABLE.c.state.in_(UNFINISHED)).order_by(_TABLE.c.operation_id)
    if kind:
        query = query.where(_TABLE.c.kind == kind)
    return list(db.execute(query).scalars())


def unfinished_changes(db: Transaction) -> dict[str, int]:
    """When the row of each unfinished operation changed last, by its id."""
    query = sa.select(_TABLE.c.operation_id, _TABLE.c.updated_at).where(_TABLE.c.state.in_(UNFINISHED))
    return {row.operation_id: row.updated_at for row in db.execute(query)}


def living_ids() -> sa.Select[tuple[str]]:
    """The ids of operations that have not ended, to compare others' with."""
    return sa.select(_TABLE.c.operation_id).where(_TABLE.c.state.in_(UNFINISHED))


def cancelled_ids() -> sa.Select[tuple[str]]:
    return sa.select(_TABLE.c.operation_id).where(_TABLE.c.state == State.CANCELED)


def change(db: Transaction, operation_id: str, values: Mapping[str, Any], *, fence: int | None = None) -> bool:
    """Change an unfinished operation. False: it has ended, or its fence is no longer the one given."""
    given = {"updated_at": db.now(), **values}
    which = {"its_id": operation_id} | ({} if fence is None else {"its_fence": fence})
    changing = _changing(tuple(sorted(given)), fence is not None)
    params = which | {f"new_{name}": value for name, value in given.items()}
    return changing.result(db.connection, params).rowcount == 1


@cache
def _changing(names: tuple[str, ...], is_fenced: bool) -> Prepared:
    """Every step runs it twice, while all that write wait."""
    c = _TABLE.c
    query = sa.update(_TABLE).where(c.operation_id == sa.bindparam("its_id", ""), c.state.in_(UNFINISHED))
    if is_fenced:
        query = query.where(c.fence == sa.bindparam("its_fence", 0))
    new = {name: sa.bindparam(f"new_{name}", None, c[name].type) for name in names}
    return Prepared(lambda _: query.values(new))


def reopen(db: Transaction, operation_id: str, step: str, progress: Mapping[str, Any]) -> bool:
    """A failed operation is unfinished again, at this step. `progress`: as stored. False: it has not failed."""
    query = sa.update(_TABLE).where(_TABLE.c.operation_id == operation_id, _TABLE.c.state == State.FAILED)
    begun = {"step": step, "progress": progress, "state": State.NOT_STARTED}
    anew = {"ended_at": None, "error_code": None, "error_message": None}
    return db.execute(query.values(updated_at=db.now(), **begun, **anew)).rowcount == 1


def touch(db: Transaction, operation_ids: Sequence[str]) -> None:
    query = sa.update(_TABLE).where(_TABLE.c.operation_id.in_(operation_ids), _TABLE.c.state.in_(UNFINISHED))
    db.execute(query.values(updated_at=db.now()))


def stored_progress(progress: Progress, cursor: Any) -> dict[str, Any]:
    """The `progress` column: what the user sees, and the cursor, which only the next step sees."""
    counts = dict(progress.counts)
    return {"done": progress.done, "total": progress.total, "counts": counts, "cursor": cursor}


def _operation(row: Mapping[Any, Any]) -> Operation:
    values = {name: row[name] for name in Operation.__dataclass_fields__ if name not in ("cursor", "progress")}
    stored = row["progress"]
    progress = Progress(stored["done"], stored["total"], stored["counts"])
    return Operation(**(values | {"state": State(row["state"])}), progress=progress, cursor=stored["cursor"])
