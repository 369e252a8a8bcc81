"""Which rows an erasure reaches, read off the catalogue's links; names no table.

A row goes when it is the root, or when a deep link leads from it to a row that goes. What is refcounted goes
with its last referrer (`joint.py`), and what covers a row that goes (a kept copy) goes before it. The conditions
refer to the root as long as its row stands, which is why the root goes last: killed anywhere, the same conditions
find what is left.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import sqlalchemy as sa

from freehold.lifecycle.selection import HIDDEN, WORKSPACE, Target, key_of
from freehold.records.catalogue import Record, catalogue, metadata
from freehold.records.rules import CatalogueError, Link, LinkKind, Scope

_POINTS_ON = {LinkKind.DECORRELATE, LinkKind.RETAIN, LinkKind.REFCOUNT}
OWNED = {LinkKind.DEEP, LinkKind.HOLDS}


@dataclass(frozen=True, slots=True)
class Pointer:
    """A link seen from the side of the record that it leads to."""

    source: type[Record]
    column: sa.Column[int]
    kind: LinkKind


class Reach:
    """`hidden_only` False is for a dry run: else nothing goes whose root was not hidden first.

    Raises CatalogueError where an erasure would leave a link that leads nowhere.
    """

    def __init__(self, target: Target, *, hidden_only: bool = True) -> None:
        self.target = target
        self._records = catalogue()
        self._hidden_only = hidden_only
        self.root = self._records[f"{target.scope.value}s"]
        self._reached = self._follow()
        self._conditions: dict[str, sa.ColumnElement[bool]] = {}
        for record in self._reached.values():
            self._refuse_dangling(record)

    def records(self) -> list[type[Record]]:
        """Those whose rows go, children first, the root last."""
        below = [name for name in _children_first(tuple(self._records.values())) if name in self._reached]
        return [self._reached[name] for name in below if name != self.root.table.name] + [self.root]

    def rows(self, record: type[Record]) -> sa.ColumnElement[bool]:
        """The condition on the record's table that picks the rows that go."""
        name = record.table.name
        if name not in self._conditions:
            self._conditions[name] = self._condition(record)
        return self._conditions[name]

    def reaches(self, record: type[Record]) -> bool:
        return record.table.name in self._reached

    def copies(self) -> Iterator[tuple[type[Record], sa.ColumnElement[bool]]]:
        """Records that hold copies or say what those name, and the condition for what tells of anything that goes."""
        return self._bound_by(LinkKind.COVERS)

    def holds(self) -> Iterator[tuple[type[Record], sa.ColumnElement[bool]]]:
        """Records that forbid an erasure, and the condition for those that bear on anything that goes."""
        return self._bound_by(LinkKind.HOLDS)

    def restricting(self) -> Iterator[tuple[Pointer, sa.ColumnElement[bool]]]:
        """Links of rows that stay and refuse that what they refer to goes. What another erasure hid refuses nothing."""
        for record in self._reached.values():
            for pointer in pointers_to(record):
                if pointer.kind is LinkKind.RESTRICT:
                    refers = pointer.column.in_(sa.select(key_of(record.table)).where(self.rows(record)))
                    goes = pointer.source.table.name in self._reached
                    stays = self.rows(pointer.source).is_not(sa.true()) if goes else sa.true()
                    yield pointer, sa.and_(refers, stays, stands(pointer.source))

    def _bound_by(self, kind: LinkKind) -> Iterator[tuple[type[Record], sa.ColumnElement[bool]]]:
        """Records with links of this kind: rows whose link leads to what goes, into it, to what it lies in or to what
        shares it. A row whose links are all null is about the whole workspace."""
        for record in self._records.values():
            binding = {name: link for name, link in record.links().items() if link.kind is kind}
            if not binding:
                continue
            columns = [record.table.c[name] for name in binding]
            whole = sa.and_(*(column.is_(None) for column in columns))
            parts = [self._covers(record.table.c[name], self._records[link.to]) for name, link in binding.items()]
            parts += [self._shares(record.table.c[name], self._records[link.to]) for name, link in binding.items()]
            here = record.table.c[WORKSPACE] == self.target.workspace_id
            everything = self.target.scope is Scope.WORKSPACE
            yield record, here if everything else sa.and_(here, sa.or_(whole, *parts))

    def _follow(self) -> dict[str, type[Record]]:
        reached = {self.root.table.name: self.root}
        while True:
            more = {
                name: record
                for name, record in self._records.items()
                if name not in reached and any(link.to in reached for link in _deep(record))
            }
            if not more:
                return reached
            reached |= more

    def _condition(self, record: type[Record]) -> sa.ColumnElement[bool]:
        if record is self.root:
            mine = key_of(record.table).in_(self._root_rows())
            return sa.and_(mine, record.table.c[HIDDEN].is_not(None)) if self._hidden_only else mine
        direct = [name for name, link in record.links().items() if link.to == self.root.table.name]
        owners = {
            name: self._reached[link.to]
            for name, link in record.links().items()
            if link.kind in OWNED and link.to in self._reached
        }
        if WORKSPACE in direct and WORKSPACE in owners:  # whatever else owns it lies in the same workspace
            owners = {WORKSPACE: self.root}
        return sa.or_(
            *(
                record.table.c[name].in_(sa.select(key_of(owner.table)).where(self.rows(owner)))
                for name, owner in owners.items()
                if owner is not record
            )
        )

    def _root_rows(self) -> sa.BindParameter[list[int]]:
        """Spelt out in the statement: they stand in it many times, and a statement has only so many parameters."""
        return sa.bindparam(None, list(self.target.root_rows), expanding=True, literal_execute=True)

    def _covers(self, column: sa.Column[int], to: type[Record]) -> sa.ColumnElement[bool]:
        """A copy of what goes, or of something that it lies in."""
        if to.table.name in self._reached:
            return column.in_(sa.select(key_of(to.table)).where(self.rows(to)))
        return sa.or_(sa.false(), *(column.in_(rows) for owner, rows in self._above(self.root) if owner is to))

    def _above(
        self, record: type[Record], rows: sa.Select[int] | None = None
    ) -> Iterator[tuple[type[Record], sa.Select[int]]]:
        """What the root lies in, up to the workspace (a task's run, and that one's experiment), and the keys of it."""
        here = self.rows(record) if rows is None else key_of(record.table).in_(rows)
        for name, link in record.links().items():
            owner = self._records[link.to]
            if link.kind is LinkKind.DEEP and name != WORKSPACE and owner is not record:
                theirs = sa.select(record.table.c[name]).where(here)
                yield owner, theirs
                yield from self._above(owner, theirs)

    def _shares(self, column: sa.Column[int], bound: type[Record]) -> sa.ColumnElement[bool]:
        """What is bound, or a part of it, counts as a referrer of what goes: a model of its asset, a dataset of what it
        was saved as."""
        row, found = key_of(bound.table), self._counting(bound)
        for part, name in _parts_of(bound):
            of_part = self._counting(part)
            if of_part:
                found.append(row.in_(sa.select(part.table.c[name]).where(sa.or_(*of_part))))
        return column.in_(sa.select(row).where(sa.or_(*found))) if found else sa.false()

    def _counting(self, record: type[Record]) -> list[sa.ColumnElement[bool]]:
        found: list[sa.ColumnElement[bool]] = []
        for name, link in record.links().items():
            if link.kind is LinkKind.REFCOUNT and link.to in self._reached:
                owner = self._reached[link.to]
                found.append(record.table.c[name].in_(sa.select(key_of(owner.table)).where(self.rows(owner))))
        return found

    def _refuse_dangling(self, record: type[Record]) -> None:
        for pointer in pointers_to(record):
            lets_go = pointer.kind is LinkKind.REFCOUNT and bool(pointer.column.nullable)
            if pointer.kind in _POINTS_ON and not lets_go and pointer.source.table.name not in self._reached:
                place = f"{pointer.source.table.name}.{pointer.column.name}"
                raise CatalogueError(
                    f"{place} would lead nowhere once {record.table.name} is erased with its {self.target.scope}: "
                    "make it shallow, let it be null, or give it an owner that goes too."
                )


