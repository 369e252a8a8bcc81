"""A total order over rows with gaps, and the pages it is cut into.

Each ordering is two columns: a rank (a value, then NaN, then missing: last in either direction) and the value with
its gaps filled. No column is ever null, so the place after a row is a plain comparison on both databases.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

SORTED_CHARACTERS = 200
"""Texts are ordered by this many characters: the place after a row travels in a page token, which is bounded."""
MOST_ORDERINGS = 5


class SortColumn(NamedTuple):
    """`value` is never null."""

    value: sa.ColumnElement[Any]
    descending: bool = False

    def clause(self) -> sa.ColumnElement[Any]:
        return self.value.desc() if self.descending else self.value.asc()


def number_columns(value: sa.ColumnElement[Any], *, descending: bool) -> list[SortColumn]:
    """A number that may be missing."""
    rank = sa.case((value.is_(None), 1), else_=0)
    return [SortColumn(rank), SortColumn(sa.func.coalesce(value, 0), descending)]


def metric_columns(
    value: sa.ColumnElement[Any], run_row: sa.ColumnElement[Any], *, descending: bool
) -> list[SortColumn]:
    """The value of an outer-joined metric: NaN is null where its row stands (records.columns.Double)."""
    rank = sa.case((run_row.is_(None), 2), (value.is_(None), 1), else_=0)
    return [SortColumn(rank), SortColumn(sa.func.coalesce(value, 0.0), descending)]


def text_columns(value: sa.ColumnElement[Any], *, descending: bool) -> list[SortColumn]:
    rank = sa.case((value.is_(None), 1), else_=0)
    head = sa.func.substr(sa.func.coalesce(value, ""), 1, SORTED_CHARACTERS)
    return [SortColumn(rank), SortColumn(head, descending)]


def is_after(columns: Sequence[SortColumn], place: Sequence[Any]) -> sa.ColumnElement[bool]:
    """Rows that follow the row whose sort columns have the values `place`.

    The bound on the first column follows from the rest; it is said for SQLite, which otherwise reads an index from its
    beginning to find where the page begins.
    """
    alternatives = []
    equal: list[sa.ColumnElement[bool]] = []
    for column, value in zip(columns, place, strict=True):
        beyond = column.value < value if column.descending else column.value > value
        alternatives.append(sa.and_(*equal, beyond))
        equal.append(column.value == value)
    first, value = columns[0], place[0]
    bound = first.value <= value if first.descending else first.value >= value
    return sa.and_(bound, sa.or_(*alternatives))
