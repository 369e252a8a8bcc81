"""Rows of every record, a canary of its own in every free-form column, and what the catalogue's words say becomes of
each row: worked out here row by row in plain Python, not by the eraser's conditions.

A grove is one set of rows below one workspace. For each link that a row may have there is a row that hangs on it
alone, so that nothing goes merely because something else that it hangs on goes.
"""

import itertools
import secrets
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from freehold.domain.access.queries import find_workspace_by_key
from freehold.lifecycle.plan import ErasePlan, plan_erasure
from freehold.lifecycle.selection import HIDDEN, WORKSPACE
from freehold.lifecycle.targets import public_id, root_of
from freehold.operations.model import State
from freehold.records.catalogue import Record, catalogue, metadata
from freehold.records.rules import Container, LinkKind, Scope
from freehold.storage.blobs import open_objects
from freehold.storage.transaction import Transaction
from tests.lifecycle.erase.everywhere import find_marks, marks_in
from tests.lifecycle.erase.site import Site

EMPTY = {HIDDEN, "dead_at", "archived_at", "deleted_at"}
"""Moments that say that something ended already; the others are set, so that a legal hold is one that was lifted."""
CLOSED = {("workspaces", "kind"): "workspace"}
"""Columns that hold a word of ours and nothing else, whose reader refuses any other."""
FRAME = {"workspaces", "servers"}
"""Not planted by a grove: it is made in a workspace, and there is one server."""
_OWNED = {LinkKind.DEEP, LinkKind.HOLDS}
_NUMBERS = itertools.count(1_000)
Name = tuple[str, int]
"""Table and integer key."""


@dataclass
class Row:
    """`links`: column → row that it leads to. `canaries`: column → 24 hex digits that stand nowhere else."""

    name: Name
    links: dict[str, Name]
    canaries: dict[str, str]

    @property
    def record(self) -> type[Record]:
        return catalogue()[self.name[0]]

    def leads(self, *kinds: LinkKind) -> Iterator[Name]:
        rules = self.record.links()
        return (to for column, to in self.links.items() if rules[column].kind in kinds)


@dataclass
class Planter:
    """`rows`: all that was planted, in every grove."""

    site: Site
    rows: dict[Name, Row] = field(default_factory=dict)

    def workspace(self, parent: int | None = None) -> Name:
        """A container with canaries, which the site's owner owns."""
        group = self.site.database.read_now(lambda db: db.execute(sa.text("SELECT max(row_id) FROM resource_groups")))
        links: dict[str, Name] = {"resource_group_row": ("resource_groups", group.scalar_one())}
        links |= {"parent_workspace": ("workspaces", parent)} if parent is not None else {}
        made = self.site.database.write_now(lambda db: self._insert(db, catalogue()["workspaces"], links)).name
        self.site.database.write_now(lambda db: self._let_in(db, made[1]))
        return made

    def grove(self, workspace: Name, *, spared: Scope | None = None, neighbours: "Grove | None" = None) -> "Grove":
        """`spared`: roots of this scope are not refused to be erased: what would refuse leads to the neighbours."""
        grove = Grove(self, workspace, f"{spared.value}s" if spared else "", neighbours)
        for table in metadata.sorted_tables:
            record = catalogue()[table.name]
            if record.rules.container is Container.WORKSPACE and table.name not in FRAME:
                self.site.database.write_now(lambda db, record=record: grove.plant(db, record))  # type: ignore[misc]  # binds the loop's value
        return grove

    def server(self) -> None:
        """One row in every record of the server itself."""
        last: dict[str, Name] = {}
        for table in metadata.sorted_tables:
            record = catalogue()[table.name]
            if record.rules.container is Container.SERVER and table.name not in FRAME:
                to = {name: last.get(link.to) for name, link in record.links().items() if link.to != "workspaces"}
                links = {name: each for name, each in to.items() if each is not None}
                made = self.site.database.write_now(
                    lambda db, record=record, links=links: self._insert(db, record, links)  # type: ignore[misc]  # binds the loop's value
                )
                last[table.name] = made.name

    def _let_in(self, db: Transaction, workspace: int) -> None:
        table = catalogue()["role_assignments"].table
        held = db.execute(sa.select(table.c.role).where(table.c.person_row == self.site.actor.person_row)).scalars()
        values = {"person_row": self.site.actor.person_row, "scope_workspace": workspace, "role": next(iter(held))}
        db.execute(table.insert().values(values | {"created_at": db.now()}))

    def _insert(self, db: Transaction, record: type[Record], links: dict[str, Name]) -> Row:
        values: dict[str, Any] = {name: to[1] for name, to in links.items()}
        canaries: dict[str, str] = {}
        for column in record.table.columns:
            if "key" in column.info or "link" in column.info or column.name in EMPTY:
                continue
            values[column.name] = self._value(db, record, column, canaries)
        made = db.execute(record.table.insert().values(values)).inserted_primary_key
        assert made is not None
        row = Row((record.table.name, int(made[0])), links, canaries)
        self.rows[row.name] = row
        return row

    def _value(self, db: Transaction, record: type[Record], column: sa.Column[Any], canaries: dict[str, str]) -> Any:
        if "rule" not in column.info:
            if isinstance(column.type, sa.Boolean):
                return False
            return db.now() if column.info.get("moment") else next(_NUMBERS)
        if (record.table.name, column.name) in CLOSED:
            return CLOSED[record.table.name, column.name]
        mark = canaries[column.name] = secrets.token_hex(12)
        text = f"Canary é'\"<{record.table.name}.{column.name}> {mark}"
        if "object_prefix" in column.info:
            return self._object(canaries)
        if isinstance(column.type, sa.LargeBinary):
            return text.encode()
        return {"it": [text]} if type(column.type).__name__ == "Json" else text

    def _object(self, canaries: dict[str, str]) -> str:
        """The key of an object that is there; its bytes have a canary too."""
        canaries["(bytes)"] = secrets.token_hex(12)
        key = f"objects/ff/{canaries['object_key']}"
        open_objects(self.site.settings)  # makes the folder
        path = self.site.folder / "store" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"bytes é {canaries['(bytes)']} ".encode() * 20)
        return key


