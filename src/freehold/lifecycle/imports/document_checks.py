"""Documents of a bag, held to what their readers need of them (shapes.py).

One document that a reader stumbles over would spoil every list that it is in.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from freehold.kit.nesting import DEEPEST, is_too_deep
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.shapes import Data, OfKind, Shape, Shapes
from freehold.lifecycle.tables import Columns, ExportTable
from freehold.records.columns import Json

_ANY_OBJECT = msgspec.json.Decoder(Data)


class DocumentChecks:
    """Passes over every document in columns of a table, or raises Refused with the row's number, counted from 1."""

    def __init__(self, table: ExportTable, names: Sequence[str], readers: Sequence[Shapes]) -> None:
        """`names`: of the columns that it is given. `readers`: a document fits all of them."""
        own = [name for name in names if name in table.record.table.c and name not in table.links]
        columns = [table.record.table.c[name] for name in own]
        self._checks = [_Check(table, names, each, readers) for each in columns if isinstance(each.type, Json)]

    def __call__(self, columns: Columns, before: int) -> None:
        """`before`: rows of the table in front of these."""
        for check in self._checks:
            check(columns, before)


class _Check:
    def __init__(
        self, table: ExportTable, names: Sequence[str], column: sa.Column[Any], readers: Sequence[Shapes]
    ) -> None:
        self._where = f"{table.name}.{column.name}"
        self._place = names.index(column.name)
        needed = [shapes[column] for shapes in readers if column in shapes]
        self._of_all = [each for each in needed if not isinstance(each, OfKind)]
        self._of_kind = [(names.index(each.column.name), each.shapes) for each in needed if isinstance(each, OfKind)]

    def __call__(self, columns: Columns, before: int) -> None:
        for number, text in enumerate(columns[self._place]):
            if text is not None:
                self._check(text, columns, number, before)

    def _check(self, text: str, columns: Columns, number: int, before: int) -> None:
        where = f"{self._where}, row {before + number + 1}"
        if is_too_deep(text):
            raise Refused("BagWrongValue", f"A document is nested more than {DEEPEST} levels deep.", where)
        try:
            document = _ANY_OBJECT.decode(text)
            for shape in self._shapes(columns, number):
                msgspec.convert(document, shape)
        except msgspec.ValidationError as fault:  # it says what was expected, and names no more than fields of ours
            raise Refused("BagWrongValue", f"A document is not what it must be: {fault}.", where) from fault
        except (msgspec.DecodeError, RecursionError) as fault:
            raise Refused("BagWrongValue", "A document is no JSON.", where) from fault

    def _shapes(self, columns: Columns, number: int) -> Iterator[Shape]:
        yield from self._of_all
        for place, shapes in self._of_kind:
            kind = columns[place][number]
            if kind in shapes:
                yield shapes[kind]
