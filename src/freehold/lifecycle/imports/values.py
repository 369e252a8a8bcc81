"""Single values of a bag's table, checked by what their column declares: range, length, words."""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from freehold.kit.clock import to_iso
from freehold.kit.problems import Invalid
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.imports.renaming import id_columns
from freehold.lifecycle.imports.words import CHECKS
from freehold.lifecycle.tables import ExportTable
from freehold.records.catalogue import Record
from freehold.records.columns import Double
from freehold.records.rules import Within

LONGEST_TEXT = 1 << 22
LONGEST_INDEXED = 5_000
LONGEST_ID = 1_024


class ColumnCheck:
    """Passes the values of one column on, or raises Refused with the row's number in the table, counted from 1."""

    def __init__(self, table: ExportTable, name: str, *, may_be_null: bool) -> None:
        column = table.record.table.c.get(name)
        own = column if name not in table.links else None
        self._where = f"{table.name}.{name}"
        self._may_be_null = may_be_null or (own is not None and isinstance(own.type, Double))
        self._longest = _longest(table.record, name) if own is not None else LONGEST_ID
        self._within: Within | None = own.info.get("within") if own is not None else None
        self._is_moment = own is not None and bool(own.info.get("moment"))
        self._check = CHECKS.get(own) if own is not None else None

    def __call__(self, values: list[Any], before: int) -> list[Any]:
        """`before`: rows of the table in front of these."""
        if self._within is not None:
            self._check_numbers(values, before)
        for number, value in enumerate(values, before + 1):
            if value is None:
                if not self._may_be_null:
                    message = "A table lacks a value that it must have."
                    raise Refused("BagMissingValue", message, self._row(number))
            elif isinstance(value, str | bytes):
                self._check_text(value, number)
        return values

    def _check_numbers(self, values: Sequence[int | None], before: int) -> None:
        assert self._within is not None, "asked before"
        least, most = self._within.least, self._within.most
        for number, value in enumerate(values, before + 1):
            if value is not None and not least <= value <= most:
                span = f"{to_iso(least)} to {to_iso(most)}" if self._is_moment else f"{least} to {most}"
                what = "moment" if self._is_moment else "number"
                raise Refused("BagWrongValue", f"A {what} is out of range: it is {span}.", self._row(number))

    def _check_text(self, value: str | bytes, number: int) -> None:
        if len(value) > self._longest:
            message = f"A value is longer than {self._longest} characters."
            raise Refused("BagValueTooLong", message, self._row(number))
        if isinstance(value, bytes):
            return
        if "\0" in value:
            raise Refused("BagWrongValue", "A text holds a NUL character.", self._row(number))
        if self._check is not None:
            self._ask(self._check, value, number)

    def _ask(self, check: Callable[[str], Any], value: str, number: int) -> None:
        try:
            check(value)
        except Invalid as fault:
            message = f"A value is none that its column can have. {fault.message}"
            raise Refused("BagWrongValue", message, self._row(number)) from fault

    def _row(self, number: int) -> str:
        return f"{self._where}, row {number}"


def _longest(record: type[Record], name: str) -> int:
    """Ids stand in addresses, and what is indexed cannot be of any length."""
    if name in id_columns(record):
        return LONGEST_ID
    indexed = {column.name for index in record.table.indexes for column in index.columns}
    indexed |= {
        c.name for each in record.table.constraints if isinstance(each, sa.UniqueConstraint) for c in each.columns
    }
    return LONGEST_INDEXED if name in indexed else LONGEST_TEXT
