"""Which rows leave with a workspace, a run, a model …. Derived from the catalogue's links; names no table.

A row is chosen when it is the root, when a deep link leads from it to a chosen row, when it lives by a chosen row
(a model's asset, the object that holds an artifact), or when a chosen row refers to it (the member who made a run).
What an erasure has hidden is never chosen, nor what was noted and told of exports and imports themselves: that
describes what a server did, as their operations do, and would make no two bags of one content alike.
"""

from collections.abc import Iterator, Set
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from freehold.records.catalogue import Record, catalogue
from freehold.records.operations import Operation
from freehold.records.rules import Container, Decoded, LinkKind, Rows, Scope, Withheld

HIDDEN = "hidden_at"
DEAD = "dead_at"
WORKSPACE = "workspace_id"
PAPERWORK = ("operation_id", "target_id")
"""Columns that name an operation of this server by a random id."""
TRANSFERS = ("export", "import")
"""Kinds of operations that only carry content: what was noted and told of them stays with them."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is exported or erased: roots of one scope in one workspace, by their integer keys."""

    scope: Scope
    workspace_id: int
    root_rows: tuple[int, ...]

    @property
    def root_row(self) -> int:
        """Where there is one root only: of an export, of what a caller names."""
        (row,) = self.root_rows
        return row


