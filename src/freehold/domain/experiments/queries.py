"""Rows of experiments and their tags."""

from typing import Any

import sqlalchemy as sa

from freehold.records.experiments import Experiment, ExperimentTag
from freehold.storage.portable import Prepared, checked, upsert
from freehold.storage.transaction import Transaction

_e = Experiment.c
_open = Prepared(
    lambda _: sa.select(_e.row_id, _e.archived_at).where(
        _e.workspace_id == sa.bindparam("workspace_id"),
        _e.experiment_id == sa.bindparam("experiment_id"),
        _e.hidden_at.is_(None),
    )
)
_take_run_number = Prepared(
    lambda _: (
        Experiment.table.update()
        .where(_e.workspace_id == sa.bindparam("in_workspace"), _e.row_id == sa.bindparam("at_row"))
        .values(next_run_number=_e.next_run_number + sa.literal_column("1"))
        .returning(_e.next_run_number)
    )
)


def find_by_id(db: Transaction, workspace_id: int, experiment_id: str) -> sa.Row[Any] | None:
    return _find(db, workspace_id, _e.experiment_id == experiment_id)


def find_open(db: Transaction, workspace_id: int, experiment_id: str) -> tuple[int, int | None] | None:
    """Row and archiving time of a standing experiment: one prepared look-up, for the hot path."""
    row = _open.one(db.connection, {"workspace_id": workspace_id, "experiment_id": experiment_id})
    return (row[0], row[1]) if row else None


def find_by_name(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    return _find(db, workspace_id, _e.name == name)


def find_by_key(db: Transaction, workspace_id: int, row_id: int) -> sa.Row[Any] | None:
    return _find(db, workspace_id, _e.row_id == row_id)


def is_name_taken(db: Transaction, workspace_id: int, name: str) -> bool:
    """Also by a hidden one: its row stands until the erasure has removed it."""
    taken = sa.select(_e.row_id).where(_e.workspace_id == workspace_id, _e.name == name)
    return db.execute(taken).first() is not None


def add(db: Transaction, workspace_id: int, values: dict[str, Any]) -> int:
    key = db.execute(Experiment.table.insert().values(values | {"workspace_id": workspace_id})).inserted_primary_key
    assert key is not None
    return int(key[-1])


def change(db: Transaction, workspace_id: int, row_id: int, values: dict[str, Any]) -> None:
    db.execute(Experiment.table.update().where(_e.workspace_id == workspace_id, _e.row_id == row_id).values(values))


def take_run_number(db: Transaction, workspace_id: int, row_id: int) -> int:
    """The next number of a run; the counter goes on whatever is erased."""
    row = _take_run_number.one(db.connection, {"in_workspace": workspace_id, "at_row": row_id})
    assert row is not None
    return int(row[0]) - 1


def tags_of(db: Transaction, workspace_id: int, rows: list[int]) -> dict[int, dict[str, str]]:
    t = ExperimentTag.c
    found = (
        sa.select(t.experiment_row, t.key, t.value)
        .where(checked(t.workspace_id) == workspace_id, t.experiment_row.in_(rows))
        .order_by(t.experiment_row, t.key)
    )
    tags: dict[int, dict[str, str]] = {row: {} for row in rows}
    for row in db.execute(found):
        tags[row.experiment_row][row.key] = row.value
    return tags


def set_tags(db: Transaction, workspace_id: int, row_id: int, tags: dict[str, str]) -> None:
    if not tags:
        return
    insert = upsert(db.connection, ExperimentTag.table)
    conflict = insert.on_conflict_do_update(
        index_elements=["workspace_id", "experiment_row", "key"], set_={"value": insert.excluded.value}
    )
    rows = [
        {"workspace_id": workspace_id, "experiment_row": row_id, "key": key, "value": value}
        for key, value in tags.items()
    ]
    db.execute(conflict, rows)


def remove_tags(db: Transaction, workspace_id: int, row_id: int, keys: list[str]) -> None:
    t = ExperimentTag.c
    db.execute(
        ExperimentTag.table.delete().where(t.workspace_id == workspace_id, t.experiment_row == row_id, t.key.in_(keys))
    )


def _find(db: Transaction, workspace_id: int, condition: sa.ColumnElement[bool]) -> sa.Row[Any] | None:
    found = sa.select(*Experiment.table.columns).where(
        _e.workspace_id == workspace_id, condition, _e.hidden_at.is_(None)
    )
    return db.execute(found).first()
