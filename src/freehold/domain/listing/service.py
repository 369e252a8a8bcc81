"""Lists of runs and experiments as Azure's clients ask for them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.experiments import service as experiments
from freehold.domain.experiments.service import ExperimentView
from freehold.domain.listing import queries
from freehold.domain.listing.grammar import read_filter, read_order
from freehold.domain.runs import queries as run_queries
from freehold.domain.runs.views import RunView, views
from freehold.kit.problems import Invalid
from freehold.storage.transaction import Transaction

MOST_ORDERS = 5


class Question(NamedTuple):
    """`filter` and `order` in Azure's language. `after`: the place that the page before ended at."""

    filter: str | None = None
    order: str | None = None
    limit: int = 500
    after: Sequence[Any] | None = None


class Within(NamedTuple):
    """Where to look: one of the three, or nothing for the whole workspace."""

    experiment_row: int | None = None
    parent_row: int | None = None
    target: str | None = None


class FoundRuns(NamedTuple):
    """`roots`: by the run's row, the run id at the top of its line of parents."""

    runs: list[RunView]
    roots: dict[int, str]
    next_place: list[Any] | None


class FoundExperiments(NamedTuple):
    experiments: list[ExperimentView]
    next_place: list[Any] | None


def list_runs(db: Transaction, workspace: WorkspaceRef, within: Within, question: Question) -> FoundRuns:
    """Raises Invalid for a filter or an order that cannot be read."""
    page = queries.list_runs(
        db,
        workspace.workspace_id,
        read_filter(question.filter),
        _orders(question),
        scope=_scope(within),
        limit=question.limit,
        after=question.after,
    )
    found = views(db, workspace, page.rows)
    return FoundRuns(found, roots_of(db, workspace, found), page.next_place)


def list_experiments(
    db: Transaction, workspace: WorkspaceRef, question: Question, *, archived: bool | None
) -> FoundExperiments:
    """`archived`: True only those, False all others, None both."""
    page = queries.list_experiments(
        db,
        workspace.workspace_id,
        read_filter(question.filter),
        _orders(question),
        archived=archived,
        limit=question.limit,
        after=question.after,
    )
    return FoundExperiments(experiments.views(db, workspace, page.rows), page.next_place)


def count_runs(db: Transaction, workspace: WorkspaceRef, experiment_row: int, filter_: str | None) -> dict[str, int]:
    """How many runs of the experiment stand in each status."""
    scope = queries.in_experiment(experiment_row)
    return queries.count_by_status(db, workspace.workspace_id, read_filter(filter_), scope)


def has_runs(db: Transaction, workspace: WorkspaceRef, experiment_row: int) -> bool:
    """Also runs that MLflow's delete has set aside."""
    return run_queries.has_runs(db, workspace.workspace_id, experiment_row)


def roots_of(db: Transaction, workspace: WorkspaceRef, runs: Sequence[RunView]) -> dict[int, str]:
    """By row, the run id at the top of each run's line of parents."""
    roots = {run.row_id: run.run_id for run in runs}
    children = [run.row_id for run in runs if run.parent_run_id is not None]
    return roots | (run_queries.roots_of(db, workspace.workspace_id, children) if children else {})


def _scope(within: Within) -> Any:
    if within.experiment_row is not None:
        return queries.in_experiment(within.experiment_row)
    if within.parent_row is not None:
        return queries.below_run(within.parent_row)
    return queries.on_target(within.target) if within.target is not None else None


def _orders(question: Question) -> list[Any]:
    orders = read_order(question.order)
    if len(orders) > MOST_ORDERS:
        raise Invalid("InvalidOrderBy", f"At most {MOST_ORDERS} orders are allowed; this has {len(orders)}.")
    return list(orders)