class Selection:
    """The records of one scope, and the condition that picks their rows."""

    def __init__(self, chosen: Target) -> None:
        self.chosen = chosen
        self._records = catalogue()
        self._root = self._records[f"{chosen.scope.value}s"]
        self._conditions: dict[str, sa.ColumnElement[bool]] = {}
        self._inside = _reached(str(self._root.table.name), tuple(self._records.values()))

    @property
    def root(self) -> type[Record]:
        """A scope is named after the record at its root."""
        return self._root

    def exported(self) -> list[type[Record]]:
        """Records that leave as rows, in order of their names."""
        return [record for record in self._sorted() if self._leaves(record, Rows)]

    def decoded(self) -> list[type[Record]]:
        """Records whose rows hold packed data that leaves as rows of another table."""
        return [record for record in self._sorted() if self._leaves(record, Decoded)]

    def withheld(self) -> Iterator[tuple[type[Record], str]]:
        """Records that stay, each with its reason."""
        for record in self._sorted():
            export = record.rules.export
            if isinstance(export, Withheld):
                yield record, export.because
            elif self.chosen.scope not in export.scopes:
                yield record, f"it belongs to the workspace, not to one {self.chosen.scope.value}"

    def left_out(self, record: type[Record]) -> str:
        """Why some rows of a record that leaves stay all the same; empty where none do."""
        if self._may_be_paperwork(record):
            return "what was noted and told of exports and imports describes what this server did, not the content"
        if _is_pseudonym(record, self._records):
            return "members that made nothing of what leaves"
        return ""

    def rows(self, record: type[Record]) -> sa.ColumnElement[bool]:
        """The condition on the record's table that picks the chosen rows."""
        name = record.table.name
        if name not in self._conditions:
            self._conditions[name] = sa.and_(*self._terms(record))
        return self._conditions[name]

    def leaving(self, record: type[Record]) -> sa.ColumnElement[bool]:
        """As `rows`; of a record that does not leave in this scope none, though chosen rows may refer to it."""
        return self.rows(record) if self._leaves(record, Rows) else sa.false()

    def stands(self, record: type[Record], alias: sa.FromClause) -> sa.ColumnElement[bool]:
        """True for rows of the record, in the scope or not, that no erasure has hidden, itself or with its owner."""
        if not self._may_be_hidden(record):
            return sa.true()
        workspace = self.chosen.workspace_id
        whole = Selection(Target(Scope.WORKSPACE, workspace, (workspace,)))
        return key_of(alias).in_(_keys(key_of(record.table), whole.rows(record)))

    def _terms(self, record: type[Record]) -> Iterator[sa.ColumnElement[bool]]:
        table = record.table
        if WORKSPACE in table.c:
            yield table.c[WORKSPACE] == self.chosen.workspace_id
        if HIDDEN in table.c:
            yield table.c[HIDDEN].is_(None)
        if DEAD in table.c:
            yield table.c[DEAD].is_(None)
        if isinstance(record.rules.export, Rows):
            yield from _without_transfers(table)
        if record is self._root:
            yield key_of(table) == self.chosen.root_row
            yield from self._leaving_owners(record)
        elif _is_counted(record, self._records) or _is_pseudonym(record, self._records):
            yield self._referred(record)
        elif self._is_adopted(record):
            yield sa.or_(*self._adopters(record))
        elif self._is_below(record):
            yield from self._owned(record)
        else:
            yield self._referred(record)

    def _leaving_owners(self, record: type[Record]) -> Iterator[sa.ColumnElement[bool]]:
        """What goes with a row that was noted of an export or an import stays with it, though it be the root."""
        for column, owner in deep_owners(record, self._records):
            of_content = list(_without_transfers(owner.table))
            if of_content:
                yield sa.or_(column.is_(None), column.in_(_keys(key_of(owner.table), *of_content)))

    def _owned(self, record: type[Record]) -> Iterator[sa.ColumnElement[bool]]:
        """Every owner that a row must have is chosen, since an owner that is hidden hides what it owns. Of owners
        that it may have, one is chosen; in the whole workspace a row may have none."""
        possible = []
        for column, target in deep_owners(record, self._records):
            if target is record or not self._is_inside(target):
                continue
            owner = column.in_(_keys(key_of(target.table), self.rows(target)))
            if not column.nullable:
                yield owner
            elif self.chosen.scope is Scope.WORKSPACE:
                yield sa.or_(column.is_(None), owner)
            else:
                possible.append(owner)
        if possible:
            yield sa.or_(*possible)

    def _adopters(self, record: type[Record]) -> Iterator[sa.ColumnElement[bool]]:
        """Rows inside that the record lives by: it goes with its last referrer, so it leaves with each."""
        for source in self._sorted():
            for column, target in links_of(source, self._records):
                if target is record and column.info["link"].kind is LinkKind.REFCOUNT and self._is_inside(source):
                    yield key_of(record.table).in_(_keys(column, self.rows(source), column.is_not(None)))

    def _referred(self, record: type[Record]) -> sa.ColumnElement[bool]:
        """Target rows refer to it. Rows of its own kind do not count, or one run would bring its parent."""
        referrers = [
            key_of(record.table).in_(_keys(column, self.rows(source), column.is_not(None)))
            for source in self.exported()
            if source is not record
            for column, target in links_of(source, self._records)
            if target is record
        ]
        return sa.or_(*referrers) if referrers else sa.false()

    def _is_inside(self, record: type[Record]) -> bool:
        return record is self._root or self._is_below(record) or self._is_adopted(record)

    def _is_below(self, record: type[Record]) -> bool:
        if self.chosen.scope is Scope.WORKSPACE:
            return record.rules.container is Container.WORKSPACE
        return _hangs_on(record, self._inside, self._records)

    def _is_adopted(self, record: type[Record]) -> bool:
        """A root of another scope that goes with what is inside (a model's asset)."""
        return self.chosen.scope is not Scope.WORKSPACE and _lives_by(record, self._inside, self._root, self._records)

    def _may_be_paperwork(self, record: type[Record]) -> bool:
        """Itself, or with what it goes with: a notification stays with its task."""
        owners = (owner for _, owner in deep_owners(record, self._records) if owner is not record)
        return any(name in record.table.c for name in PAPERWORK) or any(map(self._may_be_paperwork, owners))

    def _may_be_hidden(self, record: type[Record]) -> bool:
        owners = (owner for _, owner in deep_owners(record, self._records))
        return HIDDEN in record.table.c or any(self._may_be_hidden(owner) for owner in owners)

    def _leaves(self, record: type[Record], kind: type[Rows] | type[Decoded]) -> bool:
        export = record.rules.export
        return isinstance(export, kind) and self.chosen.scope in export.scopes

    def _sorted(self) -> list[type[Record]]:
        return [self._records[name] for name in sorted(self._records)]


