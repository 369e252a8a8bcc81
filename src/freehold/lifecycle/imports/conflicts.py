"""What stands in the way of an import: ids and names that are taken, ids that were erased. Names no table."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.access.queries import all_public_ids
from freehold.domain.artifacts import queries as artifact_queries
from freehold.domain.forgetting.service import forgotten_among
from freehold.kit.problems import Conflict
from freehold.lifecycle.imports.placing import NOT_MADE, places_of
from freehold.lifecycle.imports.refusal import report_at
from freehold.lifecycle.imports.renaming import Renamer, derived_columns, id_columns
from freehold.lifecycle.imports.spool import ContainerSpool, ImportSpool, Prepared, PreparedTable, Row
from freehold.lifecycle.removal import object_column
from freehold.lifecycle.selection import HIDDEN, WORKSPACE, Selection, Target
from freehold.lifecycle.targets import public_id
from freehold.records.catalogue import Record, catalogue
from freehold.records.containers import Workspace
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

FORMAT = 1
MOST_TOLD = 1_000
AT_ONCE = 200


@dataclass(slots=True)
class Conflicts:
    """`taken`: (record, columns, values) that stand already. `erased`: (record, id) on the forget list.

    `names_taken_count`: of what is taken, what is no id and stands in the way of new ids, too.
    """

    taken_count: int = 0
    names_taken_count: int = 0
    erased_count: int = 0
    taken: list[dict[str, Any]] = field(default_factory=list)
    erased: list[dict[str, Any]] = field(default_factory=list)

    def add_taken(self, record: str, what: Sequence[str], values: Sequence[Any], *, is_name: bool = False) -> None:
        self.taken_count += 1
        self.names_taken_count += is_name
        if len(self.taken) < MOST_TOLD:
            told = [value if isinstance(value, str | int) else str(value) for value in values]
            self.taken.append({"record": record, "what": dict(zip(what, told, strict=True))})

    def add_erased(self, record: str, ids: Sequence[str]) -> None:
        self.erased_count += len(ids)
        self.erased += [{"record": record, "id": each} for each in ids[: MOST_TOLD - len(self.erased)]]

    def as_document(self, spool: ImportSpool) -> dict[str, Any]:
        containers = [each.prepared() for each in spool.containers()]
        tree = spool.tree()
        return {
            "format": FORMAT,
            "scope": containers[0].scope,
            "counts": spool.counts(),
            **({"containers": [each.arm_path for each in tree]} if tree else {}),
            "records": _rows_of(containers),
            "dropped_links": containers[0].dropped_links,
            "taken_count": self.taken_count,
            "names_taken_count": self.names_taken_count,
            "taken": self.taken,
            "erased_count": self.erased_count,
            "erased": self.erased,
        }

    def refuse(self, operation_id: str) -> None:
        """Raises Conflict. Its message counts; the report names."""
        listed = f"The report lists them: {report_at(operation_id)}."
        if self.erased_count:
            message = (
                f"{self.erased_count} ids in the bag were erased here and do not come back, with new ids neither, and "
                "nothing overrides that. Where the bag was made, export again without them; or log them anew through "
                f"the clients, as new things. {listed}"
            )
            raise Conflict("ImportErasedIds", message, is_plain=True)
        if self.taken_count:
            way_on = "Import with new ids"
            if self.names_taken_count:
                way_on += f" into an empty workspace: {self.names_taken_count} are names, which those leave as they are"
            message = f"{self.taken_count} ids or names in the bag stand here already. {listed} {way_on}."
            raise Conflict("ImportConflicts", message, is_plain=True)


def _rows_of(containers: Iterable[Prepared]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for prepared in containers:
        for each in prepared.tables:
            rows[each.table] = rows.get(each.table, 0) + each.rows
    return rows


def find_conflicts(
    db: Transaction, workspace: WorkspaceRef, spool: ImportSpool, *, old_ids: dict[str, str], are_reserved: bool = False
) -> Conflicts:
    """`old_ids`: new id → the id that it replaces. `are_reserved`: the ledger has the keys of the objects as ours."""
    found = Conflicts()
    places = places_of(workspace, spool)
    for place, container in zip(places, spool.containers(), strict=True):
        if place.workspace_id == NOT_MADE:
            _place_taken(db, workspace, place, found)
        _Search(db, place, container, old_ids, found).run(are_reserved=are_reserved)
    return found


def _place_taken(db: Transaction, workspace: WorkspaceRef, place: WorkspaceRef, found: Conflicts) -> None:
    """One that is being erased keeps its place until it is gone."""
    c, w = Workspace.c, Workspace.table.alias("into")
    group = sa.select(w.c.resource_group_row).where(w.c.workspace_id == workspace.workspace_id).scalar_subquery()
    here = (c.resource_group_row == group, c.arm_path_folded == place.arm_path.casefold())
    by_id = (c.public_id == place.public_id,)
    for name, value, is_it in (("public_id", place.public_id, by_id), ("arm_path", place.arm_path, here)):
        if db.execute(sa.select(sa.literal(1)).where(*is_it)).first() is not None:
            found.add_taken(str(Workspace.table.name), [name], [value], is_name=name == "arm_path")


class _Search:
    """What of one container's rows stands in the way in the place that they are to go into."""

    def __init__(
        self, db: Transaction, place: WorkspaceRef, spool: ContainerSpool, old_ids: dict[str, str], found: Conflicts
    ) -> None:
        self._db = db
        self._place = place
        self._spool = spool
        self._old_ids = old_ids
        self._found = found

    def run(self, *, are_reserved: bool) -> None:
        prepared, homes = self._spool.prepared(), {self._place.public_id}
        if prepared.container is None:  # a bag of less does not say where it came from
            homes = all_public_ids(self._db)
        else:
            home = self._old(prepared.container[public_id(Workspace).name])
            homes.add(home)
            erased = forgotten_among(self._db, Scope.WORKSPACE.value, [home], [home])
            self._found.add_erased(Scope.WORKSPACE.value, erased)
            _other_workspace(self._db, self._place, prepared, self._found)
        self._find_taken(prepared.tables)
        for table in prepared.tables:
            record = catalogue()[table.table]
            if HIDDEN in record.table.c:
                self._erased(table, homes)
            if object_column(record) is not None and not are_reserved:
                self._in_ledger()

    def _find_taken(self, tables: Sequence[PreparedTable]) -> None:
        """Ids first: a name with one of them in it is another under new ids."""
        renamed = Renamer(lambda: "another")
        for table, columns, row in self._taken(tables, are_ids=True):
            self._found.add_taken(table, columns, row)
            record = catalogue()[table]
            ids = [str(value) for name, value in zip(columns, row, strict=True) if name in id_columns(record)]
            collect = renamed.collect_derived if set(columns) & set(derived_columns(record)) else renamed.collect
            collect(ids)
        renamed.settle({})
        for table, columns, row in self._taken(tables, are_ids=False):
            is_name = all(renamed.text(value) == value for value in row if isinstance(value, str))
            self._found.add_taken(table, columns, row, is_name=is_name)

    def _taken(self, tables: Sequence[PreparedTable], *, are_ids: bool) -> Iterator[tuple[str, list[str], Row]]:
        for table in tables:
            record = catalogue()[table.table]
            for columns, only_standing in _unique_sets(record):
                has_id = not set(columns).isdisjoint(id_columns(record))
                if has_id is are_ids and set(columns) <= set(table.columns):
                    for row in self._standing(table, columns, only_standing=only_standing):
                        yield table.table, columns, row

    def _old(self, value: Any) -> str:
        """As the bag has it: an erased thing does not come back under a new id either."""
        return self._old_ids.get(str(value), str(value))

    def _standing(self, table: PreparedTable, columns: list[str], *, only_standing: bool) -> Iterator[Row]:
        """An object's key is asked for in every workspace: two rows would own the same bytes."""
        record = catalogue()[table.table]
        c = record.table.c
        is_object = any("object_prefix" in c[name].info for name in columns)
        here = [] if is_object else [c[WORKSPACE] == self._place.workspace_id]
        here += [c[HIDDEN].is_(None)] if only_standing else []
        if self._db.execute(sa.select(sa.literal(1)).select_from(record.table).where(*here).limit(1)).first() is None:
            return
        seen: set[tuple[Any, ...]] = set()
        wanted = [c[name] for name in columns]
        for values in _values(self._spool, table, columns):
            mine = sa.tuple_(*wanted).in_(values) if len(wanted) > 1 else wanted[0].in_([value for (value,) in values])
            for row in self._db.execute(sa.select(*wanted).where(*here, mine)):
                if tuple(row) not in seen:
                    seen.add(tuple(row))
                    yield list(row)

    def _erased(self, table: PreparedTable, homes: set[str]) -> None:
        kind = table.table.removesuffix("s")
        for values in _values(self._spool, table, [public_id(catalogue()[table.table]).name]):
            ids = [self._old(value) for (value,) in values]
            self._found.add_erased(kind, forgotten_among(self._db, kind, homes, ids))

    def _in_ledger(self) -> None:
        """Bytes of these keys are on their way in or out."""
        for group in self._spool.object_groups():
            for start in range(0, len(group), AT_ONCE):
                for key in artifact_queries.in_ledger(self._db, [each.key for each in group[start : start + AT_ONCE]]):
                    self._found.add_taken("object_ledger", ["object_key"], [key])