class Grove:
    def __init__(self, planter: Planter, workspace: Name, spared: str, neighbours: "Grove | None") -> None:
        self._planter = planter
        self._spared = spared
        self._neighbours = neighbours
        self.workspace = workspace
        self.by_table: dict[str, list[Name]] = defaultdict(list)
        self._firsts: dict[str, dict[tuple[str, ...], Name]] = defaultdict(dict)

    def plant(self, db: Transaction, record: type[Record]) -> None:
        """One row that hangs on as little as may be, and one for each row that each link may lead to."""
        optional = [
            (name, to)
            for name, link in record.links().items()
            if record.table.c[name].nullable and self._has(link.to)
            for to in self._targets(db, record, name)
        ]
        needed = [
            (name, to)
            for name, link in record.links().items()
            if not record.table.c[name].nullable and name != WORKSPACE and self._has(link.to)
            for to in self._targets(db, record, name)
        ]
        for chosen in [None, *optional, *needed]:
            self._add(db, record, dict([chosen] if chosen else []))

    def _has(self, table: str) -> bool:
        return catalogue()[table].rules.container is Container.WORKSPACE and table not in FRAME

    def _add(self, db: Transaction, record: type[Record], chosen: dict[str, Name], made_for: str = "") -> Name:
        """Whatever is chosen, what the row counts is its own, so that it goes with it."""
        links: dict[str, Name] = {WORKSPACE: self.workspace}
        for name, link in record.links().items():
            if name in chosen or name == WORKSPACE:
                continue
            if link.kind is LinkKind.REFCOUNT:
                links[name] = self._add(db, catalogue()[link.to], {}, record.table.name)
            elif not record.table.c[name].nullable:
                links[name] = self._targets(db, record, name)[0] if self._has(link.to) else self._of_server(db, link.to)
        row = self._planter._insert(db, record, links | chosen)
        self.by_table[record.table.name].append(row.name)
        self._firsts[record.table.name].setdefault((made_for, *chosen), row.name)
        return row.name

    def _targets(self, db: Transaction, record: type[Record], column: str) -> list[Name]:
        """Rows that the link may lead to: one that hangs on little, one for each link that such a row has, and one for
        each record that counts it. What this link counts: one that others count as well."""
        link = record.links()[column]
        if link.kind is LinkKind.RESTRICT and link.to == self._spared:
            assert self._neighbours is not None
            return self._neighbours.by_table[link.to][:1]
        if link.kind is LinkKind.REFCOUNT:
            return self.by_table[link.to][:1]
        return list(self._firsts[link.to].values())

    def _of_server(self, db: Transaction, table: str) -> Name:
        return self._planter._insert(db, catalogue()[table], {}).name


