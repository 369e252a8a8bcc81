"""The list of points is that of the source, and every one of them is really passed."""

import re
from pathlib import Path

import pytest

import freehold
from freehold.lifecycle.erase import ERASE
from freehold.lifecycle.export import export_kind
from freehold.lifecycle.imports.operation import import_kind
from freehold.operations.faults import MOMENTS
from tests.lifecycle.faults.kills import REQUEST_PREFIX, Bench, passages, passed_by
from tests.lifecycle.faults.test_requests import POINTS as REQUESTS
from tests.lifecycle.faults.test_restore import POINTS as RESTORE
from tests.lifecycle.faults.test_uploads import POINTS
from tests.lifecycle.faults.work import VARIANTS

SOURCE = Path(freehold.__file__).parent
CALL = re.compile(r'\bpassing\("([^"]+)"\)')
WITHOUT_OPERATION = {*REQUESTS, *POINTS, *RESTORE}
"""Passed before there is an operation, or without one: test_requests.py, test_uploads.py, test_restore.py."""


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
    listed = {point for points in passages().values() for point in points if not point.startswith(REQUEST_PREFIX)}
    assert listed == declared() - WITHOUT_OPERATION


def test_there_are_two_hundred_states() -> None:
    assert sum(number for points in passages().values() for number in points.values()) >= 200


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_listed_point_is_passed(bench: Bench, variant: str, tmp_path: Path) -> None:
    passed = passed_by(bench, variant, tmp_path / "trace")
    assert {point: min(passed[point], most) for point, most in passages()[variant].items()} == passages()[variant]
