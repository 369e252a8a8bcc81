"""The audit log: an entry says who did what by ids; its leaf keeps the log whole when the entry is erased."""

import hashlib
import secrets

from freehold.domain.access.actor import Actor
from freehold.domain.access.members import member_of
from freehold.kit.canonical import canonical_json
from freehold.records.audit import AuditEntry, LogLeaf
from freehold.records.telemetry import TelemetryRecord
from freehold.storage.transaction import Transaction


def record(db: Transaction, actor: Actor | None, workspace_id: int, action: str, target_id: str | None = None) -> None:
    """Append an entry. `action` is a fixed word; `target_id` a random id, never a name."""
    now, salt = db.now(), secrets.token_bytes(32)
    member = member_of(db, actor, workspace_id) if actor else None
    entry = {"action": action, "target": target_id, "member": member, "at": now, "workspace": workspace_id}
    leaf = hashlib.sha256(salt + canonical_json(entry)).digest()
    leaf_row = db.execute(LogLeaf.table.insert().values(leaf=leaf, created_at=now)).inserted_primary_key
    db.execute(
        AuditEntry.table.insert().values(
            workspace_id=workspace_id,
            leaf_row=leaf_row[0] if leaf_row else None,
            salt=salt,
            action=action,
            target_id=target_id,
            member_row=member,
            happened_at=now,
        )
    )


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
