"""What one can do with tasks and notifications: tell, list, read, mark as read."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.documents.queries import Paging
from freehold.domain.notifications import queries, rules
from freehold.kit.problems import Forbidden, NotFound
from freehold.storage.transaction import Transaction


class News(NamedTuple):
    """Something that became of a run, a service or an operation. `word` is one of rules.MESSAGES."""

    task_type: str
    status: str
    word: str
    member_row: int | None
    run_row: int | None = None
    service_row: int | None = None
    operation_id: str | None = None
    started_at: int | None = None
    ended_at: int | None = None


class NotificationView(NamedTuple):
    """Times are microseconds UTC. `object_id`: whom it is for."""

    notification_id: str
    level: str
    title: str
    message: str
    object_id: str | None
    read_at: int | None
    created_at: int


class TaskView(NamedTuple):
    row_id: int
    task_id: str
    task_type: str
    status: str
    run_id: str | None
    experiment_name: str | None
    service_name: str | None
    operation_id: str | None
    person: Author | None
    detail: dict[str, Any] | None
    started_at: int | None
    ended_at: int | None
    created_at: int
    updated_at: int
    notifications: list[NotificationView]


class FoundTasks(NamedTuple):
    tasks: list[TaskView]
    next_place: list[Any] | None


def tell(db: Transaction, workspace_id: int, news: News) -> None:
    """Put the news into a task and a notification for the person concerned. A run or a service has one task."""
    now = db.now()
    values = {
        "task_type": news.task_type,
        "status": news.status,
        "member_row": news.member_row,
        "started_at": news.started_at,
        "ended_at": news.ended_at,
        "updated_at": now,
    }
    task_row = None
    if news.run_row is not None or news.service_row is not None:
        task_row = queries.find_task_of(db, workspace_id, run_row=news.run_row, service_row=news.service_row)
    if task_row is None:
        about = {"run_row": news.run_row, "service_row": news.service_row, "operation_id": news.operation_id}
        task_row = queries.add_task(db, workspace_id, values | about | {"task_id": db.new_id(), "created_at": now})
    else:
        queries.change_task(db, workspace_id, task_row, values)
    level, _, _ = rules.MESSAGES[news.word]
    notification = {
        "task_row": task_row,
        "notification_id": db.new_id(),
        "level": level,
        "message": news.word,
        "member_row": news.member_row,
        "created_at": now,
    }
    queries.add_notification(db, workspace_id, notification)


def check_may_ask_for(actor: Actor, actions: frozenset[Action], object_id: str) -> None:
    """Everybody may ask for what was told to themselves; who answers the requests of persons, for anybody's.

    Raises Forbidden, whether there is such a person or not.
    """
    if object_id.lower() != actor.object_id.lower() and Action.ERASE not in actions:
        message = "You may ask for your own only. An owner or a privacy officer may ask for those of others."
        raise Forbidden("AuthorizationFailed", message)


def list_tasks(db: Transaction, workspace: WorkspaceRef, paging: Paging, *, object_id: str | None = None) -> FoundTasks:
    """Newest first. `object_id`: only those that concern this person."""
    page = queries.find_page(db, workspace.workspace_id, paging, object_id=object_id)
    return FoundTasks(_views(db, workspace, page.rows), page.next_place)


def get_task(db: Transaction, workspace: WorkspaceRef, task_id: str) -> TaskView:
    """With its notifications. Raises NotFound."""
    row = queries.find_task(db, workspace.workspace_id, task_id)
    if row is None:
        raise NotFound("TaskNotFound", "There is no task with this id in the workspace.")
    return _views(db, workspace, [row])[0]


def find_notification(db: Transaction, workspace: WorkspaceRef, task_id: str, notification_id: str) -> sa.Row[Any]:
    task = get_task(db, workspace, task_id)
    row = queries.find_notification(db, workspace.workspace_id, task.row_id, notification_id)
    if row is None:
        raise NotFound("NotificationNotFound", "The task has no notification with this id.")
    return row


def mark_read(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, task_id: str, notification_id: str, *, is_read: bool
) -> TaskView:
    """Raises NotFound; Forbidden where the notification is for somebody else."""
    row = find_notification(db, workspace, task_id, notification_id)
    if row.person_row not in (None, actor.person_row):
        raise Forbidden("NotYourNotification", "This notification is for somebody else: only they mark it as read.")
    at = (row.read_at or db.now()) if is_read else None
    queries.mark_read(db, workspace.workspace_id, row.row_id, at)
    return get_task(db, workspace, task_id)


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, TaskView]:
    """Row → view, of those that stand."""
    return {view.row_id: view for view in _views(db, workspace, queries.find_rows(db, workspace.workspace_id, rows))}


def _views(db: Transaction, workspace: WorkspaceRef, rows: Sequence[sa.Row[Any]]) -> list[TaskView]:
    told = queries.notifications_of(db, workspace.workspace_id, [row.row_id for row in rows])
    return [
        TaskView(
            row.row_id,
            row.task_id,
            row.task_type,
            row.status,
            row.run_id,
            row.experiment_name,
            row.service_name,
            row.operation_id,
            author_of(db, row),
            row.detail,
            row.started_at,
            row.ended_at,
            row.created_at,
            row.updated_at,
            [_notification(each) for each in told[row.row_id]],
        )
        for row in rows
    ]


def _notification(row: sa.Row[Any]) -> NotificationView:
    _, title, message = rules.MESSAGES[row.message]
    return NotificationView(row.notification_id, row.level, title, message, row.object_id, row.read_at, row.created_at)
