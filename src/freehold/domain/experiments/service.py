"""What one can do with experiments."""

from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.access.members import member_of
from freehold.domain.experiments import queries
from freehold.domain.experiments.rules import check_name, check_tags
from freehold.domain.forgetting.service import refuse_forgotten
from freehold.domain.holds.service import refuse_loss
from freehold.kit.problems import Conflict, NotFound
from freehold.records.experiments import Experiment
from freehold.storage.transaction import Transaction


class ExperimentView(NamedTuple):
    """An experiment as façades print it. Times are microseconds UTC."""

    row_id: int
    experiment_id: str
    name: str
    description: str | None
    tags: dict[str, str]
    created_at: int
    updated_at: int
    archived_at: int | None


class ExperimentRef(NamedTuple):
    """As much of an experiment as logging into it takes."""

    row_id: int
    experiment_id: str
    archived_at: int | None


def create_experiment(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    name: str,
    *,
    description: str | None = None,
    tags: dict[str, str] | None = None,
    experiment_id: str | None = None,
) -> ExperimentView:
    """Raises Conflict when the name is taken, also by an archived one; Invalid; NotFound when it was erased."""
    check_name(name)
    check_tags(tags or {})
    if queries.is_name_taken(db, workspace.workspace_id, name):
        raise Conflict("ExperimentExists", "An experiment with this name stands already. Use it, or another name.")
    if experiment_id is not None:
        refuse_forgotten(db, "experiment", workspace.public_id, experiment_id)
    now = db.now()
    values = {
        "experiment_id": experiment_id or db.new_id(),
        "name": name,
        "description": description,
        "next_run_number": 1,
        "created_by": member_of(db, actor, workspace.workspace_id),
        "created_at": now,
        "updated_at": now,
    }
    row_id = queries.add(db, workspace.workspace_id, values)
    queries.set_tags(db, workspace.workspace_id, row_id, tags or {})
    return get_experiment(db, workspace, str(values["experiment_id"]))


def get_experiment(db: Transaction, workspace: WorkspaceRef, experiment_id: str) -> ExperimentView:
    row = queries.find_by_id(db, workspace.workspace_id, experiment_id)
    if row is None:
        raise NotFound("ExperimentNotFound", "There is no experiment with this id in the workspace.")
    return _view(db, workspace, row)


def get_experiment_ref(db: Transaction, workspace: WorkspaceRef, experiment_id: str) -> ExperimentRef:
    """Raises NotFound."""
    found = queries.find_open(db, workspace.workspace_id, experiment_id)
    if found is None:
        raise NotFound("ExperimentNotFound", "There is no experiment with this id in the workspace.")
    return ExperimentRef(found[0], experiment_id, found[1])


def find_experiment_by_name(db: Transaction, workspace: WorkspaceRef, name: str) -> ExperimentView | None:
    row = queries.find_by_name(db, workspace.workspace_id, name)
    return _view(db, workspace, row) if row else None


def get_experiment_by_name(db: Transaction, workspace: WorkspaceRef, name: str) -> ExperimentView:
    found = find_experiment_by_name(db, workspace, name)
    if found is None:
        raise NotFound("ExperimentNotFound", "There is no experiment with this name in the workspace.")
    return found


def change_experiment(
    db: Transaction,
    workspace: WorkspaceRef,
    experiment: ExperimentView,
    *,
    name: str | None = None,
    description: str | None = None,
    tags: dict[str, str] | None = None,
    archived: bool | None = None,
    deleted: bool | None = None,
) -> ExperimentView:
    """Change what is given; tags are merged. Archiving twice keeps the first time.

    `deleted` sets it aside: it is archived too, and once its restore window is over it is erased. Whichever of the
    two is taken back, both are. Raises UnderHold where a hold keeps what would be written over.
    """
    given = {"name": name, "description": description, "tags": experiment.tags | (tags or {})}
    _refuse_loss(db, workspace, experiment, {key: value for key, value in given.items() if value is not None})
    values: dict[str, Any] = {"updated_at": db.now()}
    if name is not None and name != experiment.name:
        check_name(name)
        if queries.is_name_taken(db, workspace.workspace_id, name):
            raise Conflict("ExperimentExists", "An experiment with this name stands already.")
        values["name"] = name
    if description is not None:
        values["description"] = description
    if archived or deleted:
        values["archived_at"] = experiment.archived_at or db.now()
    if deleted:
        values["deleted_at"] = db.now()
    if False in (archived, deleted):
        values |= {"archived_at": None, "deleted_at": None}
    check_tags(tags or {})
    queries.change(db, workspace.workspace_id, experiment.row_id, values)
    queries.set_tags(db, workspace.workspace_id, experiment.row_id, tags or {})
    return get_experiment(db, workspace, experiment.experiment_id)


def remove_tags(
    db: Transaction, workspace: WorkspaceRef, experiment: ExperimentView, keys: list[str]
) -> ExperimentView:
    """Raises UnderHold."""
    left = {key: value for key, value in experiment.tags.items() if key not in keys}
    _refuse_loss(db, workspace, experiment, {"tags": left})
    queries.remove_tags(db, workspace.workspace_id, experiment.row_id, keys)
    return get_experiment(db, workspace, experiment.experiment_id)


def _refuse_loss(db: Transaction, workspace: WorkspaceRef, experiment: ExperimentView, written: dict[str, Any]) -> None:
    standing = {name: getattr(experiment, name) for name in written}
    refuse_loss(db, workspace, Experiment, experiment.row_id, standing, written)


def views(db: Transaction, workspace: WorkspaceRef, rows: list[sa.Row[Any]]) -> list[ExperimentView]:
    """Rows of the experiments' table as views, their tags read in one query."""
    tags = queries.tags_of(db, workspace.workspace_id, [row.row_id for row in rows])
    return [_as_view(row, tags[row.row_id]) for row in rows]


def _view(db: Transaction, workspace: WorkspaceRef, row: sa.Row[Any]) -> ExperimentView:
    return views(db, workspace, [row])[0]


def _as_view(row: sa.Row[Any], tags: dict[str, str]) -> ExperimentView:
    return ExperimentView(
        row.row_id,
        row.experiment_id,
        row.name,
        row.description,
        tags,
        row.created_at,
        row.updated_at,
        row.archived_at,
    )
