"""What a legal hold forbids to whoever removes or writes over a part of what it covers. Erasures ask by their plans."""

from collections.abc import Mapping
from typing import Any

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.holds import queries
from freehold.domain.holds.rules import UnderHold, loses
from freehold.records.catalogue import Record
from freehold.storage.transaction import Transaction


def refuse_loss(
    db: Transaction,
    workspace: WorkspaceRef,
    record: type[Record],
    row_id: int,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
) -> None:
    """Before `new` takes the place of `old` in what hangs on the row. Raises UnderHold where that loses something."""
    if loses(old, new):
        refuse_held(db, workspace, record, row_id)


def refuse_held(db: Transaction, workspace: WorkspaceRef, record: type[Record], row_id: int) -> None:
    """Before the row, or something that hangs on it, goes. Raises UnderHold."""
    queries.lock_containers(db, workspace.workspace_id, shared=True)
    if queries.is_held(db, workspace.workspace_id, record, row_id):
        raise UnderHold
