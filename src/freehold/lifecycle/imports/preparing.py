"""Makes the rows of a bag ready to be written: links become ordinals, what cannot be is refused. Names no table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from freehold.domain.artifacts.rules import check_container, check_path
from freehold.kit.problems import Invalid
from freehold.lifecycle.imports.budget import Budget
from freehold.lifecycle.imports.extract import Wanted
from freehold.lifecycle.imports.reading import BAG_PATH, TableReader
from freehold.lifecycle.imports.refusal import WHAT_TO_DO, Refused
from freehold.lifecycle.imports.renaming import Renamer, id_columns
from freehold.lifecycle.imports.shapes import Shapes
from freehold.lifecycle.imports.spool import BatchWriter, ContainerSpool, PreparedTable, Row
from freehold.lifecycle.imports.tree import check_own
from freehold.lifecycle.imports.uniqueness import UniqueRows
from freehold.lifecycle.imports.words import LINKED
from freehold.lifecycle.listings import object_columns
from freehold.lifecycle.removal import object_column
from freehold.lifecycle.tables import ExportTable, LinkFields, public_names
from freehold.records.columns import Json
from freehold.records.rules import LinkKind, Scope

OBJECT_KEY_LENGTH = 36
SIZE, SHA256 = "size", "sha256"
FOLDED = "_folded"
"""A column of this ending repeats another without case."""
TOO_NARROW = "Nothing of it was kept. Export what holds both, an experiment or the workspace, and import that."
"""What to do with a bag that has no more than what was asked for: it is as it was exported."""
Key = tuple[Any, ...]


@dataclass(slots=True)
class Found:
    """What the tables of a container said: rows by their public keys, objects by the file that holds their bytes.

    `folder` is where the container lies below `data/`; `objects_before` counts those of the containers before it.
    """

    scope: Scope
    folder: str = ""
    objects_before: int = 0
    keys: dict[str, dict[Key, int]] = field(default_factory=dict)
    objects: list[tuple[str, int, str]] = field(default_factory=list)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)


class TablePreparer:
    """One record's rows: `prepare` writes them, and tells `found` what others need of them."""

    def __init__(
        self,
        table: ExportTable,
        files: Sequence[Path],
        found: Found,
        renamer: Renamer,
        budget: Budget,
        facades: Sequence[Shapes],
    ) -> None:
        self._table = table
        self._record = table.record
        self._found = found
        self._renamer = renamer
        self._has_objects = object_columns(table.record) is not None
        self._reader = TableReader(table, files, budget, has_objects=self._has_objects, facades=facades)
        self._place = {name: number for number, name in enumerate(self._reader.names)}
        self._plain = [f.name for f in table.fields if not any(f.name in link.names for link in table.links.values())]
        self._links = dict(table.links)
        self._repeating = [
            (self._plain.index(name), self._place[name], self._place[repeats.key], repeats.names)
            for name, repeats in table.record.repeats().items()
        ]
        self._spellings = [(self._place[name], self._spelling(name)) for name in self._plain]
        folded = [name for name in self._plain if name.endswith(FOLDED)]
        self._folded = [(self._place[name.removesuffix(FOLDED)], self._place[name]) for name in folded]
        self._holder = object_column(table.record)
        stored = [self._record.table.c[column] for column in self._links]
        self._needed = [
            (place, self._place[LINKED[column][0].name], LINKED[column][1])
            for place, column in enumerate(stored)
            if column in LINKED
        ]
        links = enumerate(self._links.values())
        self._to_object = next((place for place, link in links if object_column(link.to) is not None), -1)

    def prepare(self, spool: ContainerSpool, *, is_linked_to: bool) -> PreparedTable:
        """Raises Refused."""
        name = self._table.name
        keys = self._found.keys.setdefault(name, {})
        own = [column for column, link in self._links.items() if self._own(link)]
        if is_linked_to or own:
            self._number_rows(keys)
        file = f"{name}.rows"
        with BatchWriter(spool.rows / file) as rows, UniqueRows(self._table, self._reader.names, spool.rows) as unique:
            for number, row in enumerate(self._reader.rows(), 1):
                self._check_folded(row, number)
                unique.add(row)
                rows.add(self._ready(row))
            unique.check()
        links = {column: str(link.to.table.name) for column, link in self._links.items()}
        return PreparedTable(name, file, [*self._plain, *links], links, own, rows.rows)

    def only_row(self) -> dict[str, Any]:
        """Of the container: its one row, by column."""
        rows = list(islice(self._reader.rows(), 2))
        if len(rows) != 1:
            raise Refused("BagWrongValue", "A bag holds one workspace.", self._table.name)
        self._check_folded(rows[0], 1)
        check_own(dict(zip(self._reader.names, rows[0], strict=True)))
        return dict(zip(self._plain, self._values(rows[0]), strict=True))

    def _check_folded(self, row: Row, number: int) -> None:
        """What is compared without case says the same as what is shown."""
        for column, folded in self._folded:
            if row[folded] != row[column].casefold():
                where = f"{self._table.name}.{self._reader.names[folded]}, row {number}"
                raise Refused("BagWrongValue", "A name in lower case is not that of its row.", where)

    def _own(self, link: LinkFields) -> bool:
        return link.to is self._record

    def _number_rows(self, keys: dict[Key, int]) -> None:
        """A pass of its own over the key columns, since a row may link to a later one of its table."""
        for number, row in enumerate(self._reader.column_values(self._table.key)):
            key = tuple(row)
            if key in keys:
                raise Refused("BagDuplicate", "Two rows of a table have the same id.", self._table.name)
            keys[key] = number

    def _ready(self, row: Row) -> Row:
        linked = [self._ordinal(row, column, link) for column, link in self._links.items()]
        self._check_links(row, linked)
        if self._has_objects:
            self._note_bytes(row, linked)
        values = self._values(row)
        if self._holder is not None:
            self._note_object(row, values)
        return values + linked

    def _values(self, row: Row) -> Row:
        values = [spell(row[place]) if row[place] is not None else None for place, spell in self._spellings]
        for number, place, key, names in self._repeating:
            if row[key] in names:  # it names what the link leads to, though the id be as short as a word
                values[number] = self._renamer.string(row[place])
        return values

    def _spelling(self, name: str) -> Any:
        column = self._record.table.c[name]
        if not isinstance(column.type.python_type, type) or "rule" not in column.info:
            return _as_it_is
        if name in id_columns(self._record):
            return self._renamer.exact
        if isinstance(column.type, Json):
            return self._renamer.document
        return self._renamer.text if isinstance(column.type, sa.types.TypeDecorator) else _as_it_is

    def _ordinal(self, row: Row, column: str, link: LinkFields) -> int | None:
        key = tuple(row[self._place[name]] for name in link.names)
        if all(part is None for part in key):
            return None
        number = self._found.keys.get(str(link.to.table.name), {}).get(key)
        if number is None:
            self._drop_link(column)
        return number

    def _check_links(self, row: Row, linked: Row) -> None:
        for place, kind, kinds in self._needed:
            if linked[place] is None and row[kind] in kinds:
                where = f"{self._table.name}.{list(self._links)[place]}"
                raise Refused("BagMissingValue", "A row of its kind refers to nothing here, which it must.", where)

    def _drop_link(self, column: str) -> None:
        """A bag of one thing names what it came from; where that may be missing, the link is dropped and counted."""
        stored = self._record.table.c[column]
        where = f"{self._table.name}.{column}"
        if self._found.scope is Scope.WORKSPACE or not stored.nullable or stored.info["link"].kind is LinkKind.DEEP:
            advice = WHAT_TO_DO if self._found.scope is Scope.WORKSPACE else TOO_NARROW
            raise Refused("BagLinkOutside", "A row refers to one that is not in the bag.", where, advice=advice)
        self._found.dropped[where] = self._found.dropped.get(where, 0) + 1

    def _note_bytes(self, row: Row, linked: Row) -> None:
        path = row[self._place[BAG_PATH]]
        number = linked[self._to_object]
        if (path is None) != (number is None):
            raise Refused("BagMissingObject", "A row names bytes that are not in the bag.", self._table.name)
        self._check_names(row)
        if path is None or number is None:
            return
        file = f"data/{self._found.folder}{path}"
        if not path.startswith(f"{self._table.name}/") or file in self._found.wanted:
            raise Refused("BagWrongValue", "A row names a file that is not its own.", self._table.name)
        _, size, sha256 = self._found.objects[number]
        self._found.wanted[file] = Wanted(self._found.objects_before + number, size, sha256)

    def _check_names(self, row: Row) -> None:
        """What clients will make files of: no name may leave a folder."""
        *containers, path = (row[self._place[name]] for name in public_names(self._record))
        try:
            if check_path(path) != path:
                raise Refused("BagWrongValue", "A path begins or ends with a slash.", self._table.name)
            for each in containers:
                check_container("container", each)
        except Invalid as fault:
            if isinstance(fault, Refused):
                raise
            raise Refused("BagWrongName", fault.message, self._table.name) from fault

    def _note_object(self, row: Row, values: Row) -> None:
        assert self._holder is not None
        key = values[self._plain.index(self._holder.name)]
        if not is_object_key(key, self._holder.info["object_prefix"]):
            raise Refused("BagWrongValue", "The key of an object is none.", self._table.name)
        self._found.objects.append((key, row[self._place[SIZE]], row[self._place[SHA256]]))


def is_object_key(key: str, prefix: str) -> bool:
    """`prefix/xx/<uuid>`: anything else could lead out of the store, or to what is not an object."""
    parts = key.split("/")
    allowed = set("0123456789abcdef-")
    return (
        len(parts) == 3
        and parts[0] == prefix
        and parts[1] == parts[2][-2:]
        and (len(parts[2]) == OBJECT_KEY_LENGTH and set(parts[2]) <= allowed)
    )


def _as_it_is(value: Any) -> Any:
    return value


def ids_in(table: ExportTable, files: Sequence[Path], names: Sequence[str], budget: Budget) -> Iterator[str]:
    """Every value of these columns."""
    reader = TableReader(table, files, budget, has_objects=object_columns(table.record) is not None)
    for row in reader.column_values(names):
        yield from (value for value in row if isinstance(value, str))
