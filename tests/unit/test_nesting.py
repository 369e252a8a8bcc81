"""How deep JSON is nested is told without walking down."""

import json
import time
from typing import Any

import pytest

from freehold.kit.nesting import DEEPEST, is_too_deep


@pytest.mark.parametrize(("begin", "end"), [("[", "]"), ('{"a":', "}"), ('{"]}":[', "]}")])
def test_a_level_more_than_the_deepest_is_too_deep(begin: str, end: str) -> None:
    levels = DEEPEST // len(end)
    text = begin * levels + "7" + end * levels
    assert json.loads(text)
    assert not is_too_deep(text)
    assert is_too_deep(f"[{text}]")


@pytest.mark.parametrize("value", [[[]] * 1_000, "[" * 1_000, {'{"\\': "\\" * 9 + "[" * 999}])
def test_what_stands_side_by_side_or_in_a_text_is_not_deep(value: Any) -> None:
    assert not is_too_deep(json.dumps(value))


@pytest.mark.parametrize("tail", ['"', '"\\', ""])
def test_a_text_that_does_not_end_is_read_once(tail: str) -> None:
    """A bag may hold what is no JSON: read anew from each quote, this took half a minute, and more of it hours."""
    began = time.perf_counter()
    assert not is_too_deep("[" + "[]," * DEEPEST + '"' + '\\"' * 60_000 + tail.removeprefix('"'))
    assert is_too_deep("[" * DEEPEST + "{" + '"' + '\\"' * 60_000 + tail)
    assert time.perf_counter() - began < 5
