"""Statements on documents of any noun: standing rows of one workspace, found, paged and changed; their labels."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access import queries as access
from freehold.domain.documents.rules import split_version
from freehold.domain.holds.queries import lock_containers
from freehold.kit.problems import NotFound
from freehold.records.assets import Label, VersionCounter
from freehold.records.catalogue import Record, catalogue
from freehold.records.containers import Workspace
from freehold.records.rules import LinkKind
from freehold.storage.portable import checked, gathered, upsert
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


More = tuple[sa.ColumnElement[Any], ...]
"""What is read with each document of a noun, beside its own columns, author and labels. The same tuple every time."""


def find(
    db: Transaction, workspace_id: int, record: type[Record], *conditions: sa.ColumnElement[bool]
) -> sa.Row[Any] | None:
    """By conditions that are made anew for each question; `find_by` is cheaper."""
    query = _select(record.table).where(record.c.workspace_id == workspace_id, *conditions)
    return db.execute(query.limit(1)).first()


def find_newest(
    db: Transaction, workspace_id: int, record: type[Record], *conditions: sa.ColumnElement[bool]
) -> sa.Row[Any] | None:
    query = _select(record.table).where(record.c.workspace_id == workspace_id, *conditions)
    return db.execute(query.order_by(record.c.row_id.desc()).limit(1)).first()


def find_by(
    db: Transaction, workspace_id: int, record: type[Record], more: More = (), **equal: str | int
) -> sa.Row[Any] | None:
    """The document whose columns have these values."""
    return db.execute(_by(record.table, tuple(equal), more), {"here": workspace_id, **equal}).first()


def find_named(
    db: Transaction, workspace_id: int, record: type[Record], name: str, more: More = ()
) -> sa.Row[Any] | None:
    """One of those with versions: by `name:version`, by its id, or by its name alone, then the newest.

    One question after the other, each of which an index answers: asked as one, it would look at every row.
    """
    own_id = f"{record.table.name.removesuffix('s')}_id"
    stem, version = split_version(name)
    if version is not None:
        return find_by(db, workspace_id, record, more, name=stem, version=version)
    by_id = find_by(db, workspace_id, record, more, **{own_id: name})
    if by_id is not None:
        return by_id
    newest = _by(record.table, ("name",), more, highest="version")
    return db.execute(newest, {"here": workspace_id, "name": name}).first()


def find_rows(
    db: Transaction, workspace_id: int, record: type[Record], rows: Sequence[int], more: More = ()
) -> list[sa.Row[Any]]:
    """Those that stand, in no order."""
    return list(db.execute(_by_rows(record.table, more), {"here": workspace_id, "rows": rows})) if rows else []


# Statements are built once: to build one takes SQLAlchemy longer than it takes the database to answer it.
@cache
def _by(table: sa.Table, names: tuple[str, ...], more: More, *, highest: str = "") -> sa.Select[Any]:
    here = table.c.workspace_id == sa.bindparam("here")
    query = _select(table, more).where(here, *(table.c[name] == sa.bindparam(name) for name in names))
    return query.order_by(table.c[highest].desc()).limit(1) if highest else query.limit(1)


@cache
def _by_rows(table: sa.Table, more: More) -> sa.Select[Any]:
    named = table.c.row_id.in_(sa.bindparam("rows", expanding=True))
    return _select(table, more).where(checked(table.c.workspace_id) == sa.bindparam("here"), named)


@cache
# allow-workspace: because whoever calls it adds the workspace, to search by or only to check
def _select(table: sa.Table, more: More = ()) -> sa.Select[Any]:
    """Standing documents with their authors and labels."""
    columns = (*table.columns, *access.AUTHOR_COLUMNS, *_labels(table), *more)
    source = access.with_authors(table, table.c.created_by)
    return sa.select(*columns).select_from(source).where(table.c.hidden_at.is_(None))


def _labels(table: sa.Table) -> Iterator[sa.ColumnElement[Any]]:
    """The column `labels`, which `service.labels_of` reads; none where the noun has no labels."""
    link = Label.table.c.get(_name_of_link(table))
    if link is not None:
        yield hanging_on(table, link, Label.c.kind, Label.c.key, Label.c.value).label("labels")


# allow-workspace: because it is part of a statement that reads rows of one workspace, and names theirs
def hanging_on(
    table: sa.Table,
    link: "sa.ColumnClause[Any]",
    *columns: sa.ColumnElement[Any],
    where: sa.ColumnElement[bool] | None = None,
) -> sa.ScalarSelect[str | None]:
    """For `more`: columns of all rows that hang on a document by `link`, gathered, each behind its own `row_id`."""
    c = _table_of(link).c
    found = sa.select(gathered(c.row_id, *columns))
    found = found.where(checked(c.workspace_id) == table.c.workspace_id, link == table.c.row_id)
    found = found if where is None else found.where(where)
    return found.correlate(table).scalar_subquery()


# allow-workspace: because it is part of a statement that reads rows of one workspace, and names theirs
def behind(link: "sa.ColumnClause[Any]", column: "sa.ColumnClause[Any]", *conditions: Any) -> sa.ScalarSelect[Any]:
    """For `more`: a column of the one row that `link` names."""
    target, source = _table_of(column).c, _table_of(link)
    named = sa.and_(target.workspace_id == source.c.workspace_id, target.row_id == link)
    return sa.select(column).where(named, *conditions).correlate(source).scalar_subquery()


def _table_of(column: "sa.ColumnClause[Any]") -> sa.FromClause:
    table = column.table
    assert table is not None
    return table


def find_page(
    db: Transaction,
    workspace_id: int,
    record: type[Record],
    paging: Paging,
    *conditions: sa.ColumnElement[bool],
    labels: Having = ANY_LABELS,
    more: More = (),
) -> Page:
    """First where the page's documents are, by an index alone if it can be, then those documents whole."""
    limit, after, order = paging
    columns, c = _columns(record, order), record.c
    here = (c.workspace_id == workspace_id, c.hidden_at.is_(None), *_having(workspace_id, record, labels))
    query = sa.select(*(column.value for column in columns)).where(*here, *conditions)
    if after is not None:
        query = query.where(is_after(columns, after))
    places: list[Sequence[Any]] = list(
        db.execute(query.order_by(*(column.clause() for column in columns)).limit(limit + 1))
    )
    keys = [place[1] for place in places[:limit]]
    found = {row.row_id: row for row in find_rows(db, workspace_id, record, keys, more)}
    rows = [found[key] for key in keys if key in found]
    return Page(rows, list(places[limit - 1]) if len(places) > limit else None)


