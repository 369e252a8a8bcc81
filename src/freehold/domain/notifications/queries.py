"""Rows of tasks and notifications, with what they are about joined in."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from freehold.domain.access import queries as access
from freehold.domain.documents.queries import Page, Paging
from freehold.records.experiments import Experiment
from freehold.records.notifications import Notification, Task
from freehold.records.people import Member, Person
from freehold.records.runs import Run
from freehold.records.serving import Service
from freehold.storage.portable import checked
from freehold.storage.sorting import SortColumn, is_after
from freehold.storage.transaction import Transaction

_t, _n = Task.c, Notification.c
_ABOUT = (
    Task.table.outerjoin(Run.table, _t.run_row == Run.c.row_id)
    .outerjoin(Experiment.table, Run.c.experiment_row == Experiment.c.row_id)
    .outerjoin(Service.table, _t.service_row == Service.c.row_id)
)
_COLUMNS = (
    *Task.table.columns,
    Run.c.run_id,
    Experiment.c.name.label("experiment_name"),
    Service.c.name.label("service_name"),
    *access.AUTHOR_COLUMNS,
)
_STANDING = (
    _t.hidden_at.is_(None),
    Run.c.hidden_at.is_(None),
    Experiment.c.hidden_at.is_(None),
    Service.c.hidden_at.is_(None),
)


def add_task(db: Transaction, workspace_id: int, values: dict[str, Any]) -> int:
    key = db.execute(Task.table.insert().values(values | {"workspace_id": workspace_id})).inserted_primary_key
    assert key is not None
    return int(key[-1])


def add_notification(db: Transaction, workspace_id: int, values: dict[str, Any]) -> None:
    db.execute(Notification.table.insert().values(values | {"workspace_id": workspace_id}))


def find_task_of(db: Transaction, workspace_id: int, *, run_row: int | None, service_row: int | None) -> int | None:
    """The standing task about a run or a service."""
    about = _t.run_row == run_row if run_row is not None else _t.service_row == service_row
    found = sa.select(_t.row_id).where(_t.workspace_id == workspace_id, about, _t.hidden_at.is_(None))
    return db.execute(found.order_by(_t.row_id.desc()).limit(1)).scalar()


def change_task(db: Transaction, workspace_id: int, row_id: int, values: dict[str, Any]) -> None:
    db.execute(Task.table.update().where(_t.workspace_id == workspace_id, _t.row_id == row_id).values(values))


def find_task(db: Transaction, workspace_id: int, task_id: str) -> sa.Row[Any] | None:
    return db.execute(_select_tasks(workspace_id).where(_t.task_id == task_id)).first()


def find_rows(db: Transaction, workspace_id: int, rows: Sequence[int]) -> list[sa.Row[Any]]:
    return list(db.execute(_select_tasks(workspace_id).where(_t.row_id.in_(rows)))) if rows else []


def find_page(db: Transaction, workspace_id: int, paging: Paging, *, object_id: str | None) -> Page:
    """Newest first. `object_id`: only those that concern this person."""
    query = _select_tasks(workspace_id)
    if object_id is not None:
        query = query.where(Person.c.object_id == object_id)
    columns = [SortColumn(_t.created_at, True), SortColumn(_t.row_id, True)]
    if paging.after is not None:
        query = query.where(is_after(columns, paging.after))
    rows = list(db.execute(query.order_by(*(column.clause() for column in columns)).limit(paging.limit + 1)))
    if len(rows) <= paging.limit:
        return Page(rows, None)
    last = rows[paging.limit - 1]
    return Page(rows[: paging.limit], [last.created_at, last.row_id])


def notifications_of(db: Transaction, workspace_id: int, task_rows: Sequence[int]) -> dict[int, list[sa.Row[Any]]]:
    """Task's row → its standing notifications, oldest first, each with the person that it is for."""
    found = (
        sa.select(*Notification.table.columns, Person.c.object_id)
        .outerjoin(Member.table, _n.member_row == Member.c.row_id)
        .outerjoin(Person.table, Member.c.person_row == Person.c.row_id)
        .where(checked(_n.workspace_id) == workspace_id, _n.task_row.in_(task_rows), _n.hidden_at.is_(None))
        .order_by(_n.row_id)
    )
    told: dict[int, list[sa.Row[Any]]] = {row: [] for row in task_rows}
    for row in db.execute(found) if task_rows else ():
        told[row.task_row].append(row)
    return told


def find_notification(db: Transaction, workspace_id: int, task_row: int, notification_id: str) -> sa.Row[Any] | None:
    mine = (_n.task_row == task_row, _n.notification_id == notification_id, _n.hidden_at.is_(None))
    found = (
        sa.select(*Notification.table.columns, Member.c.person_row)
        .outerjoin(Member.table, _n.member_row == Member.c.row_id)
        .where(_n.workspace_id == workspace_id, *mine)
    )
    return db.execute(found).first()


def mark_read(db: Transaction, workspace_id: int, row_id: int, at: int | None) -> None:
    here = sa.and_(_n.workspace_id == workspace_id, _n.row_id == row_id)
    db.execute(Notification.table.update().where(here).values(read_at=at))


def _select_tasks(workspace_id: int) -> sa.Select[Any]:
    source = access.with_authors(_ABOUT, _t.member_row)
    return sa.select(*_COLUMNS).select_from(source).where(_t.workspace_id == workspace_id, *_STANDING)
