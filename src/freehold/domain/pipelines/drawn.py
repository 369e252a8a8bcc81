"""What a draft is drawn from (a draft, a pipeline, a run), and what becomes of it (a run, a pipeline)."""

from typing import Any

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.pipelines import drafts, graphs, objects, rules, runs
from freehold.domain.pipelines.drafts import DraftView
from freehold.domain.pipelines.objects import ObjectView
from freehold.domain.pipelines.published import ASSIGNMENTS, Submission, create_pipeline
from freehold.domain.pipelines.queries import LAST_RUN
from freehold.domain.pipelines.runs import NewRun, PipelineRunView
from freehold.kit.problems import Invalid
from freehold.storage.transaction import Transaction

_KEPT = (*ASSIGNMENTS, "ContinueRunOnStepFailure", "EnableNotification")
_UNNAMED = "Draft"


def clone_draft(db: Transaction, actor: Actor, workspace: WorkspaceRef, draft_id: str) -> DraftView:
    """Another draft of the same content. Raises NotFound."""
    draft = drafts.get_draft(db, workspace, draft_id, opens=True)
    document = {key: value for key, value in draft.document.items() if key != LAST_RUN}
    document |= {"ParentPipelineDraftId": draft.draft_id}
    return drafts.draw_from(db, actor, workspace, draft.name, draft.graph_row, document)


def clone_pipeline(db: Transaction, actor: Actor, workspace: WorkspaceRef, pipeline_id: str) -> DraftView:
    """Raises NotFound."""
    found = objects.get(db, workspace, rules.PIPELINE, pipeline_id, opens=True)
    kept = found.document
    document = {
        "Description": kept.get("Description"),
        "tags": rules.texts(kept.get("tags")),
        "Properties": rules.texts(kept.get("Properties")),
        "PipelineSubmissionInfo": {name: kept.get(name) for name in _KEPT},
        "ParentPipelineId": found.object_id,
    }
    return drafts.draw_from(db, actor, workspace, found.name or _UNNAMED, found.graph_row, document)


def clone_run(db: Transaction, actor: Actor, workspace: WorkspaceRef, run_id: str) -> DraftView:
    """Raises NotFound."""
    found, run = runs.get_pipeline_run(db, workspace, run_id, opens=True)
    said = {"ExperimentName": run.experiment_name, "Description": run.description}
    document = {
        "Description": run.description,
        "tags": {},
        "Properties": {},
        "PipelineSubmissionInfo": said | {name: found.document.get(name) for name in _KEPT},
        "ParentPipelineRunId": run.run_id,
    }
    name = (run.description or _UNNAMED)[: rules.LONGEST_ID]
    return drafts.draw_from(db, actor, workspace, name, found.graph_row, document)


def submit_draft(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, draft_id: str, said: Submission
) -> PipelineRunView:
    """A submitted run on a copy of the draft's graph: drawing on does not change it. Raises NotFound, Invalid."""
    draft = drafts.get_draft(db, workspace, draft_id, opens=True)
    own = draft.document.get("PipelineSubmissionInfo") or {}
    document = {name: own.get(name) for name in _KEPT}
    document |= {name: value for name, value in said.document.items() if value is not None}
    new = NewRun(
        graphs.copy_graph(db, actor, workspace, _graph_row(draft)).row_id,
        document,
        said.experiment_name or own.get("ExperimentName"),
        said.description or own.get("Description") or draft.name,
        said.tags if said.tags is not None else draft.tags,
        said.properties if said.properties is not None else draft.properties,
        said.parent_run_id,
        is_submitted=True,
    )
    made = runs.create_pipeline_run(db, actor, workspace, new)
    drafts.change_draft(db, workspace, draft_id, fields={LAST_RUN: made.run.run_id})
    return made


def publish_draft(db: Transaction, actor: Actor, workspace: WorkspaceRef, draft_id: str) -> ObjectView:
    """A pipeline of what the draft is now. Raises NotFound, Invalid."""
    draft = drafts.get_draft(db, workspace, draft_id, opens=True)
    own: dict[str, Any] = draft.document.get("PipelineSubmissionInfo") or {}
    document = {name: own.get(name) for name in _KEPT}
    document |= {"Description": draft.document.get("Description"), "tags": draft.tags, "Properties": draft.properties}
    drawing = graphs.graph_of(db, workspace, _graph_row(draft), opens=True).drawing
    return create_pipeline(db, actor, workspace, draft.name, drawing._replace(graph_id=None), document)


def _graph_row(draft: DraftView) -> int:
    if draft.graph_row is None:
        message = "The draft has no graph: make a GraphDraft, and name it as the draft's GraphDraftId."
        raise Invalid("DraftWithoutGraph", message, target="GraphDraftId")
    return draft.graph_row
