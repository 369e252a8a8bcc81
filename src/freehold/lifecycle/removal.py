"""Deleting rows by what the catalogue's links say; names no table. Used by erasure and by retention.

With a row go: links to it that are shallow (set to null), rows whose text repeats those, and what it referred to by
counting, if nobody else does. Objects that lose their row are doomed in the same transaction; their bytes follow.

A statement takes longer to put together than to run, and all that write wait meanwhile: so each is made once.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache, cached_property, partial
from typing import Any

import sqlalchemy as sa

from freehold.domain.artifacts import queries as artifact_queries
from freehold.kit.faults import passing
from freehold.lifecycle.reach import OWNED, Pointer, Reach, pointers_to, stands
from freehold.lifecycle.repeats import Repeated, repeated
from freehold.lifecycle.selection import HIDDEN, key_of
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import Link, LinkKind
from freehold.storage.portable import Prepared, among, gathered, locked
from freehold.storage.transaction import Transaction

CHILDREN_AT_ONCE = 2_000
OBJECTS = "objects"
ALONE = 5
"""So many times the limit may go of rows that nothing hangs on: each costs a fraction of the others."""
_LETTING_GO = {LinkKind.SHALLOW, LinkKind.REFCOUNT, LinkKind.RESTRICT}


class Removal:
    """Of the rows of one record that meet a condition, which may speak of what each removal is given (`keys`).

    Tables of `also` go anyhow: nothing is counted there. `with_children`: what hangs on the rows goes first, however
    much it is; else it must be gone already.
    """

    def __init__(
        self,
        going: type[Record],
        condition: sa.ColumnElement[bool],
        *,
        also: frozenset[str] = frozenset(),
        with_children: bool = False,
    ) -> None:
        self.going = going
        self._with_children = with_children
        self._counting = [name for name, link in going.links().items() if _is_counted(link, also)]
        self._objects = object_column(going)
        key, limit = key_of(going.table), sa.bindparam("limit", 1, sa.Integer())
        chosen = sa.select(key).where(condition).limit(limit)
        columns = [going.table.c[name] for name in self._counting]
        columns += [self._objects] if self._objects is not None else []
        self._is_alone = not columns and not pointers_to(going)
        self._look = Prepared(lambda _: chosen)
        if self._is_alone:
            self._take = Prepared(lambda _: sa.delete(going.table).where(key.in_(chosen.correlate(None))))
        else:
            self._take = Prepared(lambda _: _as_one_value(chosen.add_columns(*columns)))

    def prepare(self, bind: sa.Engine | sa.Connection) -> None:
        """Compile its statements now, away from the thread that all wait for."""
        statements = [self._look, self._take]
        if not self._is_alone:
            statements += _cut(self.going).statements()
        for name in self._counting:
            counted = _cut(self._counted(name))
            statements += (counted.lock, counted.unneeded._take, *counted.statements())
        for each in statements:
            each.prepare(bind)

    def is_any_left(self, db: Transaction) -> bool:
        return self._look.result(db.connection, {"limit": 1}).first() is not None

    def remove(self, db: Transaction, limit: int, **given: Sequence[int] | int) -> Counter[str]:
        """About `limit` rows. How many went of which table, with what went along, and how many OBJECTS lost their
        row: whoever removes their bytes, this or a sweep, they go."""
        if self._is_alone:
            return self._remove_alone(db, {"limit": limit * ALONE, **given})
        rows = self._fetched(db, {"limit": limit, **given})
        if not rows:
            return Counter()
        keys = [row[0] for row in rows]
        gone = Counter({str(self.going.table.name): len(rows)})
        cut = _cut(self.going)
        if self._with_children:
            for each in cut.children:
                while more := each.remove(db, CHILDREN_AT_ONCE, keys=keys):
                    gone += more
        gone += cut.unlink(db, keys)
        passing("erase:links:cut")
        cut.delete(db, keys)
        passing("erase:rows:deleted")
        for place, name in enumerate(self._counting, 1):
            released = {row[place] for row in rows if row[place] is not None}
            gone += _release(db, self._counted(name), sorted(released))
        if self._objects is not None:
            artifact_queries.doom(db, [row[-1] for row in rows])
            gone[OBJECTS] += len(rows)
            passing("erase:objects:doomed")
        return gone

    def _counted(self, name: str) -> type[Record]:
        return catalogue()[self.going.links()[name].to]

    def _fetched(self, db: Transaction, given: dict[str, Any]) -> list[list[Any]]:
        rows: list[list[Any]] = json.loads(self._take.result(db.connection, given).scalar() or "[]")
        return rows

    def _remove_alone(self, db: Transaction, given: dict[str, Any]) -> Counter[str]:
        """Rows that nothing refers to or hangs on: their keys are not even fetched."""
        number = self._take.result(db.connection, given).rowcount
        passing("erase:rows:deleted")
        return Counter({str(self.going.table.name): number}) if number else Counter()


def _as_one_value(chosen: sa.Select[Any]) -> sa.Select[Any]:
    """Its rows, as one value of one row: the writer would stop and go on at each, amid the threads that answer
    clients."""
    return sa.select(gathered(*chosen.subquery().c))


def object_column(record: type[Record]) -> sa.Column[Any] | None:
    """The column that holds the key of an object that the row owns."""
    return next((column for column in record.table.columns if "object_prefix" in column.info), None)


def _is_counted(link: Link, also: frozenset[str]) -> bool:
    """A root that lives by its referrers (a model's asset) was planned with the last of them: it goes by itself."""
    is_root = HIDDEN in catalogue()[link.to].table.c
    return link.kind is LinkKind.REFCOUNT and link.to not in also and not is_root


def _release(db: Transaction, counted: type[Record], keys: list[int]) -> Counter[str]:
    """Of the rows that have lost a referrer, those without another go too, and their objects are doomed. Two that each
    take away a referrer would both find the other's, so the second waits."""
    if not keys:
        return Counter()
    cut = _cut(counted)
    locked(db.connection, cut.lock, {"keys": keys})
    return cut.unneeded.remove(db, len(keys), keys=keys)


def release(db: Transaction, reach: Reach) -> None:
    """Whatever stands and refuses lets go: it did before the erasure that a restore repeats, or there was none."""
    for pointer, refuses in reach.restricting():
        if _lets_go(pointer):
            db.execute(sa.update(pointer.source.table).where(refuses).values({pointer.column.name: None}))
        else:
            db.execute(sa.delete(pointer.source.table).where(refuses))


class _Cut:
    """What is done to the rows of one record, given their `keys`, and to what refers to them."""

    def __init__(self, going: type[Record]) -> None:
        self._going = going
        self._pointers = pointers_to(going)
        key = key_of(going.table)
        here = among(key)
        self._delete = Prepared(lambda _: sa.delete(going.table).where(here))
        self.lock = Prepared(lambda _: sa.select(key).where(here).order_by(key).with_for_update())
        self._repeating = [(each.record, Prepared(partial(_keys, each))) for each in repeated(going, here)]
        self._letting_go = [Prepared(partial(_null, each)) for each in self._pointers if _lets_go(each)]
        self._refusing = [
            (str(each.source.table.name), Prepared(partial(_refused, each)))
            for each in self._pointers
            if each.kind is LinkKind.RESTRICT and not _lets_go(each)
        ]

    def statements(self) -> Iterator[Prepared]:
        yield from (self._delete, *self._letting_go)
        yield from (each for _, each in (*self._repeating, *self._refusing))

    @cached_property
    def children(self) -> list[Removal]:
        """What hangs on the rows."""
        owned = (each for each in self._pointers if each.kind in OWNED)
        return [Removal(each.source, among(each.column), with_children=True) for each in owned]

    @cached_property
    def unneeded(self) -> Removal:
        """Of the rows, those that nobody refers to by counting any more, with what hangs on them (sealed secrets of a
        graph)."""
        key = key_of(self._going.table)
        referrers = [each.column for each in self._pointers if each.kind is LinkKind.REFCOUNT]
        alone = (key.not_in(sa.select(each).where(among(each))) for each in referrers)
        return Removal(self._going, sa.and_(among(key), *alone), with_children=True)

    def unlink(self, db: Transaction, keys: list[int]) -> Counter[str]:
        """What refers to the rows lets go of them, and what repeats such a link goes with it. What refused to lose
        them is hidden by now and about to go itself: how many such rows went. Raises IntegrityError where it is not."""
        gone: Counter[str] = Counter()
        for record, saying in self._repeating:
            said = list(saying.result(db.connection, {"keys": keys}).scalars())
            _cut(record).delete(db, said)
            gone[str(record.table.name)] += len(said)
        for each in self._letting_go:
            each.result(db.connection, {"keys": keys})
        for name, refusing in self._refusing:
            gone[name] += refusing.result(db.connection, {"keys": keys}).rowcount
        return gone

    def delete(self, db: Transaction, keys: list[int]) -> None:
        if keys:
            self._delete.result(db.connection, {"keys": keys})


def _cut(going: type[Record]) -> _Cut:
    return _cuts(tuple(catalogue().values()))[str(going.table.name)]


@cache
def _cuts(records: tuple[type[Record], ...]) -> dict[str, _Cut]:
    return {str(record.table.name): _Cut(record) for record in records}


def _lets_go(pointer: Pointer) -> bool:
    return pointer.kind in _LETTING_GO and bool(pointer.column.nullable)


def _keys(repeating: Repeated, _: object) -> sa.Select[Any]:
    return sa.select(key_of(repeating.record.table)).where(repeating.rows)


def _null(pointer: Pointer, _: object) -> sa.Update:
    return sa.update(pointer.source.table).where(_is_let_go(pointer)).values({pointer.column.name: None})


def _refused(pointer: Pointer, _: object) -> sa.Delete:
    return sa.delete(pointer.source.table).where(_is_let_go(pointer))


def _is_let_go(pointer: Pointer) -> sa.ColumnElement[bool]:
    """Where one stands that refused, it goes on refusing: the database then does not let go of what it refers to."""
    if pointer.kind is LinkKind.RESTRICT:
        return sa.and_(among(pointer.column), sa.not_(stands(pointer.source)))
    return among(pointer.column)
