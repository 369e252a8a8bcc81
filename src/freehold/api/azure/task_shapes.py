"""Tasks, jobs and notifications on the wire: calls 20, 21 and 75.

No client, specification or document describes them; these shapes are Freehold's own, in the manner of the run history.
"""

from typing import Any

from freehold.api.azure.wire import Wire
from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.access.kinds import Kind
from freehold.domain.notifications.service import NotificationView, TaskView
from freehold.kit.clock import to_iso


class ReadIn(Wire):
    """Whether a notification was read."""

    read: bool = True


def task_out(workspace: WorkspaceRef, found: TaskView) -> dict[str, Any]:
    """Task."""
    return {"taskId": found.task_id} | _body(workspace, found)


def job_out(workspace: WorkspaceRef, found: TaskView) -> dict[str, Any]:
    """Job: what 2018 called a task."""
    return {"jobId": found.task_id} | _body(workspace, found)


def _body(workspace: WorkspaceRef, found: TaskView) -> dict[str, Any]:
    newest = found.notifications[-1] if found.notifications else None
    return {
        "taskType": found.task_type,
        "status": found.status,
        "createdUtc": to_iso(found.created_at),
        "modifiedUtc": to_iso(found.updated_at),
        "startTimeUtc": _moment(found.started_at),
        "endTimeUtc": _moment(found.ended_at),
        "projectName": workspace.name if workspace.kind is Kind.PROJECT else None,
        "experimentName": found.experiment_name,
        "runId": found.run_id,
        "serviceName": found.service_name,
        "operationId": found.operation_id,
        "userObjectId": found.person.object_id if found.person else None,
        "userTenantId": found.person.tenant_id if found.person else None,
        "description": newest.message if newest else None,
        "progress": 100.0 if found.ended_at is not None else None,
        "error": None,
        "notifications": [_notification(found, each) for each in found.notifications],
    }


def _notification(task: TaskView, found: NotificationView) -> dict[str, Any]:
    return {
        "notificationId": found.notification_id,
        "taskId": task.task_id,
        "createdUtc": to_iso(found.created_at),
        "level": found.level,
        "title": found.title,
        "message": found.message,
        "read": found.read_at is not None,
        "readUtc": _moment(found.read_at),
        "userObjectId": found.object_id,
    }


def _moment(at: int | None) -> str | None:
    return to_iso(at) if at is not None else None
