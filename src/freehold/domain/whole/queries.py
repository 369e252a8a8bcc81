"""Chosen rows in order of creation, after an integer key; artifacts in order of their names."""

from typing import Any

import sqlalchemy as sa

from freehold.domain.artifacts import queries as artifact_queries
from freehold.domain.runs.queries import select_runs
from freehold.records.artifacts import Artifact
from freehold.records.catalogue import Record
from freehold.records.experiments import Experiment
from freehold.records.runs import Run
from freehold.storage.transaction import Transaction

_r, _e, _a = Run.c, Experiment.c, Artifact.c
Chosen = sa.ColumnElement[bool]
"""The condition that picks rows of a record: `Selection.leaving`. It leaves out what an erasure has hidden."""


def list_experiments(db: Transaction, workspace_id: int, chosen: Chosen, after: int, limit: int) -> list[sa.Row[Any]]:
    found = sa.select(*Experiment.table.columns).where(_e.workspace_id == workspace_id, _e.row_id > after, chosen)
    return list(db.execute(found.order_by(_e.row_id).limit(limit)))


def list_runs(db: Transaction, workspace_id: int, chosen: Chosen, after: int, limit: int) -> list[sa.Row[Any]]:
    found = select_runs(workspace_id).where(_r.row_id > after, chosen)
    return list(db.execute(found.order_by(_r.row_id).limit(limit)))


def list_artifacts(
    db: Transaction, workspace_id: int, chosen: Chosen, after: tuple[str, str, str], limit: int
) -> list[sa.Row[Any]]:
    """In order of their names, as tables of objects have them: an import keeps no order of arrival among them."""
    name = (_a.origin, _a.container, _a.path)
    found = (
        sa.select(*artifact_queries.COLUMNS)
        .select_from(artifact_queries.JOINED)
        .where(_a.workspace_id == workspace_id, sa.tuple_(*name) > after, chosen)
    )
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
