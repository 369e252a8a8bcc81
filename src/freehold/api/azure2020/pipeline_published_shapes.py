"""Published pipelines on the wire, and what templates are made of. Fields: call 35, azureml-pipeline-core 1.6, 1.62."""

from typing import Any

import msgspec

from freehold.api.addresses import own_base
from freehold.api.azure2020.pipeline_run_shapes import pipeline_run_out
from freehold.api.azure2020.pipeline_shapes import (
    GraphIn,
    InterfaceIn,
    LayoutIn,
    Pascal,
    Texts,
    creator,
    fields_of,
    head,
    plain,
)
from freehold.api.entry import Call
from freehold.domain.pipelines.objects import ObjectView
from freehold.domain.pipelines.published import PipelineSummary

_SETTINGS = ("ContinueRunOnStepFailure", "CompositeNodesEnabled", "EnableNotification")
_KEPT = (
    "Description",
    "Version",
    "ParameterAssignments",
    "DataPathAssignments",
    "DataSetDefinitionValueAssignments",
    *_SETTINGS,
)


class PipelineIn(Pascal):
    name: str | None = None
    description: str | None = None
    version: str | None = None
    graph: GraphIn = msgspec.field(default_factory=GraphIn)
    graph_interface: InterfaceIn | None = None
    graph_layout: LayoutIn | None = None
    parameter_assignments: Texts | None = None
    data_path_assignments: dict[str, Any] | None = None
    data_set_definition_value_assignments: dict[str, Any] | None = None
    continue_run_on_step_failure: bool | None = None
    composite_nodes_enabled: bool | None = None
    tags: Texts | None = msgspec.field(name="tags", default=None)
    properties: Texts | None = None
    enable_notification: bool | None = None

    def document(self) -> dict[str, Any]:
        said = {"tags": plain(self.tags) or {}, "Properties": plain(self.properties) or {}}
        return fields_of(msgspec.to_builtins(self), *_KEPT) | said


class TemplateIn(Pascal):
    experiment_id: str
    name: str | None = None
    description: str | None = None
    version: str | None = None


def pipeline_out(call: Call, found: ObjectView) -> dict[str, Any]:
    """PipelineEntity. `Url`: where the SDK and others submit it."""
    document = found.document
    return (
        head(found)
        | creator(found.author)
        | {
            "Name": found.name,
            "GraphId": found.graph_id,
            "Url": submit_url(call, "PipelineSubmit", found.object_id),
            "tags": document.get("tags") or {},
            "Properties": document.get("Properties") or {},
            "ParameterAssignments": document.get("ParameterAssignments") or {},
            "DataSetDefinitionValueAssignments": document.get("DataSetDefinitionValueAssignments") or {},
        }
        | fields_of(document, "Description", "Version", "TotalRunSteps", *_SETTINGS)
    )


def view_out(call: Call, summary: PipelineSummary) -> dict[str, Any]:
    """PipelineViewEntity."""
    last = pipeline_run_out(summary.last) if summary.last is not None else None
    return {
        "PipelineEntity": pipeline_out(call, summary.pipeline),
        "LastRunId": last["Id"] if last else None,
        "LastRunCreatedTime": last["CreatedDate"] if last else None,
        "LastRunStatus": last["Status"]["StatusCode"] if last else None,
        "TotalRuns": summary.number_of_runs,
    }


def submit_url(call: Call, verb: str, object_id: str) -> str:
    return f"{own_base(call)}/pipelines/v1.0{call.workspace.path}/PipelineRuns/{verb}/{object_id}"
