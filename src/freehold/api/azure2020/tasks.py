"""Tasks and their notifications: calls 20 and 21. The second lacks the slash before `tasks`; both are understood."""

from starlette.responses import Response

from freehold.api.azure import task_answers
from freehold.api.azure.task_shapes import task_out
from freehold.api.azure2020.facade import notification
from freehold.api.entry import Call
from freehold.api.routing import WORKSPACE, Within
from freehold.domain.access.actor import Action

_NOTIFICATION = f"/notification/v1.0{WORKSPACE}"
_TASK = f"{_NOTIFICATION}/tasks/{{task}}"
_TOLD = f"{_TASK}/notifications/{{notification}}"


@notification.route("GET", f"{_NOTIFICATION}/tasks", Within(Action.READ))
async def list_tasks(call: Call) -> Response:
    """Tasks of a workspace in pages, newest first."""
    return await task_answers.answer_tasks(call, task_out)


@notification.route("GET", f"{_NOTIFICATION}/users/{{object}}/tasks", Within(Action.READ))
async def list_of_person(call: Call) -> Response:
    """Tasks of a workspace that concern one person; an unknown one has none."""
    return await task_answers.answer_tasks(call, task_out, call.params["object"])


@notification.route("GET", _TASK, Within(Action.READ))
@notification.route("GET", f"{_NOTIFICATION}tasks/{{task}}", Within(Action.READ))
async def read_task(call: Call) -> Response:
    """One task with its notifications."""
    return await task_answers.answer_task(call, call.params["task"], task_out)


@notification.route("DELETE", _TASK, Within(Action.DELETE))
async def delete_task(call: Call) -> Response:
    """Delete a task with its notifications: 200 done, 204 there was none."""
    return await task_answers.delete_task(call)


@notification.route("PATCH", _TOLD, Within(Action.READ))
async def mark(call: Call) -> Response:
    """Mark a notification as read, or as not read; only the person whom it is for may."""
    return await task_answers.mark(call, task_out)


@notification.route("DELETE", _TOLD, Within(Action.DELETE))
async def delete_notification(call: Call) -> Response:
    """Delete one notification: 200 done, 204 there was none."""
    return await task_answers.delete_notification(call)