def is_standing(db: Transaction, workspace_id: int) -> bool:
    """Whether the workspace itself is not being erased."""
    found = sa.select(Workspace.c.hidden_at).where(Workspace.c.workspace_id == workspace_id)
    row = db.execute(found).first()
    return row is not None and row.hidden_at is None


def add(db: Transaction, workspace_id: int, record: type[Record], values: Mapping[str, Any]) -> int:
    """Raises NotFound where a thing that it will refuse to lose is on its way out."""
    _keep_needed(db, workspace_id, record, values)
    key = db.execute(record.table.insert().values({**values, "workspace_id": workspace_id})).inserted_primary_key
    assert key is not None
    return int(key[-1])


def change(db: Transaction, workspace_id: int, record: type[Record], row_id: int, values: Mapping[str, Any]) -> None:
    """Raises as `add`."""
    _keep_needed(db, workspace_id, record, values)
    here = sa.and_(record.c.workspace_id == workspace_id, record.c.row_id == row_id)
    db.execute(record.table.update().where(here).values(dict(values)))


def _keep_needed(db: Transaction, workspace_id: int, record: type[Record], values: Mapping[str, Any]) -> None:
    """What the row refuses to lose stands, and stays until this transaction ends: who hides something looks for such
    rows behind the same lock."""
    links = ((name, link.to) for name, link in record.links().items() if link.kind is LinkKind.RESTRICT)
    needed = [(catalogue()[to], values[name]) for name, to in links if values.get(name) is not None]
    if needed:
        lock_containers(db, workspace_id, shared=True)
    for other, row_id in needed:
        standing = sa.select(other.c.row_id).where(other.c.workspace_id == workspace_id, other.c.row_id == row_id)
        if db.execute(standing.where(other.c.hidden_at.is_(None))).first() is None:
            raise NotFound("ResourceNotFound", "Something that it refers to was deleted in this moment.")


def saying(
    db: Transaction, workspace_id: int, record: type[Record], fields: Iterable[str], *conditions: Any
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Row and document of those that have one of these fields, which an older release wrote there."""
    text = sa.type_coerce(record.c.document, sa.Text())
    named = sa.or_(*(text.contains(f'"{name}"', autoescape=True) for name in fields))
    found = sa.select(record.c.row_id, record.c.document).where(record.c.workspace_id == workspace_id, named)
    for row in db.execute(found.where(*conditions)).all():
        if any(name in row.document for name in fields):
            yield row.row_id, row.document


def remove(db: Transaction, workspace_id: int, record: type[Record], *conditions: sa.ColumnElement[bool]) -> int:
    return db.execute(record.table.delete().where(record.c.workspace_id == workspace_id, *conditions)).rowcount


def keys_of(db: Transaction, workspace_id: int, column: sa.ColumnElement[Any], *conditions: Any) -> list[Any]:
    """Values of one column of rows of the workspace, in order of their rows."""
    table = column.table
    found = sa.select(column).where(table.c.workspace_id == workspace_id, *conditions)
    return list(db.execute(found.order_by(table.c.row_id)).scalars())


def standing_labels(db: Transaction, workspace_id: int, record: type[Record], row_id: int, kind: str) -> dict[str, str]:
    here = sa.and_(Label.c.workspace_id == workspace_id, link_to(record) == row_id, Label.c.kind == kind)
    return {row.key: row.value for row in db.execute(sa.select(Label.c.key, Label.c.value).where(here))}


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
    column: sa.Column[Any] = Label.table.c[_name_of_link(record.table)]
    return column


def _name_of_link(table: sa.Table) -> str:
    return f"{table.name.removesuffix('s')}_row"


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
