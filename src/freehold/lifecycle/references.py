"""What a bag of one thing names beside what it covers: its documents have the ids, and some the content, of what its
rows refer to, and of what that refers to in turn (a service its image's models), and the names of what refers to any of
these where documents list that (the models made of one). Read in the snapshot, for links change: a run that has
another parent now is in a kept bag with the one it had. Derived from the catalogue's links.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache

import sqlalchemy as sa

from freehold.kit.problems import Away
from freehold.lifecycle.reach import pointers_to, stands
from freehold.lifecycle.selection import HIDDEN, WORKSPACE, Selection, key_of
from freehold.lifecycle.spool import superseded
from freehold.records.catalogue import Record, catalogue
from freehold.records.lifecycle import BEING_WRITTEN, WRITING, BagReference, KeptBag
from freehold.records.rules import LinkKind, Scope
from freehold.storage.portable import among
from freehold.storage.transaction import Transaction

REFERRING = {LinkKind.SHALLOW, LinkKind.REFCOUNT, LinkKind.RESTRICT}
References = dict[str, list[int]]
"""Record's table → keys of rows, in order."""
Chosen = tuple[type[Record], sa.ColumnElement[bool]]
"""Rows: of this record, those that meet the condition."""


def referred(db: Transaction, selection: Selection) -> References:
    """All that is referred to, however far away, or is named back. Of a whole workspace nothing: no link leaves it.

    Raises Away where it is being erased: the texts that repeat it go with its row, and would stay in the bag.
    """
    leaving = [(record, selection.rows(record)) for record in selection.exported()]
    _wait_for_erasures(db, leaving)
    if selection.chosen.scope is Scope.WORKSPACE:
        return {}
    found: dict[str, set[int]] = {}
    new = _ends(db, leaving)
    while new:
        for name, keys in new.items():
            found.setdefault(name, set()).update(keys)
        held = list(_holding(new))
        _wait_for_erasures(db, held)
        further = _ends(db, held)
        new = {name: more for name, keys in further.items() if (more := keys - found.get(name, set()))}
    for name, keys in _named_back(db, [*leaving, *_holding(found)]):
        found.setdefault(name, set()).update(keys)
    return {name: sorted(keys) for name, keys in sorted(found.items()) if keys}


def note(db: Transaction, operation_id: str, references: Mapping[str, Sequence[int]]) -> None:
    """From now on the bag goes with each of them. In place of what an earlier try of the same export has noted.

    Raises Superseded where one of them has gone since the snapshot, or the bag itself was withdrawn.
    """
    mine = KeptBag.c.operation_id == operation_id
    kept = db.execute(sa.select(KeptBag.c.workspace_id).where(mine, KeptBag.c.state.in_(BEING_WRITTEN))).first()
    if kept is None:
        raise superseded()
    db.execute(BagReference.table.delete().where(BagReference.c.operation_id == operation_id))
    here = {"operation_id": operation_id, WORKSPACE: kept.workspace_id}
    for name, column in _columns().items():
        keys = references.get(name, ())
        if keys:
            _require_standing(db, catalogue()[name], keys)
            db.execute(BagReference.table.insert(), [here | {column: key} for key in keys])
    db.execute(KeptBag.table.update().where(mine).values(state=WRITING))


def _wait_for_erasures(db: Transaction, chosen: Sequence[Chosen]) -> None:
    for column, target, condition in _links_to_roots(chosen):
        going = sa.select(key_of(target.table)).where(sa.not_(stands(target))).correlate(None)
        if db.execute(sa.select(column).where(condition, column.in_(going)).limit(1)).first() is not None:
            message = "Something that this export refers to is being erased. Where that has failed, retry it."
            raise Away("ErasureUnderWay", message)


def _ends(db: Transaction, chosen: Sequence[Chosen]) -> dict[str, set[int]]:
    """Where the links of these rows lead."""
    ends: dict[str, set[int]] = {}
    for column, target, condition in _links_to_roots(chosen):
        keys = sa.select(column).where(condition, column.is_not(None)).distinct()
        ends.setdefault(str(target.table.name), set()).update(db.execute(keys).scalars())
    return {name: keys for name, keys in ends.items() if keys}


def _named_back(db: Transaction, chosen: Sequence[Chosen]) -> Iterator[tuple[str, set[int]]]:
    """Rows that documents of the chosen ones name, though the link leads the other way."""
    for record, condition in chosen:
        for pointer in pointers_to(record):
            if pointer.column.info["link"].named_back:
                named = sa.select(key_of(record.table)).where(condition).correlate(None)
                keys = sa.select(key_of(pointer.source.table)).where(pointer.column.in_(named), stands(pointer.source))
                yield str(pointer.source.table.name), set(db.execute(keys).scalars())


def _holding(rows: Mapping[str, Iterable[int]]) -> Iterator[Chosen]:
    """These rows and what hangs on them directly and is no thing of its own."""
    for name, keys in rows.items():
        record, listed = catalogue()[name], list(keys)
        yield record, among(key_of(record.table), listed)
        for pointer in pointers_to(record):
            if pointer.kind is LinkKind.DEEP and HIDDEN not in pointer.source.table.c:
                yield pointer.source, among(pointer.column, listed)


def _links_to_roots(
    chosen: Sequence[Chosen],
) -> Iterator[tuple[sa.Column[int], type[Record], sa.ColumnElement[bool]]]:
    """Each link by which the rows refer to a thing of its own, the record of that, and which rows."""
    for record, condition in chosen:
        for name, link in record.links().items():
            target = catalogue()[link.to]
            if link.kind in REFERRING and HIDDEN in target.table.c:
                yield record.table.c[name], target, condition


def _require_standing(db: Transaction, record: type[Record], keys: Sequence[int]) -> None:
    key = key_of(record.table)
    standing = sa.select(key).where(among(key, keys), stands(record)).order_by(key)
    if len(db.execute(standing.with_for_update(read=True, of=record.table)).all()) != len(keys):
        raise superseded()


@cache
def _columns() -> dict[str, str]:
    """Record's table → the link to it."""
    return {link.to: name for name, link in BagReference.links().items() if link.kind is LinkKind.COVERS}
