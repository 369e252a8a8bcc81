"""Runs on the wire: CreateRunDto in, RunDto and RunDetailsDto out. Fields: azureml-core 1.61.0, its REST models."""

from typing import Any

import msgspec

from freehold.api.azure.wire import Wire, read_moment
from freehold.domain.artifacts.rules import check_container
from freehold.domain.runs.upsert import RunChanges
from freehold.domain.runs.views import RunView
from freehold.kit.clock import to_iso

_DETAILS = (
    "runDefinition",
    "runTypeV2",
    "primaryMetricName",
    "createdFrom",
    "cancelUri",
    "completeUri",
    "diagnosticsUri",
    "queueingInfo",
    "options",
    "heartbeatEnabled",
    "inputDatasets",
    "outputDatasets",
)
"""What only these clients read: kept as they wrote it."""


class RunIn(Wire):
    run_id: str | None = None
    parent_run_id: str | None = None
    status: str | None = None
    start_time_utc: str | None = None
    end_time_utc: str | None = None
    heartbeat_enabled: bool | None = None
    options: dict[str, Any] | None = None
    name: str | None = None
    display_name: str | None = None
    data_container_id: str | None = None
    description: str | None = None
    hidden: bool | None = None
    run_type: str | None = None
    run_type_v2: dict[str, Any] | None = msgspec.field(name="runTypeV2", default=None)
    properties: dict[str, str | None] | None = None
    script_name: str | None = None
    target: str | None = None
    tags: dict[str, str | None] | None = None
    input_datasets: list[Any] | None = None
    output_datasets: list[Any] | None = None
    run_definition: Any = None
    primary_metric_name: str | None = None
    created_from: dict[str, Any] | None = None
    cancel_uri: str | None = None
    complete_uri: str | None = None
    diagnostics_uri: str | None = None
    queueing_info: dict[str, Any] | None = None

    def changes(self) -> RunChanges:
        """Raises Invalid for a time that is none."""
        fields = {
            "name": self.display_name if self.display_name is not None else self.name,
            "description": self.description,
            "status": self.status,
            "started_at": read_moment("startTimeUtc", self.start_time_utc),
            "ended_at": read_moment("endTimeUtc", self.end_time_utc),
            "hidden_in_lists": self.hidden,
            "run_type": self.run_type,
            "script_name": self.script_name,
            "target": self.target,
        }
        if self.data_container_id:
            check_container("dataContainerId", self.data_container_id)
        wire = msgspec.to_builtins(self)
        return RunChanges(
            {name: value for name, value in fields.items() if value is not None},
            self.parent_run_id,
            self.data_container_id,
            _texts(self.tags),
            _texts(self.properties),
            {name: wire[name] for name in _DETAILS if wire.get(name) is not None},
        )


def run_out(run: RunView, root_run_id: str) -> dict[str, Any]:
    """RunDto. `rootRunId` and `runNumber` must be there, or the clients' lists break."""
    author = run.author
    return {
        "runNumber": run.run_number,
        "rootRunId": root_run_id,
        "createdUtc": to_iso(run.created_at),
        "createdBy": {
            "userObjectId": author.object_id,
            "userTenantId": author.tenant_id,
            "userName": author.name,
        }
        if author
        else None,
        "userId": author.object_id if author else None,
        "token": None,
        "tokenExpiryTimeUtc": None,
        "error": error_out(run),
        "warnings": run.details.get("warnings", []),
        "revision": None,
        "runId": run.run_id,
        "experimentId": run.experiment_id,
        "parentRunId": run.parent_run_id,
        "status": run.status,
        "startTimeUtc": _moment(run.started_at),
        "endTimeUtc": _moment(run.ended_at),
        "name": run.name or None,
        "displayName": run.name or None,
        "description": run.description,
        "dataContainerId": run.data_container_id,
        "hidden": run.hidden_in_lists,
        "runType": run.run_type,
        "properties": run.properties,
        "parameters": run.parameters,
        "tags": run.tags,
        "scriptName": run.script_name,
        "target": run.target,
        "runUuid": run.run_id,
        "parentRunUuid": run.parent_run_id,
        "rootRunUuid": root_run_id,
    } | {name: run.details.get(name) for name in _DETAILS}


def details_out(run: RunView, log_files: dict[str, str]) -> dict[str, Any]:
    """RunDetailsDto."""
    return {
        "runId": run.run_id,
        "target": run.target,
        "status": run.status,
        "startTimeUtc": _moment(run.started_at),
        "endTimeUtc": _moment(run.ended_at),
        "services": {},
        "error": error_out(run),
        "warnings": run.details.get("warnings", []),
        "properties": run.properties,
        "inputDatasets": run.details.get("inputDatasets") or [],
        "outputDatasets": run.details.get("outputDatasets") or [],
        "runDefinition": run.details.get("runDefinition"),
        "logFiles": log_files,
        "submittedBy": run.author.name if run.author else None,
    }


def error_out(run: RunView) -> dict[str, Any] | None:
    """The clients need `details` to be a list wherever an error stands."""
    error = run.details.get("error")
    if not isinstance(error, dict):
        return None
    inner = error.get("error")
    return error | {"error": {**inner, "details": inner.get("details") or []}} if isinstance(inner, dict) else error


def _moment(at: int | None) -> str | None:
    return to_iso(at) if at is not None else None


def _texts(entries: dict[str, str | None] | None) -> dict[str, str] | None:
    """Tags and properties of the SDK may have null for a value: `run.tag("done")`."""
    return {key: value if value is not None else "" for key, value in entries.items()} if entries else None
