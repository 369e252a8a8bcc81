"""Everything that stands, as views, in order of creation; artifacts in that of their names.

A portion at a time, so that memory stays small."""

from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.artifacts.service import ArtifactView
from freehold.domain.artifacts.service import view as artifact_view
from freehold.domain.experiments.service import ExperimentView
from freehold.domain.experiments.service import views as experiment_views
from freehold.domain.runs.views import RunView
from freehold.domain.runs.views import views as run_views
from freehold.domain.whole import queries
from freehold.domain.whole.queries import Chosen
from freehold.kit.portions import Portions
from freehold.records.catalogue import Record
from freehold.storage.transaction import Transaction

Rows = Callable[[Transaction, int, Chosen, int, int], list[sa.Row[Any]]]


def experiments(
    db: Transaction, workspace: WorkspaceRef, chosen: Chosen, read: Portions
) -> Iterator[list[ExperimentView]]:
    for rows in _portions(db, workspace, chosen, read, queries.list_experiments):
        yield experiment_views(db, workspace, rows)


def runs(db: Transaction, workspace: WorkspaceRef, chosen: Chosen, read: Portions) -> Iterator[list[RunView]]:
    """Those that MLflow's delete has set aside too."""
    for rows in _portions(db, workspace, chosen, read, queries.list_runs):
        yield run_views(db, workspace, rows)


def artifacts(db: Transaction, workspace: WorkspaceRef, chosen: Chosen, read: Portions) -> Iterator[list[ArtifactView]]:
    after = ("", "", "")
    while rows := queries.list_artifacts(db, workspace.workspace_id, chosen, after, read.next()):
        yield [artifact_view(row) for row in rows]
        after = (rows[-1].origin, rows[-1].container, rows[-1].path)


def keys(
    db: Transaction, workspace: WorkspaceRef, record: type[Record], chosen: Chosen, read: Portions
) -> Iterator[list[int]]:
    """Keys of the rows of a record that `chosen` picks."""
    after = 0
    while found := queries.list_keys(db, workspace.workspace_id, record, chosen, after, read.next()):
        yield found
        after = found[-1]


def _portions(
    db: Transaction, workspace: WorkspaceRef, chosen: Chosen, read: Portions, rows_of: Rows
) -> Iterator[list[sa.Row[Any]]]:
    after = 0
    while rows := rows_of(db, workspace.workspace_id, chosen, after, read.next()):
        yield rows
        after = rows[-1].row_id
