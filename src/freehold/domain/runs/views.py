"""A run as façades print it: its row, its author joined in, its maps."""

from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.access.authors import Author, author_of
from freehold.domain.runs import queries
from freehold.storage.transaction import Transaction

USER_TAG = "mlflow.user"


class RunView(NamedTuple):
    """Times are microseconds UTC. `alias` is the name the client wrote for its user, if it wrote one."""

    row_id: int
    run_id: str
    run_number: int
    name: str
    description: str | None
    status: str
    experiment_id: str
    experiment_name: str
    parent_run_id: str | None
    data_container_id: str
    run_type: str | None
    target: str | None
    script_name: str | None
    details: dict[str, Any]
    hidden_in_lists: bool
    author: Author | None
    alias: str | None
    created_at: int
    started_at: int | None
    ended_at: int | None
    deleted_at: int | None
    parameters: dict[str, str]
    tags: dict[str, str]
    properties: dict[str, str]


def views(db: Transaction, workspace: WorkspaceRef, rows: list[sa.Row[Any]]) -> list[RunView]:
    """Rows of queries.select_runs as views; their maps are read together."""
    entries = queries.entries_of(db, workspace.workspace_id, [row.row_id for row in rows])
    return [_view(db, row, *entries[row.row_id]) for row in rows]


def _view(
    db: Transaction,
    row: sa.Row[Any],
    parameters: dict[str, str],
    tags: dict[str, str],
    properties: dict[str, str],
) -> RunView:
    if row.author is not None:
        tags = {USER_TAG: row.author} | tags
    return RunView(
        row.row_id,
        row.run_id,
        row.run_number,
        row.name,
        row.description,
        row.status,
        row.experiment_id,
        row.experiment_name,
        row.parent_run_id,
        row.data_container_id,
        row.run_type,
        row.target,
        row.script_name,
        row.details or {},
        row.hidden_in_lists,
        author_of(db, row),
        row.author,
        row.created_at,
        row.started_at,
        row.ended_at,
        row.deleted_at,
        parameters,
        tags,
        properties,
    )
