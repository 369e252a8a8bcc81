"""Pipeline runs. Freehold executes none: a submitted run stays NotStarted until someone reports to the run history.

Each is also a run of the run history with the same id (type `azureml.PipelineRun`): its experiment, status, tags,
properties, description and times stand there and nowhere else, its steps are the child runs, and it goes with that run.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.documents.queries import Paging
from freehold.domain.experiments import service as experiments
from freehold.domain.experiments.service import ExperimentView
from freehold.domain.listing.service import Question, Within, list_runs
from freehold.domain.pipelines import graphs, objects, queries, rules
from freehold.domain.pipelines.objects import NewObject, ObjectView
from freehold.domain.pipelines.queries import ALL, Wanted
from freehold.domain.pipelines.schedules import part_schedule
from freehold.domain.runs import service as history
from freehold.domain.runs.events import PREFIX, Event, apply_event
from freehold.domain.runs.parents import new_parent
from freehold.domain.runs.rules import ENDED
from freehold.domain.runs.upsert import RunChanges, put_run
from freehold.domain.runs.views import USER_TAG, RunView, views
from freehold.kit.problems import Conflict, Invalid, NotFound
from freehold.storage.transaction import Transaction

KIND = rules.PIPELINE_RUN
DEFAULT_EXPERIMENT = "Default"
"""Where a run is put whose request names no experiment."""
SUBMITTED, STEPS = "IsSubmitted", "TotalRunSteps"


class NewRun(NamedTuple):
    """`document`: parameter assignments and what else the client wrote. `under`: the row of its pipeline."""

    graph_row: int
    document: dict[str, Any]
    experiment_name: str | None = None
    description: str | None = None
    tags: dict[str, str] | None = None
    properties: dict[str, str] | None = None
    parent_run_id: str | None = None
    under: int | None = None
    is_submitted: bool = False


class PipelineRunView(NamedTuple):
    """The object, and the run of the same id."""

    object: ObjectView
    run: RunView


class FoundPipelineRuns(NamedTuple):
    runs: list[PipelineRunView]
    next_place: list[Any] | None


class RunChange(NamedTuple):
    """None leaves a thing as it is. `tags` take the place of all; properties are merged, as written once."""

    fields: dict[str, Any]
    description: str | None = None
    status: str | None = None
    tags: dict[str, str] | None = None
    properties: dict[str, str] | None = None


def create_pipeline_run(db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewRun) -> PipelineRunView:
    """Raises Invalid, Conflict where the experiment is archived. The experiment is made if there is none."""
    rules.check_said(KIND, None, new.description)
    run_id = db.new_id()
    said = {"azureml.runsource": rules.RUN_TYPE, **_sources(new.document), **(new.properties or {})}
    changes = RunChanges(
        {"run_type": rules.RUN_TYPE, "status": "NotStarted", "description": new.description},
        new.parent_run_id,
        tags=new.tags,
        properties=said,
    )
    experiment = _experiment(db, actor, workspace, new.experiment_name or DEFAULT_EXPERIMENT)
    run = put_run(db, actor, workspace, experiment, run_id, changes)
    steps = graphs.graph_of(db, workspace, new.graph_row).steps
    document, schedule = part_schedule(db, workspace.workspace_id, new.document)
    document |= {SUBMITTED: new.is_submitted, STEPS: steps}
    made = NewObject(document, None, run_id, None, new.graph_row, new.under, run.row_id, schedule)
    return PipelineRunView(objects.add(db, actor, workspace, KIND, made), run)


def get_pipeline_run(db: Transaction, workspace: WorkspaceRef, run_id: str, *, opens: bool = False) -> PipelineRunView:
    """Raises NotFound, also where its run is set aside as deleted."""
    found = objects.get(db, workspace, KIND, run_id, opens=opens)
    return PipelineRunView(found, history.get_run(db, workspace, run_id))


def list_pipeline_runs(
    db: Transaction, workspace: WorkspaceRef, paging: Paging, wanted: Wanted = ALL, *, opens: bool = False
) -> FoundPipelineRuns:
    found = objects.list_objects(db, workspace, KIND, paging, wanted, opens=opens)
    return FoundPipelineRuns(_with_runs(db, workspace, found.objects), found.next_place)


def last_run_of(db: Transaction, workspace: WorkspaceRef, under: int) -> PipelineRunView | None:
    """Of a pipeline: the newest."""
    found = list_pipeline_runs(db, workspace, Paging(1), Wanted(under=under)).runs
    return found[0] if found else None


def count_runs_of(db: Transaction, workspace: WorkspaceRef, under: int) -> int:
    return queries.count(db, workspace.workspace_id, KIND, Wanted(under=under))


def of_schedule(db: Transaction, workspace: WorkspaceRef, schedule_id: str) -> Iterator[PipelineRunView]:
    """Those that a client submitted with this schedule's id, newest first: Freehold starts none by the clock."""
    schedule = objects.get(db, workspace, rules.SCHEDULE, schedule_id)
    wanted = Wanted(under=schedule.under_row)
    found = objects.all_objects(db, workspace, KIND, wanted) if schedule.under_row else iter(())
    mine = [each for each in found if each.schedule_id == schedule_id]
    yield from _with_runs(db, workspace, mine)