def takes_identity(db: Transaction, workspace: WorkspaceRef, prepared: Prepared, *, new_ids: bool) -> bool:
    """A workspace that was never used takes on the identity of the bag's, if that has the same name and kind."""
    container = prepared.container
    if container is None or new_ids:
        return False
    is_same = container["kind"] == workspace.kind and container["arm_path_folded"] == workspace.arm_path.casefold()
    return bool(is_same) and is_unused(db, workspace.workspace_id)


def is_unused(db: Transaction, workspace_id: int) -> bool:
    """Nothing that an export would take stands in it, and nothing was noted of it but exports and imports."""
    selection = Selection(Target(Scope.WORKSPACE, workspace_id, (workspace_id,)))
    packed = selection.decoded()
    for record in chain(selection.exported(), packed):
        if record is not selection.root:
            found = sa.select(sa.literal(1)).select_from(record.table).where(selection.rows(record)).limit(1)
            if db.execute(found).first() is not None:
                return False
    return True


def _other_workspace(db: Transaction, workspace: WorkspaceRef, prepared: Prepared, found: Conflicts) -> None:
    """Where the workspace would take on an id that another one here has."""
    if prepared.container is None or not takes_identity(db, workspace, prepared, new_ids=False):
        return
    column = public_id(Workspace)
    value = prepared.container[column.name]
    other = sa.select(column).where(column == value, Workspace.c.workspace_id != workspace.workspace_id)
    if db.execute(other).first() is not None:
        found.add_taken(str(Workspace.table.name), [column.name], [value])


def _unique_sets(record: type[Record]) -> Iterator[tuple[list[str], bool]]:
    """Columns that are unique together in a workspace, links apart; whether only among rows that stand.

    A set with a link to a row of the bag cannot be taken: that row is new.
    """
    for constraint in record.table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            yield from _without_workspace(constraint.columns, only_standing=False)
    for index in record.table.indexes:
        if index.unique:
            yield from _without_workspace(index.columns, only_standing=True)


def _without_workspace(columns: Any, *, only_standing: bool) -> Iterator[tuple[list[str], bool]]:
    kept = [column for column in columns if column.name != WORKSPACE]
    if kept and not any("link" in column.info for column in kept):
        yield [column.name for column in kept], only_standing


def _values(spool: ContainerSpool, table: PreparedTable, columns: Sequence[str]) -> Iterator[list[Row]]:
    places = [table.columns.index(name) for name in columns]
    for batch in spool.batches(table):
        for start in range(0, len(batch), AT_ONCE):
            yield [[row[place] for place in places] for row in batch[start : start + AT_ONCE]]
