"""Finding runs and experiments by typed clauses, in pages of a total order."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.experiments import service as experiments
from freehold.domain.experiments.service import ExperimentView
from freehold.domain.metrics.queries import latest_of
from freehold.domain.runs.views import RunView, views
from freehold.domain.search import queries
from freehold.kit.clauses import Clause, Ordering
from freehold.kit.problems import Invalid
from freehold.storage.sorting import MOST_ORDERINGS
from freehold.storage.transaction import Transaction


class Question(NamedTuple):
    """`set_aside`: False the active ones, True only those deleted (runs) or archived (experiments), None both."""

    clauses: Sequence[Clause] = ()
    orderings: Sequence[Ordering] = ()
    set_aside: bool | None = False
    limit: int = 1_000
    after: Sequence[Any] | None = None


class FoundRuns(NamedTuple):
    """`latest`: rows (key, value, step, logged_at) by the run's row. `next_place`: where the next page begins."""

    runs: list[RunView]
    latest: dict[int, list[sa.Row[Any]]]
    archived_experiments: frozenset[str]
    next_place: list[Any] | None


class FoundExperiments(NamedTuple):
    experiments: list[ExperimentView]
    next_place: list[Any] | None


def search_runs(
    db: Transaction, workspace: WorkspaceRef, experiment_ids: Sequence[str], question: Question
) -> FoundRuns:
    """Runs of standing experiments; ids that name none find none. The runs of an archived one count as set aside."""
    _check(question)
    named = queries.experiments_of(db, workspace.workspace_id, experiment_ids)
    page = queries.search_runs(
        db,
        workspace.workspace_id,
        named,
        question.clauses,
        question.orderings,
        set_aside=question.set_aside,
        limit=question.limit,
        after=question.after,
    )
    latest = latest_of(db, workspace.workspace_id, [row.row_id for row in page.rows])
    archived = frozenset(row.experiment_id for row in named if row.archived_at is not None)
    return FoundRuns(views(db, workspace, page.rows), latest, archived, page.next_place)


def search_experiments(db: Transaction, workspace: WorkspaceRef, question: Question) -> FoundExperiments:
    _check(question)
    page = queries.search_experiments(
        db,
        workspace.workspace_id,
        question.clauses,
        question.orderings,
        set_aside=question.set_aside,
        limit=question.limit,
        after=question.after,
    )
    return FoundExperiments(experiments.views(db, workspace, page.rows), page.next_place)


def _check(question: Question) -> None:
    if len(question.orderings) > MOST_ORDERINGS:
        message = f"At most {MOST_ORDERINGS} orderings are allowed; this has {len(question.orderings)}."
        raise Invalid("TooManyOrderings", message, target="order_by")
