"""DBOS's file keeps what the serializer writes: ids and truth values, and of a fault its code."""

import pytest

from freehold.operations.runner import StepFault
from freehold.operations.workflows import OpaqueSerializer, RecordedFault

ID = "01a201dc-0944-7001-9476-c606ddc41f3c"


@pytest.mark.parametrize("value", [True, False, None, ID])
def test_ids_and_truth_values_come_back(value: object) -> None:
    serializer = OpaqueSerializer()
    assert serializer.deserialize(serializer.serialize(value)) == value


def test_arguments_come_back() -> None:
    serializer = OpaqueSerializer()
    assert serializer.deserialize(serializer.serialize({"args": (ID,), "kwargs": {}})) == {"args": [ID], "kwargs": {}}


@pytest.mark.parametrize(
    "value", ["Alice", "a" * 36, 7, {"args": ("Alice",), "kwargs": {}}, {"args": (), "kwargs": {"a": ID}}, [ID], b"x"]
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        OpaqueSerializer().serialize(value)


@pytest.mark.parametrize(
    ("fault", "code"), [(StepFault("DiskFull"), "DiskFull"), (ValueError("Alice"), "InternalError")]
)
def test_of_a_fault_only_its_code_is_kept(fault: Exception, code: str) -> None:
    written = OpaqueSerializer().serialize(fault)
    assert "Alice" not in written
    back = OpaqueSerializer().deserialize(written)
    assert isinstance(back, RecordedFault)
    assert back.code == code
