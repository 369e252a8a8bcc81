"""The audit log: an entry says who did what by ids; its leaf keeps the log whole when the entry is erased."""

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any

from freehold.domain.access.actor import Actor
from freehold.domain.access.members import member_of
from freehold.kit.canonical import canonical_json
from freehold.records.audit import AuditEntry, LogLeaf
from freehold.records.telemetry import TelemetryRecord
from freehold.storage.transaction import Transaction


def record(db: Transaction, actor: Actor | None, workspace_id: int, action: str, target_id: str | None = None) -> None:
    """Append an entry. `action` is a fixed word; `target_id` a random id, never a name."""
    entry = {
        "workspace_id": workspace_id,
        "salt": secrets.token_bytes(32),
        "action": action,
        "target_id": target_id,
        "member_row": member_of(db, actor, workspace_id) if actor else None,
        "happened_at": db.now(),
    }
    db.execute(AuditEntry.table.insert().values(entry | {"leaf_row": add_leaf(db, entry)}))


def add_leaf(db: Transaction, entry: Mapping[str, Any]) -> int:
    """The row of a new leaf for these columns of an entry. An import gives each entry that it brings a leaf here."""
    told = {
        "action": entry["action"],
        "target": entry["target_id"],
        "member": entry["member_row"],
        "at": entry["happened_at"],
        "workspace": entry["workspace_id"],
    }
    leaf = hashlib.sha256(entry["salt"] + canonical_json(told)).digest()
    row = db.execute(LogLeaf.table.insert().values(leaf=leaf, created_at=db.now())).inserted_primary_key
    assert row is not None
    return int(row[-1])


def note_interaction(db: Transaction, actor: Actor, workspace_id: int, interaction: str) -> None:
    """A telemetry record: which lifecycle verb was used, by whom, when. It never leaves this server."""
    db.execute(
        TelemetryRecord.table.insert().values(
            workspace_id=workspace_id,
            member_row=member_of(db, actor, workspace_id),
            interaction=interaction,
            happened_at=db.now(),
        )
    )
