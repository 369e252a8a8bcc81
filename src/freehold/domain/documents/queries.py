"""Statements on documents of any noun: standing rows of one workspace, found, paged and changed; their labels."""

from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access import queries as access
from freehold.domain.documents.rules import split_version
from freehold.records.assets import Label, VersionCounter
from freehold.records.catalogue import Record
from freehold.records.containers import Workspace
from freehold.storage.portable import checked, upsert
from freehold.storage.sorting import SortColumn, is_after
from freehold.storage.transaction import Transaction

TAG, PROPERTY = "tag", "property"


class Order(StrEnum):
    """The orders that a list of documents may have, by the names that clients give them."""

    CREATED_DOWN = "CreatedAtDesc"
    CREATED_UP = "CreatedAtAsc"
    UPDATED_DOWN = "UpdatedAtDesc"
    UPDATED_UP = "UpdatedAtAsc"


class Paging(NamedTuple):
    """`after`: the place that the page before ended at."""

    limit: int = 100
    after: Sequence[Any] | None = None
    order: Order = Order.CREATED_DOWN


class Having(NamedTuple):
    """Labels to look for: key and value, or key alone (None)."""

    tags: Sequence[tuple[str, str | None]] = ()
    properties: Sequence[tuple[str, str | None]] = ()


ANY_LABELS = Having()


class Page(NamedTuple):
    """`next_place`: where the page after this one begins; None where nothing follows."""

    rows: list[sa.Row[Any]]
    next_place: list[Any] | None


