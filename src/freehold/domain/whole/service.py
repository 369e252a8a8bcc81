"""Everything that stands, as views, in order of creation; artifacts in that of their names. A page at a time, so that
memory stays small."""

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
from freehold.records.catalogue import Record
from freehold.storage.transaction import Transaction

PAGE = 500
DOCUMENTS = 100
Rows = Callable[[Transaction, int, Chosen, int, int], list[sa.Row[Any]]]


def experiments(db: Transaction, workspace: WorkspaceRef, chosen: Chosen) -> Iterator[list[ExperimentView]]:
    for rows in _pages(db, workspace, chosen, queries.list_experiments):
        yield experiment_views(db, workspace, rows)


def runs(db: Transaction, workspace: WorkspaceRef, chosen: Chosen) -> Iterator[list[RunView]]:
    """Those that MLflow's delete has set aside too."""
    for rows in _pages(db, workspace, chosen, queries.list_runs):
        yield run_views(db, workspace, rows)


def artifacts(db: Transaction, workspace: WorkspaceRef, chosen: Chosen) -> Iterator[list[ArtifactView]]:
    after = ("", "", "")
    while rows := queries.list_artifacts(db, workspace.workspace_id, chosen, after, PAGE):
        yield [artifact_view(row) for row in rows]
        after = (rows[-1].origin, rows[-1].container, rows[-1].path)


def keys(db: Transaction, workspace: WorkspaceRef, record: type[Record], chosen: Chosen) -> Iterator[list[int]]:
    """Keys of the rows of a record that `chosen` picks."""
    after = 0
    while found := queries.list_keys(db, workspace.workspace_id, record, chosen, after, DOCUMENTS):
        yield found
        after = found[-1]


def _pages(db: Transaction, workspace: WorkspaceRef, chosen: Chosen, rows_of: Rows) -> Iterator[list[sa.Row[Any]]]:
    after = 0
    while rows := rows_of(db, workspace.workspace_id, chosen, after, PAGE):
        yield rows
        after = rows[-1].row_id
