"""Rows in order of creation, after an integer key, within an experiment or a run where one is named."""

from typing import Any

import sqlalchemy as sa

from freehold.domain.artifacts import queries as artifact_queries
from freehold.domain.runs.queries import STANDING, TREE, select_runs
from freehold.records.artifacts import Artifact
from freehold.records.catalogue import Record
from freehold.records.experiments import Experiment
from freehold.records.runs import Run
from freehold.storage.transaction import Transaction

_r, _e, _a = Run.c, Experiment.c, Artifact.c
Bounds = tuple[int | None, int | None]
"""(experiment row, run row); both None for the whole workspace."""
Chosen = sa.ColumnElement[bool]
"""The condition that picks rows of a record: `Selection.rows`."""


def list_experiments(db: Transaction, workspace_id: int, bounds: Bounds, after: int, limit: int) -> list[sa.Row[Any]]:
    experiment_row, run_row = bounds
    found = sa.select(*Experiment.table.columns).where(
        _e.workspace_id == workspace_id, _e.hidden_at.is_(None), _e.row_id > after
    )
    if experiment_row is not None:
        found = found.where(_e.row_id == experiment_row)
    if run_row is not None:
        own = sa.select(_r.experiment_row).where(_r.workspace_id == workspace_id, _r.row_id == run_row)
        found = found.where(_e.row_id.in_(own))
    return list(db.execute(found.order_by(_e.row_id).limit(limit)))


def list_runs(db: Transaction, workspace_id: int, bounds: Bounds, after: int, limit: int) -> list[sa.Row[Any]]:
    found = select_runs(workspace_id).where(_r.row_id > after, *_within(bounds))
    return list(db.execute(found.order_by(_r.row_id).limit(limit)))


def list_artifacts(
    db: Transaction, workspace_id: int, bounds: Bounds, after: tuple[str, str, str], limit: int
) -> list[sa.Row[Any]]:
    """In order of their names, as tables of objects have them: an import keeps no order of arrival among them."""
    name = (_a.origin, _a.container, _a.path)
    found = (
        sa.select(*artifact_queries.COLUMNS)
        .select_from(artifact_queries.JOINED)
        .where(_a.workspace_id == workspace_id, sa.tuple_(*name) > after)
    )
    standing = sa.select(_r.row_id).select_from(TREE).where(_r.workspace_id == workspace_id, STANDING)
    if bounds == (None, None):
        found = found.where(sa.or_(_a.run_row.is_(None), _a.run_row.in_(standing)))
    else:
        found = found.where(_a.run_row.in_(standing.where(*_within(bounds))))
    return list(db.execute(found.order_by(*name).limit(limit)))


def list_keys(
    db: Transaction,
    workspace_id: int,
    record: type[Record],
    chosen: Chosen,
    after: int,
    limit: int,
) -> list[int]:
    """Keys of the rows of a record that `chosen` picks."""
    c = record.c
    found = sa.select(c.row_id).where(c.workspace_id == workspace_id, c.row_id > after, chosen)
    return list(db.execute(found.order_by(c.row_id).limit(limit)).scalars())


def _within(bounds: Bounds) -> list[sa.ColumnElement[bool]]:
    experiment_row, run_row = bounds
    return [
        column == row for column, row in ((_r.experiment_row, experiment_row), (_r.row_id, run_row)) if row is not None
    ]
