"""What a client reports of a run, and what the run becomes by it."""

from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.runs import queries, rules, service
from freehold.kit.problems import Invalid
from freehold.storage.transaction import Transaction

PREFIX = "Microsoft.MachineLearning.Run."
_STATUS = {
    "Start": ("Running", "started_at"),
    "Completed": ("Completed", "ended_at"),
    "Failed": ("Failed", "ended_at"),
    "Canceled": ("Canceled", "ended_at"),
    "CancelRequested": ("CancelRequested", None),
    "Queued": ("Queued", None),
    "Preparing": ("Preparing", None),
    "Provisioning": ("Provisioning", None),
    "Starting": ("Starting", None),
    "Finalizing": ("Finalizing", None),
}


class Event(NamedTuple):
    """`name` with or without its prefix; `at` is the moment it tells (StartTime, EndTime or its own timestamp)."""

    name: str
    data: dict[str, Any]
    at: int | None


def apply_event(db: Transaction, workspace: WorkspaceRef, run_id: str, event: Event) -> None:
    """Record it and change the run accordingly. Raises NotFound, Conflict, Invalid for a nameless event."""
    word = event.name.removeprefix(PREFIX)
    if not word:
        raise Invalid("InvalidEvent", f"An event has a name such as {PREFIX}Start.", target="name")
    if word == "Heartbeat":  # says only that the client lives; keeping each would fill the database
        service.open_run(db, workspace, run_id)
        return
    service.record_event(db, workspace, run_id, event.name, event.data, event.at)
    fields: dict[str, Any] = {}
    if word in _STATUS:
        status, moment = _STATUS[word]
        fields["status"] = status
        if moment:
            fields[moment] = event.at or db.now()
    fields |= _details(db, workspace, run_id, word, event.data)
    service.change_run(db, workspace, run_id, fields)


def list_events(db: Transaction, workspace: WorkspaceRef, run_row: int) -> list[sa.Row[Any]]:
    """Rows (name, data, happened_at) in order of arrival."""
    return queries.list_events(db, workspace.workspace_id, run_row)


def _details(db: Transaction, workspace: WorkspaceRef, run_id: str, word: str, data: dict[str, Any]) -> dict[str, Any]:
    """Warnings and errors are part of what the run prints."""
    if word not in {"Warning", "Error", "QueueingInfo"}:
        return {}
    details = dict(service.get_run(db, workspace, run_id).details)
    if word == "Warning":
        warning = {"source": data.get("Source"), "message": data.get("Message")}
        details["warnings"] = rules.latest_warnings([*details.get("warnings", []), warning])
    elif word == "Error":
        details["error"] = data.get("ErrorResponse") or data
    else:
        details["queueingInfo"] = data
    return {"details": details}
