"""Roots of one workspace that go together: what only they refer to goes with them, though each alone would leave it."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

import sqlalchemy as sa

from freehold.lifecycle.reach import OWNED, Reach, pointers_to, stands
from freehold.lifecycle.repeats import Repeated, repeated
from freehold.lifecycle.selection import HIDDEN, WORKSPACE, key_of
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import LinkKind, Scope

Condition = sa.ColumnElement[bool]


class Joint:
    """`reaches`: of roots in one workspace."""

    def __init__(self, reaches: Sequence[Reach]) -> None:
        self.reaches = reaches

    @property
    def workspace_id(self) -> int:
        return self.reaches[0].target.workspace_id

    def rows(self) -> dict[type[Record], Condition]:
        """Of each record that the roots reach, those that go: children first, as the first root has it."""
        records = dict.fromkeys(record for reach in self.reaches for record in reach.records())
        return {record: self._goes(record) for record in records}

    def counted(self) -> dict[type[Record], Condition]:
        """Of each record that rows that go refer to by counting: what nobody else refers to, and does not go anyhow."""
        if any(reach.target.scope is Scope.WORKSPACE for reach in self.reaches):
            return {}  # everything goes anyhow
        return {
            record: self._last_referred(record)
            for _, record in sorted(catalogue().items())
            if any(self._reached(each.source) for each in pointers_to(record) if each.kind is LinkKind.REFCOUNT)
        }

    @cached_property
    def everything(self) -> dict[type[Record], Condition]:
        """All rows that go: those that the roots reach, and what has no life of its own and nobody else refers to,
        with what hangs on that (the sealed secrets of a graph). Other roots that only these refer to are not among
        them: they are roots of the plan themselves."""
        going = self.rows()
        for record, goes in self.counted().items():
            if HIDDEN not in record.table.c:
                _add(going, record, goes)
        return going

    def repeats(self) -> Iterator[Repeated]:
        """Rows of what stays that go all the same, since they repeat links to what goes."""
        if any(reach.target.scope is Scope.WORKSPACE for reach in self.reaches):
            return  # nothing stays
        for record, goes in self.everything.items():
            yield from repeated(record, goes)

    def _goes(self, record: type[Record]) -> Condition:
        return sa.or_(*(reach.rows(record) for reach in self._reached(record)))

    def _reached(self, record: type[Record]) -> list[Reach]:
        return [reach for reach in self.reaches if reach.reaches(record)]

    def _last_referred(self, record: type[Record]) -> Condition:
        """What another erasure has hidden refers to nothing any more."""
        key = key_of(record.table)
        going, staying = [], []
        for pointer in pointers_to(record):
            if pointer.kind is LinkKind.REFCOUNT:
                goes = self._goes(pointer.source) if self._reached(pointer.source) else sa.false()
                held = sa.select(pointer.column).where(pointer.column.is_not(None))
                going.append(key.in_(held.where(goes)))
                staying.append(key.in_(held.where(goes.is_not(sa.true()), stands(pointer.source))))
        anyhow = self._goes(record) if self._reached(record) else sa.false()
        return sa.and_(sa.or_(*going), sa.not_(sa.or_(*staying)), anyhow.is_not(sa.true()))


def joints(reaches: Iterable[Reach]) -> list[Joint]:
    """One for each workspace, in the order in which they come: no link leads from one to another."""
    found: dict[int, list[Reach]] = {}
    for reach in reaches:
        found.setdefault(reach.target.workspace_id, []).append(reach)
    return [Joint(each) for each in found.values()]


def _add(going: dict[type[Record], Condition], record: type[Record], goes: Condition) -> None:
    """With what hangs on it, which goes first."""
    for pointer in pointers_to(record):
        if pointer.kind in OWNED and pointer.column.name != WORKSPACE:
            _add(going, pointer.source, pointer.column.in_(sa.select(key_of(record.table)).where(goes)))
    going[record] = sa.or_(going[record], goes) if record in going else goes