def _deep(record: type[Record]) -> Iterator[Link]:
    return (link for link in record.links().values() if link.kind in OWNED)


def _parts_of(record: type[Record]) -> Iterator[tuple[type[Record], str]]:
    """What goes with it directly, and the link by which it does."""
    for pointer in pointers_to(record):
        if pointer.kind is LinkKind.DEEP and pointer.source is not record:
            yield pointer.source, str(pointer.column.name)


def pointers_to(record: type[Record]) -> Sequence[Pointer]:
    """Every link in the catalogue that leads to the record."""
    return _pointers(tuple(catalogue().values())).get(str(record.table.name), ())


@cache
def _children_first(records: tuple[type[Record], ...]) -> list[str]:
    """Names of tables, each before those that it refers to. To sort them takes longer than most statements."""
    return [table.name for table in reversed(metadata.sorted_tables)]


@cache
def _pointers(records: tuple[type[Record], ...]) -> dict[str, list[Pointer]]:
    found: dict[str, list[Pointer]] = {}
    for source in records:
        for name, link in source.links().items():
            found.setdefault(link.to, []).append(Pointer(source, source.table.c[name], link.kind))
    return found


def stands(record: type[Record]) -> sa.ColumnElement[bool]:
    """No erasure has hidden the row, or the root that it hangs on."""
    return _stands(str(record.table.name))


@cache
def _stands(name: str) -> sa.ColumnElement[bool]:
    record = catalogue()[name]
    table = record.table
    terms: list[sa.ColumnElement[bool]] = [table.c[HIDDEN].is_(None)] if HIDDEN in table.c else []
    for name, link in record.links().items():
        owner = catalogue()[link.to]
        if link.kind is LinkKind.DEEP and name != WORKSPACE and HIDDEN in owner.table.c:
            alias = owner.table.alias(f"standing_{name}")
            standing = sa.select(key_of(alias)).where(alias.c[HIDDEN].is_(None)).correlate(None)
            terms.append(sa.or_(table.c[name].is_(None), table.c[name].in_(standing)))
    return sa.and_(sa.true(), *terms)
