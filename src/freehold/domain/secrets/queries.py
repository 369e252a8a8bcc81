"""Rows of sealed secrets, by the document that they belong to."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from freehold.records.catalogue import Record
from freehold.records.secrets import SealedSecret
from freehold.storage.portable import checked
from freehold.storage.transaction import Transaction

_s = SealedSecret.c


def replace(
    db: Transaction, workspace_id: int, record: type[Record] | None, row_id: int, sealed: Mapping[str, bytes]
) -> None:
    """`record` None: secrets of the container itself."""
    here = _here(workspace_id, record, [row_id])
    db.execute(SealedSecret.table.delete().where(here))
    now = db.now()
    link = {} if record is None else {link_to(record).name: row_id}
    rows = [
        {"workspace_id": workspace_id, "name": name, "value": value, "created_at": now, "updated_at": now, **link}
        for name, value in sealed.items()
    ]
    if rows:
        db.execute(SealedSecret.table.insert(), rows)


def select(
    db: Transaction, workspace_id: int, record: type[Record] | None, rows: Sequence[int]
) -> list[tuple[int, str, bytes]]:
    """(document's row, name, sealed value)."""
    row: sa.ColumnElement[Any] = sa.literal(0) if record is None else link_to(record)
    found = (
        sa.select(row.label("owner"), _s.name, _s.value).where(_here(workspace_id, record, rows)).order_by(_s.row_id)
    )
    return [(each.owner, each.name, each.value) for each in db.execute(found)]


def link_to(record: type[Record]) -> sa.Column[Any]:
    column: sa.Column[Any] = SealedSecret.table.c[f"{record.table.name.removesuffix('s')}_row"]
    return column


def _here(workspace_id: int, record: type[Record] | None, rows: Sequence[int]) -> sa.ColumnElement[bool]:
    if record is not None:
        return sa.and_(checked(_s.workspace_id) == workspace_id, link_to(record).in_(rows))
    links = [c for c in SealedSecret.table.columns if c.name.endswith("_row")]
    return sa.and_(_s.workspace_id == workspace_id, *(link.is_(None) for link in links))
