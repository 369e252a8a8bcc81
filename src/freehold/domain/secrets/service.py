"""Secrets of documents: sealed under the envelope key, opened for who has the right to them."""

from collections.abc import Mapping, Sequence
from typing import Any

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.secrets import queries, rules
from freehold.domain.secrets.rules import Parted
from freehold.records.catalogue import Record
from freehold.storage.keys import KeyGone
from freehold.storage.transaction import Transaction


def keep(
    db: Transaction, workspace: WorkspaceRef, record: type[Record] | None, row_id: int, secrets: Mapping[str, str]
) -> None:
    """In place of all that the document has. `record` None: of the container itself (then `row_id` is 0)."""
    seal = db.keys.envelope.seal
    sealed = {name: seal(value.encode(), _context(workspace, name)) for name, value in secrets.items()}
    queries.replace(db, workspace.workspace_id, record, row_id, sealed)


def keep_changed(
    db: Transaction, workspace: WorkspaceRef, record: type[Record], row_id: int, before: Mapping[str, Any], said: Parted
) -> None:
    """Of fields of a document that changed, in place of what those had. Whoever may not see a secret sends a field back
    without it: that is no change. `before`: the whole document without its secrets."""
    changed = {field for field, value in said.document.items() if value != before.get(field)}
    changed |= {_field_of(name) for name in said.secrets}
    kept = secrets_of(db, workspace, record, [row_id])[row_id]
    others = {name: value for name, value in kept.items() if _field_of(name) not in changed}
    keep(db, workspace, record, row_id, others | said.secrets)


def secrets_of(
    db: Transaction, workspace: WorkspaceRef, record: type[Record] | None, rows: Sequence[int]
) -> dict[int, dict[str, str]]:
    """Row → name → value. What was sealed under a key that is gone is left out."""
    found: dict[int, dict[str, str]] = {row: {} for row in rows}
    for row, name, sealed in queries.select(db, workspace.workspace_id, record, rows):
        try:
            found[row][name] = db.keys.envelope.open_(sealed, _context(workspace, name)).decode()
        except KeyGone:
            continue
    return found


def with_secrets(
    db: Transaction, workspace: WorkspaceRef, record: type[Record], documents: Mapping[int, Any]
) -> dict[int, Any]:
    """Row → document with its secrets back in place."""
    opened = secrets_of(db, workspace, record, list(documents))
    return {row: rules.joined(document, opened[row]) for row, document in documents.items()}


def _field_of(name: str) -> str:
    return name.split("/")[1] if name.startswith("/") else ""


def _context(workspace: WorkspaceRef, name: str) -> bytes:
    """Bound to the workspace and the field: moved elsewhere, a sealed value does not open."""
    return f"freehold.secret.v1:{workspace.public_id}:{name}".encode()
