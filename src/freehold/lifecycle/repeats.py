"""Rows whose text says once more what a link says, and go with that link: read off the catalogue, names no table.

A child's tag `mlflow.parentRunId` names its parent beside the link. Once the parent is erased it would keep its id.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa

from freehold.lifecycle.selection import key_of
from freehold.lifecycle.targets import public_id
from freehold.records.catalogue import Record, catalogue
from freehold.records.rules import Repeats

Condition = sa.ColumnElement[bool]


class Repeated(NamedTuple):
    """`rows`: the condition on the record's table that picks the rows; `column` has the text."""

    record: type[Record]
    column: sa.Column[str]
    rows: Condition


def repeated(going: type[Record], goes: Condition) -> Iterator[Repeated]:
    """What repeats links that are cut when those rows of `going` go; not what hangs on one of these itself."""
    for record, column, repeats in _repeating(tuple(catalogue().values())).get(str(going.table.name), ()):
        yield Repeated(record, column, _rows(record, column, repeats, going, goes))


def _rows(
    record: type[Record], column: sa.Column[str], repeats: Repeats, going: type[Record], goes: Condition
) -> Condition:
    """The texts of what hangs below a row that goes, on a line of links, that name that row or one above it: from
    what is cut off, nothing above the cut can be told any more."""
    below = _cut_off(repeats.link, going, goes)
    above = _names_above(repeats.link, going, below)
    (says,) = _names_of(record.table, 1)
    found = (
        sa.select(key_of(says))
        .join(below, says.c[repeats.owner] == below.c.row)
        .join(above, sa.and_(above.c.cut == below.c.cut, above.c.name == says.c[column.name]))
        .where(says.c[repeats.key].in_(sorted(repeats.names)))
    )
    return key_of(record.table).in_(found)


def _cut_off(link: str, going: type[Record], goes: Condition) -> sa.CTE:
    """(row, cut): rows that stay and lose their link to the row `cut`, and those that stay below them. What goes is
    not passed: a line may be long, and all of it go."""
    first, child = _names_of(going.table, 2)
    cut = sa.select(key_of(going.table)).where(goes)
    start = sa.select(key_of(first).label("row"), first.c[link].label("cut"))
    line = start.where(first.c[link].in_(cut), key_of(first).not_in(cut)).cte(recursive=True)
    below = sa.select(key_of(child), line.c.cut).join(line, child.c[link] == line.c.row)
    return line.union(below.where(key_of(child).not_in(cut)))


def _names_above(link: str, going: type[Record], below: sa.CTE) -> sa.CTE:
    """(cut, name): the public ids of the rows at the cuts, and of those above them."""
    first, parent = _names_of(going.table, 2)
    name = public_id(going).name
    start = sa.select(key_of(first).label("cut"), first.c[name].label("name"), first.c[link].label("next"))
    line = start.where(key_of(first).in_(sa.select(below.c.cut))).cte(recursive=True)
    above = sa.select(line.c.cut, parent.c[name], parent.c[link])
    return line.union(above.join(line, key_of(parent) == line.c.next))


@cache
def _names_of(table: sa.Table, number: int) -> list[sa.FromClause]:
    """So many other names of the table, made once: each makes all its columns anew."""
    return [table.alias() for _ in range(number)]


@cache
def _repeating(
    records: Sequence[type[Record]],
) -> dict[str, list[tuple[type[Record], sa.Column[str], Repeats]]]:
    """By the table that the repeated links lead to: who repeats them, and in which column."""
    found: dict[str, list[tuple[type[Record], sa.Column[str], Repeats]]] = {}
    for record in records:
        for name, repeats in record.repeats().items():
            found.setdefault(record.links()[repeats.owner].to, []).append((record, record.table.c[name], repeats))
    return found
