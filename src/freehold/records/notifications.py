"""Tasks, and the notifications that tell people what became of them."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import json, key, link, moment, plain, text, workspace
from freehold.records.rules import (
    HISTORY,
    Container,
    LinkKind,
    Removed,
    Retention,
    Rows,
    Rules,
    Scope,
    Writes,
    alone,
)

_EXPORT = Rows(HISTORY | alone(Scope.TASK, Scope.NOTIFICATION, Scope.SERVICE))
_A_YEAR = Retention("a year after it was made", days=365, since="created_at")
_WITH_ITS_TASK = Retention("as long as its task")
_TASK = Rules(Container.WORKSPACE, _EXPORT, Removed(), Writes.GROWING, _A_YEAR)
_NOTIFICATION = Rules(Container.WORKSPACE, _EXPORT, Removed(), Writes.GROWING, _WITH_ITS_TASK)


class Task(Record, table="tasks", rules=_TASK):
    """Something that ended or changed: a run, an operation, a service. It goes with what it is about.

    Its texts name nothing; what they are about is joined in when it is read. `member_row` is the person concerned;
    `operation_id` is the random id of an operation, whose target cannot be told any more once it is erased.
    """

    row_id = key()
    workspace_id = workspace()
    task_id = text(plain())
    task_type = text(plain())
    status = text(plain())
    run_row = link("runs", LinkKind.DEEP, null=True, index=True)
    service_row = link("services", LinkKind.DEEP, null=True, index=True)
    operation_id = text(plain(), null=True)
    member_row = link("members", LinkKind.DECORRELATE, null=True, index=True)
    detail = json(plain(), null=True)
    started_at = moment(null=True)
    ended_at = moment(null=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("task_id", "workspace_id")
        yield Index(None, "workspace_id", "created_at")
        yield Index(None, "workspace_id", "operation_id")


class Notification(Record, table="notifications", rules=_NOTIFICATION):
    """A message about a task to one person. `message` is a word of `domain/notifications/rules.py`, never a text."""

    row_id = key()
    workspace_id = workspace()
    task_row = link("tasks", LinkKind.DEEP, index=True)
    notification_id = text(plain())
    level = text(plain())
    message = text(plain())
    member_row = link("members", LinkKind.DECORRELATE, null=True, index=True)
    read_at = moment(null=True)
    created_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("notification_id", "workspace_id")
