"""Drafts on the wire. Fields: azureml-pipeline-core 1.6.0 and 1.62.0 (PipelineDraftEntity, GraphDraftEntity)."""

from typing import Any

import msgspec

from freehold.api.azure2020.pipeline_shapes import (
    GraphIn,
    InterfaceIn,
    LayoutIn,
    Pascal,
    SubmissionIn,
    Texts,
    creator,
    drawing,
    fields_of,
    kept,
    moments,
    plain,
)
from freehold.domain.pipelines.drafts import DraftView
from freehold.domain.pipelines.graphs import Drawing, GraphView
from freehold.domain.pipelines.rules import whole_interface

_KEPT = (
    "Description",
    "ParentPipelineId",
    "ParentPipelineRunId",
    "ParentStepRunIds",
    "ParentPipelineDraftId",
    "LastSubmittedPipelineRunId",
)


class DraftIn(Pascal):
    """`Id` says which draft is submitted or published."""

    id: str | None = None
    name: str | None = None
    description: str | None = None
    tags: Texts | None = msgspec.field(name="tags", default=None)
    properties: Texts | None = None
    pipeline_submission_info: SubmissionIn | None = None
    graph_draft_id: str | None = None
    parent_pipeline_id: str | None = None
    parent_pipeline_run_id: str | None = None
    parent_step_run_ids: list[str] | None = None
    parent_pipeline_draft_id: str | None = None
    last_submitted_pipeline_run_id: str | None = None

    def fields(self) -> dict[str, Any]:
        """As far as given; None where it is not."""
        said = self.pipeline_submission_info
        return fields_of(msgspec.to_builtins(self), *_KEPT) | {
            "tags": plain(self.tags),
            "Properties": plain(self.properties),
            "PipelineSubmissionInfo": kept(said) if said is not None else None,
        }


class GraphDraftIn(GraphIn):
    entity_interface: InterfaceIn | None = None
    graph_layout: LayoutIn | None = None

    def drawing(self) -> Drawing:
        graph = GraphIn(
            module_nodes=self.module_nodes,
            dataset_nodes=self.dataset_nodes,
            edges=self.edges,
            default_compute=self.default_compute,
        )
        return drawing(graph, self.entity_interface, self.graph_layout)


def draft_out(draft: DraftView) -> dict[str, Any]:
    """PipelineDraftEntity. The SDK opens `PipelineSubmissionInfo` without looking whether it is there."""
    document = draft.document
    return {
        "Id": draft.draft_id,
        **moments(draft.created_at, draft.updated_at),
        **creator(draft.author),
        "Name": draft.name,
        "GraphDraftId": draft.graph_draft_id,
        "tags": draft.tags,
        "Properties": draft.properties,
        "PipelineSubmissionInfo": document.get("PipelineSubmissionInfo") or {},
    } | fields_of(document, *_KEPT)


def graph_draft_out(graph: GraphView) -> dict[str, Any]:
    """GraphDraftEntity."""
    return {
        "Id": graph.graph_id,
        **moments(graph.created_at, graph.updated_at),
        **creator(graph.author),
        **graph.drawing.document,
        "EntityInterface": whole_interface(graph.drawing.interface),
        "GraphLayout": {"Id": graph.graph_id, "NodeLayouts": (graph.drawing.layout or {}).get("NodeLayouts") or {}},
    }