def going(rows: dict[Name, Row], roots: set[Name]) -> set[Name]:
    """What goes with the roots, by the words of `records/rules.py`."""
    above = _above(rows, roots)
    here = {rows[root].links.get(WORKSPACE, root) for root in roots}
    referrers: dict[Name, set[Name]] = defaultdict(set)
    for row in rows.values():
        for to in row.leads(LinkKind.REFCOUNT):
            referrers[to].add(row.name)
    gone = set(roots)
    while True:
        bound = above | _sharing(rows, gone)
        more = {row.name for row in rows.values() if row.name not in gone and _goes(row, gone, bound, here)}
        more |= {to for to, held_by in referrers.items() if to not in gone and held_by <= gone}
        if not more:
            return gone
        gone |= more


def _goes(row: Row, gone: set[Name], bound: set[Name], here: set[Name]) -> bool:
    if row.name[0] == "object_ledger":
        return True  # it lists what is to be removed from the store, and any erasure does that
    if any(to in gone for to in row.leads(*_OWNED)):
        return True
    if not any(link.kind is LinkKind.COVERS for link in row.record.links().values()):
        return False
    copied = set(row.leads(LinkKind.COVERS))
    return row.links[WORKSPACE] in here and (not copied or bool(copied & (gone | bound)))


def _above(rows: dict[Name, Row], roots: set[Name]) -> set[Name]:
    """What the roots lie in, up to the workspace: a copy of that is a copy of them."""
    found: set[Name] = set()
    more = roots
    while more:
        more = {to for each in more for to in rows[each].leads(LinkKind.DEEP) if to[0] != "workspaces" and to in rows}
        more -= found
        found |= more
    return found


def _sharing(rows: dict[Name, Row], gone: set[Name]) -> set[Name]:
    """What counts as a referrer of what goes, and what that is a part of: a copy of it is one of the other, too. What
    else a bag names is noted in rows of its own, which are planted as any."""
    found = {row.name for row in rows.values() if gone & set(row.leads(LinkKind.REFCOUNT))}
    return found | {to for each in found for to in rows[each].leads(LinkKind.DEEP) if to[0] != "workspaces"}


def counted(gone: set[Name]) -> Counter[str]:
    """By table, without what a plan does not count as rows: copies, and the list of what the store is to remove."""
    apart = {name for name, record in catalogue().items() if LinkKind.COVERS in _kinds(record)} | {"object_ledger"}
    return Counter(name for name, _ in gone if name not in apart)


def _kinds(record: type[Record]) -> set[LinkKind]:
    return {link.kind for link in record.links().values()}


def marks_of(planter: Planter, names: set[Name]) -> dict[str, str]:
    """Mark → the field that it stands in."""
    return {mark: f"{name[0]}.{column}" for name in names for column, mark in planter.rows[name].canaries.items()}


def erase(site: Site, home: Name, scope: Scope, root: Name | None) -> str:
    """The level that the erasure of the root (None: of the container with its tree) reached."""
    operation = site.erase(scope, _find(site, home, scope, root))
    assert operation.state is State.SUCCEEDED, operation
    assert operation.result is not None
    return str(operation.result["level"])


def plan_of(site: Site, home: Name, scope: Scope, root: Name | None) -> ErasePlan:
    root_id = _find(site, home, scope, root)
    return site.database.read_now(lambda db: plan_erasure(db, site.workspace, scope, root_id))


def _find(site: Site, home: Name, scope: Scope, root: Name | None) -> str | None:
    """The public id of the root; the site now works in its container."""
    found = site.database.read_now(lambda db: find_workspace_by_key(db, home[1]))
    assert found is not None
    site.workspace = found
    if root is None:
        return None
    query = sa.select(public_id(root_of(scope))).where(root_of(scope).table.c.row_id == root[1])
    return site.database.read_now(lambda db: str(db.execute(query).scalar_one()))


def check(site: Site, planter: Planter, roots: set[Name], rows: bytes = b"") -> set[Name]:
    """Of what went with the roots no mark is found, of all that stays every one; returns what went. `rows`: the content
    of a database that does not lie in the site's folder."""
    gone = going(planter.rows, roots)
    went, stayed = marks_of(planter, gone), marks_of(planter, planter.rows.keys() - gone)
    marks = [*went, *stayed]
    found = find_marks(site.folder, marks) | {mark: {"(a row)"} for mark in marks_in(rows, marks)}
    left = {went[mark]: sorted(places) for mark, places in found.items() if mark in went}
    assert left == {}
    assert {field for mark, field in stayed.items() if mark not in found} == set()
    return gone
