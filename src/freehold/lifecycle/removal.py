"""Deleting rows by what the catalogue's links say; names no table. Used by erasure and by retention.

With a row go: links to it that are shallow (set to null), rows whose text repeats those, and what it referred to by
counting, if nobody else does. Objects that lose their row are doomed in the same transaction; their bytes follow.
"""

import json
from collections import Counter
from functools import partial
from typing import Any

import sqlalchemy as sa

from freehold.domain.artifacts import queries as artifact_queries
from freehold.kit.faults import passing
from freehold.lifecycle.reach import OWNED, pointers_to
from freehold.lifecycle.repeats import repeated
from freehold.lifecycle.selection import HIDDEN, key_of
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import Link, LinkKind
from freehold.storage.portable import among, gathered
from freehold.storage.transaction import Transaction

CHILDREN_AT_ONCE = 2_000
OBJECTS = "objects"
ALONE = 5
"""So many times the limit may go of rows that nothing hangs on: each costs a fraction of the others."""
_LETTING_GO = {LinkKind.SHALLOW, LinkKind.REFCOUNT, LinkKind.RESTRICT}


def remove_rows(
    db: Transaction,
    going: type[Record],
    condition: sa.ColumnElement[bool],
    limit: int,
    *,
    also: frozenset[str] = frozenset(),
    with_children: bool = False,
) -> Counter[str]:
    """Delete about `limit` rows that meet the condition; how many rows went of which table, with what went along, and
    how many OBJECTS lost their row: whoever removes their bytes, this or a sweep, they go.

    Tables of `also` go anyhow: nothing is counted there. `with_children`: what hangs on the rows goes first, however
    much it is; else it must be gone already.
    """
    counting = [name for name, link in going.links().items() if _is_counted(link, also)]
    objects = object_column(going)
    if objects is None and not counting and not pointers_to(going):
        return _remove_alone(db, going, condition, limit * ALONE)
    columns = [*(going.table.c[name] for name in counting), *([objects] if objects is not None else [])]
    rows = _fetched(db, sa.select(key_of(going.table), *columns).where(condition).limit(limit))
    if not rows:
        return Counter()
    keys = [row[0] for row in rows]
    gone = Counter({str(going.table.name): len(rows)})
    if with_children:
        gone += _remove_children(db, going, keys)
    gone += _unlink(db, going, keys)
    passing("erase:links:cut")
    _delete(db, going, keys)
    passing("erase:rows:deleted")
    for place, name in enumerate(counting, 1):
        released = {row[place] for row in rows if row[place] is not None}
        gone += _release(db, catalogue()[going.links()[name].to], sorted(released))
    if objects is not None:
        artifact_queries.doom(db, [row[-1] for row in rows])
        gone[OBJECTS] += len(rows)
        passing("erase:objects:doomed")
    return gone


def _fetched(db: Transaction, chosen: sa.Select[Any]) -> list[list[Any]]:
    """Its rows, as one value of one row: the writer would stop and go on at each, amid the threads that answer
    clients."""
    rows: list[list[Any]] = json.loads(db.execute(sa.select(gathered(*chosen.subquery().c))).scalar() or "[]")
    return rows


def _remove_alone(db: Transaction, going: type[Record], condition: sa.ColumnElement[bool], limit: int) -> Counter[str]:
    """Rows that nothing refers to or hangs on: their keys are not even fetched."""
    chosen = sa.select(key_of(going.table)).where(condition).limit(limit).correlate(None)
    number = db.execute(sa.delete(going.table).where(key_of(going.table).in_(chosen))).rowcount
    passing("erase:rows:deleted")
    return Counter({str(going.table.name): number}) if number else Counter()


def object_column(record: type[Record]) -> sa.Column[Any] | None:
    """The column that holds the key of an object that the row owns."""
    return next((column for column in record.table.columns if "object_prefix" in column.info), None)


def _is_counted(link: Link, also: frozenset[str]) -> bool:
    """A root that lives by its referrers (a model's asset) was planned with the last of them: it goes by itself."""
    is_root = HIDDEN in catalogue()[link.to].table.c
    return link.kind is LinkKind.REFCOUNT and link.to not in also and not is_root


def _remove_children(db: Transaction, going: type[Record], keys: list[int]) -> Counter[str]:
    gone: Counter[str] = Counter()
    for pointer in pointers_to(going):
        if pointer.kind in OWNED:
            below = among(db.connection, pointer.column, keys)
            while more := remove_rows(db, pointer.source, below, CHILDREN_AT_ONCE, with_children=True):
                gone += more
    return gone


def _unlink(db: Transaction, going: type[Record], keys: list[int]) -> Counter[str]:
    """What refers to the rows lets go of them, and what repeats such a link goes with it. What refused to lose them is
    hidden by now and about to go itself: how many such rows went."""
    gone: Counter[str] = Counter()
    for each in repeated(going, among(db.connection, key_of(going.table), keys)):
        said = list(db.execute(sa.select(key_of(each.record.table)).where(each.rows)).scalars())
        _delete(db, each.record, said)
        gone[str(each.record.table.name)] += len(said)
    for pointer in pointers_to(going):
        here = among(db.connection, pointer.column, keys)
        if pointer.kind in _LETTING_GO and pointer.column.nullable:
            db.execute(sa.update(pointer.source.table).where(here).values({pointer.column.name: None}))
        elif pointer.kind is LinkKind.RESTRICT:
            gone[str(pointer.source.table.name)] += db.execute(sa.delete(pointer.source.table).where(here)).rowcount
    return gone


def _delete(db: Transaction, going: type[Record], keys: list[int]) -> None:
    if keys:
        db.execute(sa.delete(going.table).where(among(db.connection, key_of(going.table), keys)))


def _release(db: Transaction, counted: type[Record], keys: list[int]) -> Counter[str]:
    """Of the rows that have lost a referrer, those without another go too with what hangs on them (sealed secrets of
    a graph), and their objects are doomed."""
    if not keys:
        return Counter()
    key = key_of(counted.table)
    referrers = [pointer.column for pointer in pointers_to(counted) if pointer.kind is LinkKind.REFCOUNT]
    named = partial(among, db.connection, keys=keys)
    alone = sa.and_(named(key), *(key.not_in(sa.select(c).where(named(c))) for c in referrers))
    return remove_rows(db, counted, alone, len(keys), with_children=True)
