"""Segments keep every point, whatever its numbers are."""

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.storage.metrics import (
    PACKED_FROM,
    MetricColumns,
    Point,
    columns_of,
    decode_segment,
    encode_points,
    encode_segment,
    join_segments,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
POINTS = st.lists(
    st.builds(Point, st.text(min_size=1, max_size=40), INT64, INT64, st.floats(allow_nan=True)),
    min_size=1,
    max_size=3 * PACKED_FROM,
)


def same(left: float, right: float) -> bool:
    return (math.isnan(left) and math.isnan(right)) or struct.pack("d", left) == struct.pack("d", right)


def points_in(payload: bytes) -> list[Point]:
    return _points_of(decode_segment(payload))


def _points_of(columns: MetricColumns) -> list[Point]:
    keys, index, step, at, value = columns
    return [
        Point(keys[i], s, t, v)
        for i, s, t, v in zip(index.tolist(), step.tolist(), at.tolist(), value.tolist(), strict=True)
    ]


@given(POINTS)
def test_a_segment_gives_back_its_points_in_order(points: list[Point]) -> None:
    for payload in (encode_points(points), encode_segment(columns_of(points))):
        found = points_in(payload)
        assert [p[:3] for p in found] == [p[:3] for p in points]
        assert all(same(a.value, b.value) for a, b in zip(found, points, strict=True))


@given(st.lists(POINTS, min_size=1, max_size=20), st.data())
def test_segments_that_are_read_as_one_give_back_all_points_in_order(
    segments: list[list[Point]], data: st.DataObject
) -> None:
    encode = st.sampled_from([encode_points, lambda points: encode_segment(columns_of(points))])
    found = _points_of(join_segments([data.draw(encode)(points) for points in segments]))
    expected = [point for points in segments for point in points]
    assert [p[:3] for p in found] == [p[:3] for p in expected]
    assert all(same(a.value, b.value) for a, b in zip(found, expected, strict=True))


def test_a_segment_that_is_cut_off_is_not_joined() -> None:
    whole = encode_points([Point("ab", 7, 1, 2.5)])
    with pytest.raises(ValueError, match="as long as its head says"):
        join_segments([whole, whole[:-1]])


def test_a_point_of_a_metric_that_its_segment_does_not_name_is_not_joined() -> None:
    whole, other = (encode_points([Point(key, 7, 1, 2.5)]) for key in ("ab", "cd"))
    at = len(whole) - struct.calcsize("<Hqqd")
    with pytest.raises(ValueError, match="a metric that it does not name"):
        join_segments([whole[:at] + b"\x01\x00" + whole[at + 2 :], other])


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x02" + bytes(3)])
def test_what_is_shorter_than_a_head_is_not_joined(payload: bytes) -> None:
    with pytest.raises(ValueError, match="shorter than its head"):
        join_segments([payload])


def test_a_smooth_curve_is_packed_small() -> None:
    points = [Point("loss", step, 1_700_000_000_000_000 + step * 1_000_000, 1 / (step + 1)) for step in range(1_000)]
    assert len(encode_points(points)) < 8_000


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x09" + bytes(20), b"\x02" + bytes(8) + b"no frame at all"])
def test_anything_else_is_refused(payload: bytes) -> None:
    with pytest.raises((ValueError, Exception), match=r"."):
        decode_segment(payload)


def test_an_unknown_form_names_the_forms_that_are_read() -> None:
    with pytest.raises(ValueError, match="forms 1 and 2"):
        decode_segment(b"\x09" + bytes(20))


# A segment of every form that was ever written must stay readable: these bytes are frozen.
FROZEN_RAW = bytes.fromhex("010100000006000000" + b'["ab"]'.hex() + "0000" + "0700000000000000" + "0100000000000000")
FROZEN_RAW += struct.pack("<d", 2.5)


def test_the_frozen_raw_segment_is_still_read() -> None:
    assert points_in(FROZEN_RAW) == [Point("ab", 7, 1, 2.5)]
    assert encode_points([Point("ab", 7, 1, 2.5)]) == FROZEN_RAW
