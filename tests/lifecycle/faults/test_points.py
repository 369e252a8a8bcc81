"""The list of points is that of the source, and every one of them is really passed."""

import re
from collections import Counter
from pathlib import Path

import pytest

import freehold
from freehold.lifecycle.erase import ERASE
from freehold.lifecycle.export import export_kind
from freehold.lifecycle.imports.operation import import_kind
from freehold.operations.faults import MOMENTS
from tests.lifecycle.faults.kills import Bench, passages
from tests.lifecycle.faults.work import VARIANTS, run

SOURCE = Path(freehold.__file__).parent
CALL = re.compile(r'\bpassing\("([^"]+)"\)')
AT_REQUEST = {"import:request:unmoved", "import:request:moved"}
"""Passed before there is an operation: test_requests.py."""


def declared() -> set[str]:
    found = {
        point for path in SOURCE.rglob("*.py") for point in re.findall(r'\bpassing\("([^"]+)"\)', path.read_text())
    }
    steps = {
        f"{kind.name}:{step.name}:{moment}"
        for kind in (export_kind(), import_kind(), ERASE)
        for step in kind.steps
        for moment in MOMENTS
    }
    return found | steps


def test_every_declared_point_is_listed() -> None:
    listed = {point for points in passages().values() for point in points}
    assert listed == declared() - AT_REQUEST


def test_there_are_two_hundred_states() -> None:
    assert sum(number for points in passages().values() for number in points.values()) >= 200


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_listed_point_is_passed(bench: Bench, variant: str, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    assert run(bench.copy(bench.base(variant)[0]), trace=str(trace)) == 0
    passed = most_in_a_process(trace.read_text())
    assert {point: min(passed[point], most) for point, most in passages()[variant].items()} == passages()[variant]


def most_in_a_process(trace: str) -> Counter[str]:
    """A death is planted at the n-th passage of one process."""
    most: Counter[str] = Counter()
    for line, number in Counter(trace.splitlines()).items():
        most |= Counter({line.partition(" ")[2]: number})
    return most
