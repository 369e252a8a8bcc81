"""No two rows of a table have what only one may have: told before anything is written, in bounded memory."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import msgspec
import sqlalchemy as sa

from freehold.lifecycle.bag.sorting import LineSorter
from freehold.lifecycle.imports.refusal import Refused
from freehold.lifecycle.selection import WORKSPACE
from freehold.lifecycle.tables import ExportTable


class UniqueRows:
    """Takes the rows of one table, whose fields are `names`; `check` raises Refused. What does not fit into memory is
    sorted in files below `folder`, which are gone at the end."""

    def __init__(self, table: ExportTable, names: Sequence[str], folder: Path) -> None:
        self._table = table
        self._places = [[names.index(name) for name in fields] for fields in unique_fields(table)]
        self._sorters = [LineSorter(folder) for _ in self._places]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for sorter in self._sorters:
            self._stack.enter_context(sorter)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, row: Sequence[Any]) -> None:
        for places, sorter in zip(self._places, self._sorters, strict=True):
            values = [row[place] for place in places]
            if None not in values:  # a row without one of them stands beside any other
                sorter.add(hashlib.blake2b(msgspec.msgpack.encode(values), digest_size=16).hexdigest().encode())

    def check(self) -> None:
        for sorter in self._sorters:
            if any(line == after for line, after in pairwise(sorter.lines())):
                message = "Two rows of a table have an id or a name that only one may have."
                raise Refused("BagDuplicate", message, self._table.name)


def unique_fields(table: ExportTable) -> Iterator[list[str]]:
    """For each unique set of the record's columns, the fields that say it in a bag; one that a bag cannot say is left
    out."""
    for each in (*table.record.table.constraints, *table.record.table.indexes):
        if isinstance(each, sa.UniqueConstraint) or (isinstance(each, sa.Index) and each.unique):
            columns = [column.name for column in each.columns if column.name != WORKSPACE]
            if not any(name in table.withheld for name in columns):
                yield [field for name in columns for field in _fields(table, name)]


def _fields(table: ExportTable, column: str) -> tuple[str, ...]:
    link = table.links.get(column)
    return link.names if link else (column,)