def submit_pipeline_run(
    db: Transaction, workspace: WorkspaceRef, run_id: str, parent_run_id: str | None = None
) -> PipelineRunView:
    """Mark it as handed over. Twice is once: a client whose answer was lost asks again. Raises NotFound, Invalid."""
    view = get_pipeline_run(db, workspace, run_id)
    if parent_run_id:
        parent = new_parent(db, workspace, view.run.row_id, parent_run_id)
        if parent is None:
            message = "parentRunId names another run of this workspace that is not below this one."
            raise Invalid("InvalidParentRun", message, target="parentRunId")
        history.change_run(db, workspace, run_id, {"parent_row": parent})
    objects.change(db, workspace, KIND, run_id, fields={SUBMITTED: True})
    return get_pipeline_run(db, workspace, run_id)


def change_pipeline_run(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, run_id: str, change: RunChange
) -> PipelineRunView:
    """Raises NotFound, Invalid."""
    view = get_pipeline_run(db, workspace, run_id)
    rules.check_said(KIND, None, change.description)
    if change.description is not None:
        history.change_run(db, workspace, run_id, {"description": change.description})
    if change.tags is not None:
        gone = [key for key in view.run.tags if key not in change.tags and key != USER_TAG]
        history.remove_tags(db, workspace, run_id, gone)
        history.set_tags(db, actor, workspace, run_id, change.tags)
    if change.properties:
        history.set_properties(db, workspace, run_id, change.properties)
    objects.change(db, workspace, KIND, run_id, fields=change.fields, status=change.status)
    return get_pipeline_run(db, workspace, run_id)


def cancel_pipeline_run(db: Transaction, workspace: WorkspaceRef, run_id: str) -> None:
    """Canceled at once if nobody has begun it; else whoever runs it is asked to stop. An ended run stays as it is."""
    run = get_pipeline_run(db, workspace, run_id).run
    if run.status in ENDED:
        return
    word = "Canceled" if rules.pipeline_state(run.status) == rules.NOT_STARTED else "CancelRequested"
    apply_event(db, workspace, run_id, Event(f"{PREFIX}{word}", {"RunId": run_id}, None))


def steps_of(db: Transaction, workspace: WorkspaceRef, run_id: str) -> dict[str, RunView | None]:
    """Every node of the run's graph that runs a module, with the child run that says it is this node; newest wins."""
    view = get_pipeline_run(db, workspace, run_id)
    assert view.object.graph_row is not None, "every pipeline run has a graph"
    graph = graphs.graph_of(db, workspace, view.object.graph_row)
    steps: dict[str, RunView | None] = {node["Id"]: None for node in graph.drawing.document["ModuleNodes"]}
    for child in _children(db, workspace, view.run.row_id):
        node = child.tags.get(rules.NODE_TAG)
        standing = steps.get(node) if node is not None else None
        if node in steps and (standing is None or standing.created_at <= child.created_at):
            steps[node] = child
    return steps


def step_of(db: Transaction, workspace: WorkspaceRef, run_id: str, path: Sequence[str]) -> RunView | None:
    """The child run of one node; graphs have no graphs within. Raises NotFound, Invalid."""
    if len(path) != 1:
        raise Invalid("InvalidNodePath", 'The body names one node: ["<node id>"].')
    steps = steps_of(db, workspace, run_id)
    if path[0] not in steps:
        raise NotFound("NodeNotFound", "The graph of this pipeline run has no such node.")
    return steps[path[0]]


def views_of(db: Transaction, workspace: WorkspaceRef, rows: Sequence[int]) -> dict[int, PipelineRunView]:
    """Row → view, of the pipeline runs among them that stand."""
    found = objects.views_of(db, workspace, rows, rules.PIPELINE_RUN)
    return {view.object.row_id: view for view in _with_runs(db, workspace, list(found.values()))}


def refuse_disabled(found: ObjectView) -> None:
    """Raises Conflict."""
    if found.status == rules.DISABLED:
        what = rules.CALLED[found.kind]
        raise Conflict("Disabled", f"This {what} is disabled. Set its status to Active to submit it.")


def _with_runs(db: Transaction, workspace: WorkspaceRef, found: Sequence[ObjectView]) -> list[PipelineRunView]:
    rows = [each.run_row for each in found if each.run_row is not None]
    of_row = {run.row_id: run for run in views(db, workspace, queries.run_rows(db, workspace.workspace_id, rows))}
    return [PipelineRunView(each, of_row[each.run_row]) for each in found if each.run_row in of_row]


def _children(db: Transaction, workspace: WorkspaceRef, run_row: int) -> Iterator[RunView]:
    question: Question | None = Question()
    while question is not None:
        found = list_runs(db, workspace, Within(parent_row=run_row), question)
        yield from found.runs
        question = Question(after=found.next_place) if found.next_place else None


def _experiment(db: Transaction, actor: Actor, workspace: WorkspaceRef, name: str) -> ExperimentView:
    found = experiments.find_experiment_by_name(db, workspace, name)
    return found or experiments.create_experiment(db, actor, workspace, name)


def _sources(document: dict[str, Any]) -> dict[str, str]:
    """As the service itself wrote them into a run's properties."""
    asked = {"runSource": document.get("RunSource"), "runType": document.get("RunType")}
    return {key: value for key, value in asked.items() if value}
