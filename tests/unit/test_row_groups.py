"""Groups of rows: their borders depend on the rows alone, and none holds much more than it may."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.lifecycle.row_groups import FIXED, RowStream, batches_in, grouped, sizes_of

SCHEMA = pa.schema([("name", pa.string()), ("count", pa.int64()), ("body", pa.binary())])
ROWS = st.lists(st.tuples(st.text(max_size=30) | st.none(), st.integers(0, 9), st.binary(max_size=30) | st.none()))


def batches(rows: list[Any], cuts: list[int]) -> list[pa.RecordBatch]:
    """The rows, cut at these places."""
    borders = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    return [batch(rows[start:end]) for start, end in pairwise(borders)]


def batch(rows: list[Any]) -> pa.RecordBatch:
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)], schema=SCHEMA
    )


def weight(row: tuple[str | None, int, bytes | None]) -> int:
    name, _, body = row
    return 3 * FIXED + len((name or "").encode()) + len(body or b"")


@given(ROWS, st.lists(st.integers(0, 50)), st.lists(st.integers(0, 50)), st.integers(1, 10), st.integers(1, 300))
def test_groups_are_the_same_however_their_rows_come(
    rows: list[Any], cuts: list[int], others: list[int], most: int, size: int
) -> None:
    found, same = (list(grouped(batches(rows, each), SCHEMA, most, size)) for each in (cuts, others))
    assert found == same
    assert [row for each in found for row in zip(*each.to_pydict().values(), strict=True)] == rows
    for each, is_last in zip(found, [*[False] * (len(found) - 1), True], strict=True) if found else ():
        weights = list(map(weight, zip(*each.to_pydict().values(), strict=True)))
        assert len(weights) <= most
        assert sum(weights[:-1]) < size, "it would have ended before"
        assert is_last or len(weights) == most or sum(weights) >= size, "it ended for no reason"


@given(ROWS)
def test_a_row_is_as_large_as_what_it_holds_also_where_texts_are_a_dictionary(rows: list[Any]) -> None:
    plain = batch(rows)
    packed = pa.RecordBatch.from_arrays(
        [plain["name"].dictionary_encode(), plain["count"], plain["body"].dictionary_encode()], names=SCHEMA.names
    )
    assert sizes_of(plain).tolist() == sizes_of(packed).tolist() == list(map(weight, rows))


@given(ROWS, st.lists(st.integers(0, 50)), st.integers(1, 20))
def test_rows_are_taken_so_many_at_a_time_and_all_of_them(rows: list[Any], cuts: list[int], many: int) -> None:
    stream, found = RowStream(batches(rows, cuts)), list[list[Any]]()
    while stream.has_more():
        found.append([row for each in stream.take(many) for row in zip(*each.to_pydict().values(), strict=True)])
    assert found == [rows[at : at + many] for at in range(0, len(rows), many)]


@pytest.mark.parametrize("rows", [1, 3, 1_000])
def test_a_file_is_read_a_group_at_a_time_at_most(tmp_path: Path, rows: int) -> None:
    table = pa.Table.from_batches([batch([(str(number), number, None) for number in range(10)])])
    pq.write_table(table, tmp_path / "table.parquet", row_group_size=4)
    found = list(batches_in(tmp_path / "table.parquet", rows=rows))
    assert max(each.num_rows for each in found) == min(rows, 4)
    assert pa.Table.from_batches(found) == table
