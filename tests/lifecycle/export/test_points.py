"""The stream of points is the same however it is packed and however little memory there is."""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.lifecycle.points import Points, point_batches, point_schema, sorted_points, without_first
from freehold.lifecycle.readahead import read_ahead
from freehold.storage.metrics import MetricColumns, Point, columns_of

POINT = st.builds(Point, st.sampled_from(["b", "a", "é"]), st.integers(0, 9), st.integers(0, 9), st.floats())
PARTS = st.lists(st.lists(POINT, min_size=1, max_size=6), max_size=6)


def as_rows(parts: list[list[Point]], scratch: Path, limit: int) -> list[tuple[str, int, int, bytes]]:
    columns: list[MetricColumns] = [columns_of(part) for part in parts]
    rows = []
    for points in sorted_points(columns, scratch, limit):
        for key, step, at, value in zip(points.key, points.step, points.at, points.value, strict=True):
            rows.append((points.keys[key], int(step), int(at), np.float64(value).tobytes()))
    return rows


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PARTS, st.integers(1, 8))
def test_points_stand_by_key_and_then_in_order_of_arrival(tmp_path: Path, parts: list[list[Point]], limit: int) -> None:
    points = [point for part in parts for point in part]
    expected = [(p.key, p.step, p.at, np.float64(p.value).tobytes()) for p in sorted(points, key=lambda p: p.key)]
    assert as_rows(parts, tmp_path, limit) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PARTS, st.integers(1, 5), st.integers(0, 40))
def test_batches_have_their_size_and_can_begin_anywhere(
    tmp_path: Path, parts: list[list[Point]], size: int, skip: int
) -> None:
    def stream() -> Iterator[tuple[str, Points]]:
        for number, part in enumerate(parts):
            for points in sorted_points([columns_of(part)], tmp_path):
                yield f"run{number}", points

    def rows(skipped: int) -> list[dict[str, object]]:
        batches = list(point_batches(without_first(stream(), skipped), point_schema("run_id"), size))
        assert all(batch.num_rows == size for batch in batches[:-1])
        return [row | {"value": repr(row["value"])} for batch in batches for row in batch.to_pylist()]

    assert rows(skip) == rows(0)[skip:]


def test_what_is_read_ahead_comes_in_order_with_its_fault() -> None:
    def items() -> Iterator[int]:
        yield from range(10)
        raise OSError("gone")

    ahead = read_ahead(items())
    assert [next(ahead) for _ in range(10)] == list(range(10))
    with pytest.raises(OSError, match="gone"):
        next(ahead)


def test_a_dropped_read_ahead_stops_its_thread() -> None:
    def items() -> Iterator[int]:
        while True:
            yield 1

    before = threading.active_count()
    ahead = read_ahead(items())
    assert next(ahead) == 1
    ahead.close()
    assert threading.active_count() == before
