"""Jobs of a project, which a later generation calls tasks: call 75."""

from starlette.responses import Response

from freehold.api.azure import task_answers
from freehold.api.azure.task_shapes import job_out
from freehold.api.azure2018.facade import NOTIFICATION, projects
from freehold.api.entry import Call
from freehold.api.routing import Within
from freehold.domain.access.actor import Action

_JOB = f"{NOTIFICATION}/jobs/{{task}}"
_TOLD = f"{_JOB}/notifications/{{notification}}"


@projects.route("GET", f"{NOTIFICATION}/users/{{object}}/jobs", Within(Action.READ))
async def list_of_person(call: Call) -> Response:
    """Jobs of a project that concern one person; an unknown one has none."""
    return await task_answers.answer_tasks(call, job_out, call.params["object"])


@projects.route("GET", f"{NOTIFICATION}/jobs", Within(Action.READ))
async def list_jobs(call: Call) -> Response:
    """Jobs of a project in pages, newest first."""
    return await task_answers.answer_tasks(call, job_out)


@projects.route("GET", _JOB, Within(Action.READ))
async def read_job(call: Call) -> Response:
    """One job with its notifications."""
    return await task_answers.answer_task(call, call.params["task"], job_out)


@projects.route("DELETE", _JOB, Within(Action.DELETE))
async def delete_job(call: Call) -> Response:
    """Delete a job with its notifications: 200 done, 204 there was none."""
    return await task_answers.delete_task(call)


@projects.route("PATCH", _TOLD, Within(Action.READ))
async def mark(call: Call) -> Response:
    """Mark a notification as read, or as not read; only the person whom it is for may."""
    return await task_answers.mark(call, job_out)


@projects.route("DELETE", _TOLD, Within(Action.DELETE))
async def delete_notification(call: Call) -> Response:
    """Delete one notification: 200 done, 204 there was none."""
    return await task_answers.delete_notification(call)
