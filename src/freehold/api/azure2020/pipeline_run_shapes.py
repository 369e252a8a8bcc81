"""Pipeline runs and their steps on the wire. Fields: call 32, azureml-pipeline-core 1.6.0 and 1.62.0."""

from typing import Any

import msgspec

from freehold.api.azure2020.pipeline_shapes import (
    GraphIn,
    InterfaceIn,
    LayoutIn,
    Pascal,
    Texts,
    creator,
    fields_of,
    head,
    kept,
    plain,
)
from freehold.domain.pipelines import rules
from freehold.domain.pipelines.runs import NewRun, PipelineRunView, RunChange
from freehold.domain.runs.views import RunView
from freehold.kit.clock import to_iso

_APART = frozenset({"Description", "RunHistoryExperimentName", "tags", "Properties"})
"""What the run history keeps."""


class RunCreationIn(Pascal):
    description: str | None = None
    continue_experiment_on_node_failure: bool | None = None
    continue_run_on_step_failure: bool | None = None
    parameter_assignments: Texts | None = None
    data_path_assignments: dict[str, Any] | None = None
    data_set_definition_value_assignments: dict[str, Any] | None = None
    run_source: str | None = None
    run_type: str | None = None
    run_history_experiment_name: str | None = None
    tags: Texts | None = msgspec.field(name="tags", default=None)
    properties: Texts | None = None
    enable_notification: bool | None = None
    credential_passthrough: bool | None = None

    def new(self, graph_row: int, experiment_name: str | None) -> NewRun:
        document = {name: value for name, value in kept(self).items() if name not in _APART}
        return NewRun(
            graph_row,
            document,
            experiment_name or self.run_history_experiment_name,
            self.description,
            plain(self.tags),
            plain(self.properties),
        )


class RunWithGraphIn(Pascal):
    creation_info: RunCreationIn = msgspec.field(default_factory=RunCreationIn)
    graph: GraphIn = msgspec.field(default_factory=GraphIn)
    graph_interface: InterfaceIn | None = None
    graph_layout: LayoutIn | None = None


class RunEntityIn(Pascal):
    description: str | None = None
    parameter_assignments: Texts | None = None
    data_set_definition_value_assignments: dict[str, Any] | None = None
    tags: Texts | None = msgspec.field(name="tags", default=None)
    properties: Texts | None = None
    entity_status: str | None = None

    def change(self) -> RunChange:
        names = ("ParameterAssignments", "DataSetDefinitionValueAssignments")
        fields = fields_of(msgspec.to_builtins(self), *names)
        return RunChange(fields, self.description, self.entity_status, plain(self.tags), plain(self.properties))


def pipeline_run_out(view: PipelineRunView) -> dict[str, Any]:
    """PipelineRunEntity."""
    found, run = view
    document = found.document
    return (
        head(found)
        | creator(found.author)
        | {
            "Description": run.description,
            "Status": _status_out(run),
            "GraphId": found.graph_id,
            "IsSubmitted": document["IsSubmitted"],
            "HasErrors": run.status == "Failed",
            "HasWarnings": bool(run.details.get("warnings")),
            "UploadState": "Completed",
            "ParameterAssignments": document.get("ParameterAssignments") or {},
            "DataPathAssignments": document.get("DataPathAssignments") or {},
            "DataSetDefinitionValueAssignments": document.get("DataSetDefinitionValueAssignments") or {},
            "RunHistoryExperimentName": run.experiment_name,
            "PipelineId": found.id_of(rules.PIPELINE),
            "ScheduleId": found.schedule_id,
            "TotalRunSteps": document["TotalRunSteps"],
            "tags": run.tags,
            "Properties": run.properties,
        }
        | fields_of(document, "RunSource", "RunType", "ContinueRunOnStepFailure", "EnableNotification")
    )


def step_out(run: RunView | None) -> dict[str, Any]:
    """TaskStatus of a node; without a run, it has not started."""
    status = step_code(run)
    if run is None:
        return _NO_STEP | {"StatusCode": status}
    return _NO_STEP | {
        "StatusCode": status,
        "StatusDetail": _error_of(run),
        "CreationTime": to_iso(run.created_at),
        "StartTime": to_iso(run.started_at) if run.started_at is not None else None,
        "EndTime": to_iso(run.ended_at) if run.ended_at is not None else None,
        "RunId": run.run_id,
        "HasWarnings": bool(run.details.get("warnings")),
    }


def step_code(run: RunView | None) -> str:
    return rules.step_state(run.status) if run is not None else rules.NOT_STARTED


_NO_STEP: dict[str, Any] = {
    "ReuseInfo": None,
    "StatusCode": None,
    "StatusDetail": None,
    "CreationTime": None,
    "ScheduleTime": None,
    "StartTime": None,
    "EndTime": None,
    "RequestId": None,
    "RunId": None,
    "RealTimeLogPath": None,
    "HasWarnings": False,
}


def _status_out(run: RunView) -> dict[str, Any]:
    return {
        "StatusCode": rules.pipeline_state(run.status),
        "StatusDetail": _error_of(run),
        "CreationTime": to_iso(run.created_at),
        "EndTime": to_iso(run.ended_at) if run.ended_at is not None else None,
    }


def _error_of(run: RunView) -> str | None:
    error = run.details.get("error")
    inner = error.get("error", error) if isinstance(error, dict) else None
    message = inner.get("message") if isinstance(inner, dict) else None
    return message if isinstance(message, str) else None
