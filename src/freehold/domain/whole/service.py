"""Everything that stands, as views, in order of creation; artifacts in that of their names.

A portion at a time, so that memory stays small."""

from collections.abc import Iterable, Iterator

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
from freehold.records.experiments import Experiment
from freehold.records.runs import Run
from freehold.storage.transaction import Transaction

MOST_ROWS, LARGEST_PORTION = 500, 4 << 20
"""Rows and bytes read at a time. As objects they are several times as large as their text."""


def experiments(db: Transaction, workspace: WorkspaceRef, chosen: Chosen) -> Iterator[list[ExperimentView]]:
    for some in keys(db, workspace, Experiment, chosen):
        yield experiment_views(db, workspace, queries.find_experiments(db, workspace.workspace_id, some))


def runs(db: Transaction, workspace: WorkspaceRef, chosen: Chosen) -> Iterator[list[RunView]]:
    """Those that MLflow's delete has set aside too."""
    for some in keys(db, workspace, Run, chosen):
        yield run_views(db, workspace, queries.find_runs(db, workspace.workspace_id, some))


def artifacts(db: Transaction, workspace: WorkspaceRef, chosen: Chosen) -> Iterator[list[ArtifactView]]:
    after = ("", "", "")
    while rows := queries.list_artifacts(db, workspace.workspace_id, chosen, after, MOST_ROWS):
        yield [artifact_view(row) for row in rows]
        after = (rows[-1].origin, rows[-1].container, rows[-1].path)


def keys(db: Transaction, workspace: WorkspaceRef, record: type[Record], chosen: Chosen) -> Iterator[list[int]]:
    """Keys of the rows of a record that `chosen` picks: so many that what a document says of them is small, or one."""
    after = 0
    while weighed := queries.list_weighed(db, workspace.workspace_id, record, chosen, after, MOST_ROWS):
        yield from _portions(weighed)
        after = weighed[-1][0]


def _portions(weighed: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    portion: list[int] = []
    size = 0
    for key, weight in weighed:
        if portion and size + weight > LARGEST_PORTION:
            yield portion
            portion, size = [], 0
        portion.append(key)
        size += weight
    yield portion
