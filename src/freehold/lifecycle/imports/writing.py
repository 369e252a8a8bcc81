"""Writes the rows of a bag, all in one transaction: until it commits nothing is visible. Names no table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import msgspec
import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.access.queries import find_workspace_by_key
from freehold.domain.artifacts import queries as artifact_queries
from freehold.domain.assets.service import name_by_links
from freehold.domain.audit.service import add_leaf
from freehold.domain.datasets.definitions import link_saved
from freehold.domain.documents.service import count_on
from freehold.domain.pipelines.drafts import hold_graphs
from freehold.domain.pipelines.endpoints import link_versions
from freehold.domain.pipelines.origins import link_origins
from freehold.domain.pipelines.schedules import link_schedules
from freehold.kit.faults import passing
from freehold.kit.problems import Unavailable
from freehold.lifecycle.imports.placing import make_below
from freehold.lifecycle.imports.spool import ContainerSpool, ImportSpool, Prepared, PreparedTable, Row
from freehold.lifecycle.selection import WORKSPACE, deep_owners, key_of
from freehold.records.assets import Asset
from freehold.records.audit import LogLeaf
from freehold.records.catalogue import Record, catalogue
from freehold.records.columns import Json, Text
from freehold.records.containers import Workspace
from freehold.records.outside import DatasetDefinition
from freehold.records.pipelines import PipelineDraft, PipelineObject
from freehold.records.rules import COUNTED, Withheld
from freehold.storage.portable import take_keys
from freehold.storage.transaction import Transaction

KEYS_AT_ONCE = 500
NAME, VERSION, DOCUMENT = "name", "version", "document"
MADE_ANEW: dict[type[Record], Callable[[Transaction, Mapping[str, Any]], int]] = {LogLeaf: add_leaf}
"""What a row must link to and what never leaves a server is made here: a leaf for each entry of the audit log."""
COMPLETED: dict[type[Record], tuple[Callable[[Transaction, int], None], ...]] = {
    PipelineDraft: (hold_graphs, link_origins),
    PipelineObject: (link_schedules, link_versions),
    DatasetDefinition: (link_saved,),
    Asset: (name_by_links,),
}
"""Links that bags of older releases lack, found in what they say all the same."""


def write_all(
    db: Transaction, workspace: WorkspaceRef, spool: ImportSpool, taken_on: Mapping[str, Any]
) -> list[WorkspaceRef]:
    """All of a bag; the containers that were made below `workspace`. `taken_on`: what it takes on of the bag's, by
    column.

    Raises Unavailable where the bytes of an object are not there any more.
    """
    containers = spool.containers()
    _write_container(db, workspace, containers[0], taken_on)
    places = [_again(db, workspace)]
    for each, container in zip(spool.tree()[1:], containers[1:], strict=True):
        assert each.parent is not None, "only the root has none"
        place = make_below(db, places[each.parent], each, container)
        passing("import:container:made")
        _write_container(db, place, container, {})
        places.append(place)
    return places[1:]


def _again(db: Transaction, workspace: WorkspaceRef) -> WorkspaceRef:
    """As it is called since it took on an identity."""
    found = find_workspace_by_key(db, workspace.workspace_id)
    assert found is not None, "it stands, or nothing could have been written into it"
    return found


def _write_container(
    db: Transaction, workspace: WorkspaceRef, spool: ContainerSpool, taken_on: Mapping[str, Any]
) -> None:
    prepared = spool.prepared()
    public_id = str(taken_on.get("public_id", workspace.public_id))
    if taken_on:
        _take_on(db, workspace.workspace_id, taken_on)
    passing("import:identity:taken")
    _own_objects(db, spool, prepared)
    passing("import:objects:owned")
    keys: dict[str, Sequence[int]] = {}
    for table in prepared.tables:
        _TableWriter(db, workspace.workspace_id, table, keys).write(spool)
        passing("import:table:written")
    for record in (catalogue()[table.table] for table in prepared.tables if table.rows):
        for complete in COMPLETED.get(record, ()):
            complete(db, workspace.workspace_id)
    for table in prepared.tables:
        _count_versions(db, workspace.workspace_id, public_id, spool, table, prepared)


def _take_on(db: Transaction, workspace_id: int, taken_on: Mapping[str, Any]) -> None:
    """Where it stands is not part of that."""
    table = _plain_table(Workspace)
    db.execute(table.update().where(table.c[WORKSPACE] == workspace_id).values(dict(taken_on)))


def _own_objects(db: Transaction, spool: ContainerSpool, prepared: Prepared) -> None:
    taken = 0
    for group in spool.object_groups():
        for start in range(0, len(group), KEYS_AT_ONCE):
            keys = [each.key for each in group[start : start + KEYS_AT_ONCE]]
            taken += artifact_queries.take_all_from_ledger(db, keys)
    if taken != prepared.objects:
        raise Unavailable("ImportObjectsGone", "Objects of this import were dropped. Import the bag again.")


class _TableWriter:
    """Rows of one record. `keys`: of every table, the keys that its rows were given, by ordinal."""

    def __init__(
        self, db: Transaction, workspace_id: int, table: PreparedTable, keys: dict[str, Sequence[int]]
    ) -> None:
        self._db = db
        self._workspace_id = workspace_id
        self._prepared = table
        self._record = catalogue()[table.table]
        self._table = _plain_table(self._record)
        self._keys = keys
        self._anew = {
            name: MADE_ANEW[catalogue()[link.to]]
            for name, link in self._record.links().items()
            if _never_leaves(self._record, name)
        }

    def write(self, spool: ContainerSpool) -> None:
        mine = take_keys(self._db.connection, self._record.table, self._prepared.rows)
        self._keys[self._prepared.table] = mine
        self._later: list[tuple[int, int, str]] = []
        written = 0
        for batch in spool.batches(self._prepared):
            rows = [self._row(row, mine[written + number], written + number) for number, row in enumerate(batch)]
            self._db.execute(self._table.insert(), rows)
            written += len(batch)
        passing("import:table:unlinked")
        self._link_later()

    def _row(self, row: Row, key: int, number: int) -> dict[str, Any]:
        values = dict(zip(self._prepared.columns, row, strict=True))
        for column, target in self._prepared.links.items():
            if values[column] is not None:
                values[column] = self._linked(column, target, values[column], key, number)
        values |= {"row_id": key, WORKSPACE: self._workspace_id}
        for column, make in self._anew.items():
            values[column] = make(self._db, values)
        return values

    def _linked(self, column: str, target: str, ordinal: int, key: int, number: int) -> int | None:
        """A row cannot link to one of its table that is not written yet: that link follows."""
        if column in self._prepared.own and ordinal >= number:
            self._later.append((key, self._keys[target][ordinal], column))
            return None
        return self._keys[target][ordinal]

    def _link_later(self) -> None:
        key = key_of(self._table)
        for column in self._prepared.own:
            rows = [{"its_key": each, "its_link": target} for each, target, link in self._later if link == column]
            if rows:
                here = (key == sa.bindparam("its_key"), self._table.c[WORKSPACE] == self._workspace_id)
                self._db.execute(self._table.update().where(*here).values({column: sa.bindparam("its_link")}), rows)


def _never_leaves(record: type[Record], name: str) -> bool:
    """A link that a row must have, to a record that no bag holds."""
    target = catalogue()[record.links()[name].to]
    return name != WORKSPACE and not record.table.c[name].nullable and isinstance(target.rules.export, Withheld)


def _plain_table(record: type[Record]) -> Any:
    """The table with documents as the text that they are in a bag: nothing is decoded only to be encoded again."""
    columns = [
        sa.column(column.name, Text() if isinstance(column.type, Json) else column.type)
        for column in record.table.columns
    ]
    return sa.table(record.table.name, *columns)


def _count_versions(
    db: Transaction, workspace_id: int, public_id: str, spool: ContainerSpool, table: PreparedTable, prepared: Prepared
) -> None:
    """Counters go on behind the versions that came: of a name, or of the name of what a row belongs to."""
    record = catalogue()[table.table]
    kind, named = _names(record, spool, table, prepared)
    highest: dict[str, int] = {}
    for name, version in named:
        highest[name] = max(version, highest.get(name, 0))
    for name, version in highest.items():
        count_on(db, workspace_id, public_id, kind, name, version)


def _names(
    record: type[Record], spool: ContainerSpool, table: PreparedTable, prepared: Prepared
) -> tuple[str, Iterator[tuple[str, int]]]:
    """(kind, names with versions). A version is a column of that name, or a number of that name in a document.

    What clients write there themselves may be any number, and counts where it could be a version.
    """
    kind = table.table.removesuffix("s")
    if VERSION in table.columns and NAME in table.columns:
        return kind, _pairs(spool, table, VERSION)
    if VERSION in table.columns:
        for column, owner in deep_owners(record, catalogue()):
            names = _names_of(spool, prepared, str(owner.table.name))
            if names and column.name in table.columns:
                return str(owner.table.name).removesuffix("s"), _owned_pairs(spool, table, column.name, names)
    if NAME in table.columns and DOCUMENT in table.columns:
        return kind, _document_pairs(spool, table)
    return kind, iter(())


def _pairs(spool: ContainerSpool, table: PreparedTable, version: str) -> Iterator[tuple[str, int]]:
    name, number = table.columns.index(NAME), table.columns.index(version)
    for batch in spool.batches(table):
        yield from ((row[name], row[number]) for row in batch if row[name] is not None)


def _owned_pairs(spool: ContainerSpool, table: PreparedTable, link: str, names: list[str]) -> Iterator[tuple[str, int]]:
    owner, number = table.columns.index(link), table.columns.index(VERSION)
    for batch in spool.batches(table):
        yield from ((names[row[owner]], row[number]) for row in batch if row[owner] is not None)


def _document_pairs(spool: ContainerSpool, table: PreparedTable) -> Iterator[tuple[str, int]]:
    name, place = table.columns.index(NAME), table.columns.index(DOCUMENT)
    for batch in spool.batches(table):
        for row in batch:
            document = msgspec.json.decode(row[place]) if row[place] else None
            version = document.get(VERSION) if isinstance(document, dict) else None
            if row[name] is not None and _is_version(version):
                yield row[name], version


def _is_version(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and COUNTED.least <= value <= COUNTED.most


def _names_of(spool: ContainerSpool, prepared: Prepared, name: str) -> list[str]:
    for table in prepared.tables:
        if table.table == name and NAME in table.columns:
            place = table.columns.index(NAME)
            return [row[place] for batch in spool.batches(table) for row in batch]
    return []
