"""What both generations answer of tasks: pages, one task, reading and deleting."""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from freehold.api.azure.deleting import delete_document
from freehold.api.azure.reading import paged_by_query, read_json
from freehold.api.azure.task_shapes import ReadIn
from freehold.api.entry import Call
from freehold.api.paging import give_token
from freehold.api.replies import reply
from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.documents.queries import Paging
from freehold.domain.notifications import service as notifications
from freehold.domain.notifications.service import TaskView
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

Out = Callable[[WorkspaceRef, TaskView], dict[str, Any]]


async def answer_tasks(call: Call, out: Out, object_id: str | None = None) -> Response:
    """A page, newest first. `object_id`: only those that concern this person; an unknown one has none."""
    if object_id is not None:
        notifications.check_may_ask_for(call.actor, call.actions, object_id)
    paged = paged_by_query(call)
    paging = Paging(paged.question.limit, paged.question.after)
    found = await call.services.database.read(
        lambda db: notifications.list_tasks(db, call.workspace, paging, object_id=object_id)
    )
    token = give_token(call, found.next_place, *paged.bound)
    return reply({"value": [out(call.workspace, each) for each in found.tasks], "continuationToken": token})


async def answer_task(call: Call, task_id: str, out: Out) -> Response:
    found = await call.services.database.read(lambda db: notifications.get_task(db, call.workspace, task_id))
    return reply(out(call.workspace, found))


async def mark(call: Call, out: Out) -> Response:
    """The task, with the notification read or not."""
    is_read = (await read_json(call, ReadIn)).read
    task_id, notification_id = call.params["task"], call.params["notification"]
    found = await call.services.database.write(
        lambda db: notifications.mark_read(db, call.actor, call.workspace, task_id, notification_id, is_read=is_read)
    )
    return reply(out(call.workspace, found))


async def delete_task(call: Call) -> Response:
    def find(db: Transaction) -> list[tuple[Scope, int]]:
        return [(Scope.TASK, notifications.get_task(db, call.workspace, call.params["task"]).row_id)]

    return await delete_document(call, find)


async def delete_notification(call: Call) -> Response:
    def find(db: Transaction) -> list[tuple[Scope, int]]:
        task_id, notification_id = call.params["task"], call.params["notification"]
        row = notifications.find_notification(db, call.workspace, task_id, notification_id)
        return [(Scope.NOTIFICATION, row.row_id)]

    return await delete_document(call, find)