@cache
def _reached(name: str, catalogued: tuple[type[Record], ...]) -> frozenset[type[Record]]:
    """From the root of this name on, until nothing is added: a dataset and its versions hang on each other."""
    records = {str(record.table.name): record for record in catalogued}
    root = records[name]
    inside, before = {root}, 0
    while len(inside) > before:
        before = len(inside)
        inside |= {
            each
            for each in records.values()
            if _hangs_on(each, inside, records) or _lives_by(each, inside, root, records)
        }
    return frozenset(inside)


def _hangs_on(record: type[Record], inside: Set[type[Record]], records: dict[str, type[Record]]) -> bool:
    owners = (owner for _, owner in deep_owners(record, records))
    return any(owner in inside for owner in owners if owner is not record)


def _lives_by(
    record: type[Record], inside: Set[type[Record]], root: type[Record], records: dict[str, type[Record]]
) -> bool:
    if HIDDEN not in record.table.c or record is root:
        return False
    return any(
        target is record and column.info["link"].kind is LinkKind.REFCOUNT
        for source in inside
        if source is not record
        for column, target in links_of(source, records)
    )


def _keys(column: sa.ColumnElement[int], *conditions: sa.ColumnElement[bool]) -> sa.Select[int]:
    """A subquery that stands alone: it may name a table that the query around it names too."""
    return sa.select(column).where(*conditions).correlate(None)


def key_of(table: sa.FromClause) -> sa.ColumnElement[int]:
    """The integer key: `row_id`, or of the workspace itself its own."""
    return table.c["row_id"] if "row_id" in table.c else table.c[WORKSPACE]


def public_key(record: type[Record]) -> tuple[sa.Column[Any], ...]:
    """The columns by which people and clients name a row: the smallest unique set, the earliest of equals.
    Empty when there is none."""
    order = {column.name: place for place, column in enumerate(record.table.columns)}
    unique = [
        tuple(column for column in constraint.columns if column.name != WORKSPACE)
        for constraint in record.table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    ]
    named = [columns for columns in unique if any("rule" in column.info for column in columns)]
    return min(named, key=lambda columns: (len(columns), [order[c.name] for c in columns]), default=())


def links_of(record: type[Record], records: dict[str, type[Record]]) -> Iterator[tuple[sa.Column[int], type[Record]]]:
    """Each link of the record but the one to its workspace, with the record it leads to."""
    for name, link in record.links().items():
        if name != WORKSPACE:
            yield record.table.c[name], records[link.to]


def deep_owners(
    record: type[Record], records: dict[str, type[Record]]
) -> Iterator[tuple[sa.Column[int], type[Record]]]:
    """The links by which the record goes when something else goes, inside the workspace."""
    for column, target in links_of(record, records):
        if column.info["link"].kind is LinkKind.DEEP and target.rules.container is Container.WORKSPACE:
            yield column, target


def _without_transfers(table: sa.Table) -> Iterator[sa.ColumnElement[bool]]:
    for name in PAPERWORK:
        if name in table.c:
            of_transfers = sa.select(Operation.c[name]).where(Operation.c.kind.in_(TRANSFERS))
            yield sa.or_(table.c[name].is_(None), table.c[name].not_in(of_transfers))


def _is_pseudonym(record: type[Record], records: dict[str, type[Record]]) -> bool:
    """It stands for somebody: it leaves with what they made, and not because they only looked."""
    return any(
        link.kind is LinkKind.DECORRELATE and link.to == record.table.name
        for source in records.values()
        for link in source.links().values()
    )


def _is_counted(record: type[Record], records: dict[str, type[Record]]) -> bool:
    """It has no life of its own: it is there for its referrers, and leaves only with them."""
    return HIDDEN not in record.table.c and any(
        link.kind is LinkKind.REFCOUNT and link.to == record.table.name
        for source in records.values()
        for link in source.links().values()
    )
