"""An export that is under way for as long as a test likes."""

from typing import Any

from freehold.operations import queries
from freehold.operations.model import Progress, State
from freehold.records.lifecycle import ExportLease
from freehold.storage.transaction import Transaction
from tests.conftest import House

EXPORT = "an export"


def take_lease(house: House, operation_id: str = EXPORT) -> None:
    house.database.write_now(lambda db: _begin(db, house.workspace.workspace_id, operation_id))


def end_export(house: House) -> None:
    """As if its process had died before it gave the lease back."""
    house.database.write_now(lambda db: queries.change(db, EXPORT, {"state": State.FAILED}))


def add_operation(db: Transaction, operation_id: str, kind: str) -> None:
    values: dict[str, Any] = dict.fromkeys(("step", "scope"), "") | dict.fromkeys(
        ("created_at", "updated_at"), db.now()
    )
    progress = queries.stored_progress(Progress(), None)
    values |= {"operation_id": operation_id, "target_id": "t", "kind": kind, "state": State.RUNNING, "fence": 0}
    queries.add(db, values | {"options": {}, "progress": progress})


def _begin(db: Transaction, workspace_id: int, operation_id: str) -> None:
    add_operation(db, operation_id, "export")
    db.execute(ExportLease.table.insert().values(workspace_id=workspace_id, operation_id=operation_id))