def select_documents(workspace_id: int, record: type[Record], *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Standing documents with their authors joined in; add your own where."""
    return _select(record, *more).where(record.c.workspace_id == workspace_id)


# allow-workspace: because whoever calls it adds the workspace, to search by or only to check
def _select(record: type[Record], *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    c = record.c
    columns = (*record.table.columns, *access.AUTHOR_COLUMNS, *more)
    source = access.with_authors(record.table, c.created_by)
    return sa.select(*columns).select_from(source).where(c.hidden_at.is_(None))


def find(
    db: Transaction, workspace_id: int, record: type[Record], *conditions: sa.ColumnElement[bool]
) -> sa.Row[Any] | None:
    return db.execute(select_documents(workspace_id, record).where(*conditions).limit(1)).first()


def find_newest(
    db: Transaction, workspace_id: int, record: type[Record], *conditions: sa.ColumnElement[bool]
) -> sa.Row[Any] | None:
    query = select_documents(workspace_id, record).where(*conditions)
    return db.execute(query.order_by(record.c.row_id.desc()).limit(1)).first()


def find_named(db: Transaction, workspace_id: int, record: type[Record], name: str) -> sa.Row[Any] | None:
    """One of those with versions: by `name:version`, by its id, or by its name alone, then the newest.

    One question after the other, each of which an index answers: asked as one, it would look at every row.
    """
    c, own_id = record.c, record.c[f"{record.table.name.removesuffix('s')}_id"]
    stem, version = split_version(name)
    if version is not None:
        return find(db, workspace_id, record, c.name == stem, c.version == version)
    by_id = find(db, workspace_id, record, own_id == name)
    if by_id is not None:
        return by_id
    named = select_documents(workspace_id, record).where(c.name == name)
    return db.execute(named.order_by(c.version.desc()).limit(1)).first()


def find_rows(db: Transaction, workspace_id: int, record: type[Record], rows: Sequence[int]) -> list[sa.Row[Any]]:
    """Those that stand, in no order."""
    named = (checked(record.c.workspace_id) == workspace_id, record.c.row_id.in_(rows))
    return list(db.execute(_select(record).where(*named))) if rows else []


def find_page(
    db: Transaction,
    workspace_id: int,
    record: type[Record],
    paging: Paging,
    *conditions: sa.ColumnElement[bool],
    labels: Having = ANY_LABELS,
) -> Page:
    limit, after, order = paging
    columns = _columns(record, order)
    query = select_documents(workspace_id, record).where(*conditions, *_having(workspace_id, record, labels))
    if after is not None:
        query = query.where(is_after(columns, after))
    rows = list(db.execute(query.order_by(*(column.clause() for column in columns)).limit(limit + 1)))
    if len(rows) <= limit:
        return Page(rows, None)
    last = rows[limit - 1]
    moment = last.created_at if order in (Order.CREATED_DOWN, Order.CREATED_UP) else last.updated_at
    return Page(rows[:limit], [moment, last.row_id])


def is_standing(db: Transaction, workspace_id: int) -> bool:
    """Whether the workspace itself is not being erased."""
    found = sa.select(Workspace.c.hidden_at).where(Workspace.c.workspace_id == workspace_id)
    row = db.execute(found).first()
    return row is not None and row.hidden_at is None


def add(db: Transaction, workspace_id: int, record: type[Record], values: Mapping[str, Any]) -> int:
    key = db.execute(record.table.insert().values({**values, "workspace_id": workspace_id})).inserted_primary_key
    assert key is not None
    return int(key[-1])


def change(db: Transaction, workspace_id: int, record: type[Record], row_id: int, values: Mapping[str, Any]) -> None:
    here = sa.and_(record.c.workspace_id == workspace_id, record.c.row_id == row_id)
    db.execute(record.table.update().where(here).values(dict(values)))


def remove(db: Transaction, workspace_id: int, record: type[Record], *conditions: sa.ColumnElement[bool]) -> int:
    return db.execute(record.table.delete().where(record.c.workspace_id == workspace_id, *conditions)).rowcount


def keys_of(db: Transaction, workspace_id: int, column: sa.ColumnElement[Any], *conditions: Any) -> list[Any]:
    """Values of one column of rows of the workspace, in order of their rows."""
    table = column.table
    found = sa.select(column).where(table.c.workspace_id == workspace_id, *conditions)
    return list(db.execute(found.order_by(table.c.row_id)).scalars())


def labels_of(
    db: Transaction, workspace_id: int, record: type[Record], rows: Sequence[int]
) -> dict[int, dict[str, dict[str, str]]]:
    """row → kind → key → value."""
    if not rows:
        return {}
    link = link_to(record)
    found = (
        sa.select(link.label("row"), Label.c.kind, Label.c.key, Label.c.value)
        .where(checked(Label.c.workspace_id) == workspace_id, link.in_(rows))
        .order_by(Label.c.row_id)
    )
    labels: dict[int, dict[str, dict[str, str]]] = {row: {TAG: {}, PROPERTY: {}} for row in rows}
    for each in db.execute(found):
        labels[each.row][each.kind][each.key] = each.value
    return labels


def put_labels(
    db: Transaction, workspace_id: int, record: type[Record], row_id: int, kind: str, labels: Mapping[str, str]
) -> None:
    """In place of all of the kind that stand."""
    link = link_to(record)
    here = sa.and_(Label.c.workspace_id == workspace_id, link == row_id, Label.c.kind == kind)
    db.execute(Label.table.delete().where(here))
    rows = [
        {"workspace_id": workspace_id, link.name: row_id, "kind": kind, "key": key, "value": value}
        for key, value in labels.items()
    ]
    if rows:
        db.execute(Label.table.insert(), rows)


def labelled(workspace_id: int, record: type[Record], kind: str, key: str, value: str | None) -> sa.ColumnElement[bool]:
    """Documents with the label; of any value where `value` is None."""
    c = Label.c
    named = sa.and_(c.workspace_id == workspace_id, c.kind == kind, c.key == key, link_to(record).is_not(None))
    found = sa.select(link_to(record)).where(named if value is None else sa.and_(named, c.value == value))
    return record.c.row_id.in_(found)


def _having(workspace_id: int, record: type[Record], wanted: Having) -> Iterator[sa.ColumnElement[bool]]:
    for kind, pairs in ((TAG, wanted.tags), (PROPERTY, wanted.properties)):
        for key, value in pairs:
            yield labelled(workspace_id, record, kind, key, value)


def link_to(record: type[Record]) -> sa.Column[Any]:
    """The column by which a label hangs on a document of this record."""
    column: sa.Column[Any] = Label.table.c[f"{record.table.name.removesuffix('s')}_row"]
    return column


def take_version(db: Transaction, workspace_id: int, digest: bytes) -> int:
    """The next version under this digest, from 1."""
    new = upsert(db.connection, VersionCounter.table).values(workspace_id=workspace_id, digest=digest, next_version=2)
    counted = new.on_conflict_do_update(
        index_elements=["workspace_id", "digest"],
        set_={"next_version": VersionCounter.c.next_version + 1},
    ).returning(VersionCounter.c.next_version)
    return int(db.execute(counted).scalar_one()) - 1


def raise_version(db: Transaction, workspace_id: int, digest: bytes, next_version: int) -> None:
    """The counter goes on from there, unless it is further already."""
    table = VersionCounter.table
    new = upsert(db.connection, table).values(workspace_id=workspace_id, digest=digest, next_version=next_version)
    raised = new.on_conflict_do_update(
        index_elements=["workspace_id", "digest"],
        set_={"next_version": next_version},
        where=table.c.next_version < next_version,
    )
    db.execute(raised)


def _columns(record: type[Record], order: Order) -> list[SortColumn]:
    is_down = order in (Order.CREATED_DOWN, Order.UPDATED_DOWN)
    moment = record.c.created_at if order in (Order.CREATED_DOWN, Order.CREATED_UP) else record.c.updated_at
    return [SortColumn(moment, is_down), SortColumn(record.c.row_id, is_down)]
