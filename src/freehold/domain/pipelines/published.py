"""Pipelines and templates: graphs given a name, submitted again and again: each run shares the graph."""

from typing import Any, NamedTuple

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.pipelines import graphs, objects, rules, runs
from freehold.domain.pipelines.graphs import Drawing
from freehold.domain.pipelines.objects import NewObject, ObjectView
from freehold.domain.pipelines.runs import NewRun, PipelineRunView
from freehold.storage.transaction import Transaction

PIPELINE, TEMPLATE = rules.PIPELINE, rules.TEMPLATE
ASSIGNMENTS = ("ParameterAssignments", "DataPathAssignments", "DataSetDefinitionValueAssignments")
_FROM_PIPELINE = ("ContinueRunOnStepFailure", "EnableNotification")


class Submission(NamedTuple):
    """What a client says when it submits something. `document`: assignments, RunSource, RunType, ScheduleId …"""

    document: dict[str, Any]
    experiment_name: str | None = None
    description: str | None = None
    tags: dict[str, str] | None = None
    properties: dict[str, str] | None = None
    parent_run_id: str | None = None


class PipelineSummary(NamedTuple):
    """A pipeline with its last run."""

    pipeline: ObjectView
    last: PipelineRunView | None
    number_of_runs: int


def create_pipeline(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, name: str | None, drawing: Drawing, document: dict[str, Any]
) -> ObjectView:
    """Raises Invalid."""
    rules.check_tags(document.get("tags") or {})
    graph = graphs.keep_graph(db, actor, workspace, drawing)
    new = NewObject(document | {runs.STEPS: graph.steps}, name, graph_row=graph.row_id)
    return objects.add(db, actor, workspace, PIPELINE, new)


def create_template(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, name: str | None, run_id: str, document: dict[str, Any]
) -> ObjectView:
    """Of a pipeline run, whose graph it shares: it can be submitted when that run is gone. Raises NotFound, Invalid."""
    run = runs.get_pipeline_run(db, workspace, run_id).object
    new = NewObject(document, name, graph_row=run.graph_row, under=run.row_id)
    return objects.add(db, actor, workspace, TEMPLATE, new)


def summarise(db: Transaction, workspace: WorkspaceRef, pipeline: ObjectView) -> PipelineSummary:
    last = runs.last_run_of(db, workspace, pipeline.row_id)
    return PipelineSummary(pipeline, last, runs.count_runs_of(db, workspace, pipeline.row_id))


def submit(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, kind: str, object_id: str, said: Submission
) -> PipelineRunView:
    """A submitted run of a pipeline or template. Raises NotFound, Conflict where that is disabled, Invalid."""
    found = objects.get(db, workspace, kind, object_id, opens=True)
    runs.refuse_disabled(found)
    assert found.graph_row is not None, "what can be submitted has a graph"
    document = {name: found.document.get(name) for name in _FROM_PIPELINE}
    document |= {name: value for name, value in said.document.items() if value is not None}
    document |= {name: _merged(found.document, said.document, name) for name in ASSIGNMENTS}
    new = NewRun(
        found.graph_row,
        document,
        said.experiment_name,
        said.description if said.description is not None else found.document.get("Description"),
        said.tags,
        said.properties,
        said.parent_run_id,
        found.row_id,
        is_submitted=True,
    )
    return runs.create_pipeline_run(db, actor, workspace, new)


def _merged(standing: dict[str, Any], said: dict[str, Any], name: str) -> dict[str, Any]:
    """What the pipeline assigns holds until the submission says otherwise."""
    return (standing.get(name) or {}) | (said.get(name) or {})
