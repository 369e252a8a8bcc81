"""Rows of sealed secrets, by the document that they belong to."""

from collections.abc import Mapping, Sequence
from functools import cache
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
    here = _here(workspace_id, None if record is None else link_to(record), [row_id])
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
    found = db.execute(_select(None if record is None else link_to(record)), {"here": workspace_id, "rows": rows})
    return [(each.owner, each.name, each.value) for each in found]


def link_to(record: type[Record]) -> sa.Column[Any]:
    column: sa.Column[Any] = SealedSecret.table.c[f"{record.table.name.removesuffix('s')}_row"]
    return column


@cache
# allow-workspace: because it is built once for all workspaces, each of which is a parameter of it
def _select(link: sa.Column[Any] | None) -> sa.Select[Any]:
    row: sa.ColumnElement[Any] = sa.literal(0) if link is None else link
    found = sa.select(row.label("owner"), _s.name, _s.value).order_by(_s.row_id)
    return found.where(_here(sa.bindparam("here"), link, sa.bindparam("rows", expanding=True)))


def _here(workspace_id: Any, link: sa.Column[Any] | None, rows: Any) -> sa.ColumnElement[bool]:
    if link is not None:
        return sa.and_(checked(_s.workspace_id) == workspace_id, link.in_(rows))
    links = [c for c in SealedSecret.table.columns if c.name.endswith("_row")]
    return sa.and_(_s.workspace_id == workspace_id, *(link.is_(None) for link in links))
