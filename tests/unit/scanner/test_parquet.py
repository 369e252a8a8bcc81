"""Parquet files in which little says much, and columns of every shape."""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from freehold.kit.memory import taking_at_most
from freehold.lifecycle.scan import parquet as scan_parquet
from freehold.lifecycle.scan import scanner
from freehold.lifecycle.scan.scanner import Findings, Scanner

SECRET = "what must be gone"
MEBIBYTE = 1 << 20


def found_in(content: bytes, folder: Path) -> Findings:
    (folder / "file.parquet").write_bytes(content)
    return Scanner([SECRET]).scan_files([folder / "file.parquet"])


def packed(column: pa.Array, **options: Any) -> bytes:
    file = io.BytesIO()
    parquet.write_table(pa.table({"column": column}), file, **{"compression": "snappy"} | options)
    return file.getvalue()


TEXTS = ["", SECRET, None, "other"]
SHAPES = {
    "texts": pa.array(TEXTS),
    "large texts": pa.array(TEXTS, pa.large_string()),
    "bytes": pa.array([b"", SECRET.encode(), None, b"x"]),
    "bytes of one length": pa.array([SECRET.encode(), None], pa.binary(len(SECRET))),
    "a dictionary": pa.array(TEXTS).dictionary_encode(),
    "lists": pa.array([[], TEXTS, None]),
    "lists of lists": pa.array([[[], TEXTS], None]),
    "lists of one length": pa.array([["x", SECRET]], pa.list_(pa.string(), 2)),
    "fields": pa.array([{"a": 1, "b": SECRET}, None]),
    "lists of fields": pa.array([[{"a": 1, "b": {"c": [SECRET]}}]]),
    "maps by key": pa.array([[(SECRET, 1)]], pa.map_(pa.string(), pa.int64())),
    "maps by value": pa.array([[(1, SECRET)]], pa.map_(pa.int64(), pa.string())),
    "numbers": pa.array(np.frombuffer((SECRET + " " * 7).encode(), np.int64)),
}


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}, {"row_group_size": 1}, {"store_schema": False}])
@pytest.mark.parametrize("shape", SHAPES)
def test_what_stands_in_a_column_of_any_shape_is_found(shape: str, options: dict[str, Any], tmp_path: Path) -> None:
    column = SHAPES[shape]
    if shape in ("lists of one length", "numbers"):  # the one cannot be cut so, the other says nothing then
        options = {name: value for name, value in options.items() if name != "row_group_size"}
    findings = found_in(packed(column, **options), tmp_path)
    assert findings.unopened == []
    assert findings.needles_hit == {0}


@pytest.mark.parametrize("limit", [1, 1 << 26])
def test_what_stands_late_among_large_texts_is_found(
    limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_parquet, "SAID_ONCE", limit)
    monkeypatch.setattr(scan_parquet, "TEXTS_AT_ONCE", 100_000)
    texts = [f"{number} {'x' * 20_000}" for number in range(300)] + [SECRET] + ["y"] * 300
    findings = found_in(packed(pa.array(texts), row_group_size=200), tmp_path)
    assert findings.needles_hit == {0}
    assert findings.bytes_decoded < 1.5 * sum(map(len, texts)), "no text is read many times"


def repeated(size: int, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * size + SECRET]))


def test_a_text_that_stands_there_very_often_is_read_once(tmp_path: Path) -> None:
    """A few kilobytes that were six gigabytes."""
    content = packed(repeated(100_000, 60_000))
    assert len(content) < 10_000
    findings = found_in(content, tmp_path)
    assert findings.needles_hit == {0}
    assert findings.bytes_decoded < 2 * MEBIBYTE


def test_a_file_that_becomes_too_much_is_said_to_be_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanner, "TIMES", 100)
    content = packed(pa.array([0] * 3_000_000))
    (tmp_path / "file.parquet").write_bytes(content)
    findings = Scanner([SECRET], decoded_freely=MEBIBYTE).scan_files([tmp_path / "file.parquet"])
    assert [why for _, why in findings.unopened] == ["decodes to more than the limit"]
    assert findings.bytes_decoded < 10 * MEBIBYTE


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no such limit")
def test_a_file_that_takes_more_memory_than_there_may_be_is_said_to_be_unread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan_parquet, "SAID_ONCE", 0)
    monkeypatch.setattr(scan_parquet, "TEXTS_AT_ONCE", 1 << 62)
    monkeypatch.setattr(scan_parquet, "MOST_MEMORY", 200 * MEBIBYTE)
    findings = found_in(packed(repeated(100_000, 60_000), store_schema=False), tmp_path)
    assert [why for _, why in findings.unopened] == ["a Parquet file that cannot be read"]
    assert len(bytearray(400 * MEBIBYTE)) > 0, "afterwards there may be more again"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no such limit")
def test_more_memory_than_allowed_is_an_error_and_only_meanwhile() -> None:
    with taking_at_most(50 * MEBIBYTE):
        bytearray(10 * MEBIBYTE)
        with pytest.raises(MemoryError):
            bytearray(200 * MEBIBYTE)
    bytearray(200 * MEBIBYTE)
