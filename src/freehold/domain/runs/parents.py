"""The parent of a run, as a link and as clients write it once more among tags and properties."""

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.forgetting.service import is_forgotten
from freehold.domain.runs import queries
from freehold.records.runs import RunProperty, RunTag
from freehold.storage.transaction import Transaction

PARENT_TAG = "mlflow.parentRunId"
"""How MLflow's clients say whose child a run is: they have no other word for it."""


def row_of_parent(db: Transaction, workspace: WorkspaceRef, run_id: str | None) -> int | None:
    """A parent that is not (or no more) here is no fault: its child stands by itself."""
    found = queries.find_writable(db, workspace.workspace_id, run_id) if run_id else None
    return found[0] if found else None


def new_parent(db: Transaction, workspace: WorkspaceRef, run_row: int, run_id: str | None) -> int | None:
    """As `row_of_parent`, for a run that stands: none of those below it can be its parent, nor can itself."""
    found = row_of_parent(db, workspace, run_id)
    is_below = found is not None and run_row in queries.line_of(db, workspace.workspace_id, found)
    return None if is_below else found


def without_erased(
    db: Transaction, workspace: WorkspaceRef, record: type[RunTag] | type[RunProperty], entries: dict[str, str]
) -> dict[str, str]:
    """The entries but those that name an erased run as a parent. What a late writer repeats is not brought back."""
    names = record.repeats()["value"].names & entries.keys()
    lost = {name for name in names if _is_erased(db, workspace, entries[name])}
    return {key: value for key, value in entries.items() if key not in lost} if lost else entries


def _is_erased(db: Transaction, workspace: WorkspaceRef, run_id: str) -> bool:
    """Or hidden: its row stands until the erasure has come to it."""
    if row_of_parent(db, workspace, run_id) is not None:
        return False
    is_hidden = queries.is_id_taken(db, workspace.workspace_id, run_id)
    return is_hidden or is_forgotten(db, "run", workspace.public_id, run_id)
