"""Make a run or change it, as clients do that choose the run's id themselves and never ask whether it is there."""

from typing import Any, NamedTuple

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.experiments.service import ExperimentView
from freehold.domain.runs import service
from freehold.domain.runs.views import RunView
from freehold.kit.problems import Conflict
from freehold.storage.transaction import Transaction


class RunChanges(NamedTuple):
    """None leaves a value as it is. Tags, properties and details are merged.

    `fields` are columns of the run's row. The parent and the artifacts' container can only be given to a new run.
    """

    fields: dict[str, Any]
    parent_run_id: str | None = None
    data_container_id: str | None = None
    tags: dict[str, str] | None = None
    properties: dict[str, str] | None = None
    details: dict[str, Any] | None = None


def put_run(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    experiment: ExperimentView,
    run_id: str,
    changes: RunChanges,
) -> RunView:
    """Raises Conflict when the id stands in another experiment, NotFound when the run was erased, Invalid."""
    standing = service.find_run(db, workspace, run_id)
    if standing is None:
        _make(db, actor, workspace, experiment, run_id, changes)
    elif standing.experiment_id != experiment.experiment_id:
        raise Conflict("RunExists", "A run with this id stands in another experiment. Use a new id.")
    else:
        _change(db, actor, workspace, standing, changes)
    if changes.properties:
        service.set_properties(db, workspace, run_id, changes.properties)
    return service.get_run(db, workspace, run_id)


def _make(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    experiment: ExperimentView,
    run_id: str,
    changes: RunChanges,
) -> None:
    fields = dict(changes.fields)
    name, status = fields.pop("name", ""), fields.pop("status", "NotStarted")
    if changes.details:
        fields["details"] = changes.details
    if changes.data_container_id:
        fields["data_container_id"] = changes.data_container_id
    service.create_run(
        db,
        actor,
        workspace,
        experiment,
        run_id=run_id,
        name=name,
        status=status,
        started_at=fields.pop("started_at", None),
        parent_run_id=changes.parent_run_id,
        tags=changes.tags,
        fields=fields,
    )


def _change(db: Transaction, actor: Actor, workspace: WorkspaceRef, standing: RunView, changes: RunChanges) -> None:
    fields = dict(changes.fields)
    if changes.details:
        fields["details"] = standing.details | changes.details
    service.change_run(db, workspace, standing.run_id, fields)
    if changes.tags:
        service.set_tags(db, actor, workspace, standing.run_id, changes.tags)
