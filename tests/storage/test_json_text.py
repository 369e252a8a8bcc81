"""What a statement reads of JSON text is the same on both databases, whatever else stands in the document."""

import json

import pytest
import sqlalchemy as sa

from freehold.storage.portable import json_text
from tests.conftest import House

KIND = {"runTypeV2": {"orchestrator": "X"}}


@pytest.mark.parametrize(
    "beside", ["a\0b", "\0\0", "\\u0000", "\\\0", "\\\\u0000", "\\\\\0\\", "u0000", "\u2028", "\U0001f600", '"\0"', ""]
)
def test_a_value_is_read_whatever_text_stands_beside_it(house: House, beside: str) -> None:
    for document in (KIND | {beside: 1}, KIND | {"beside": [beside, {"k": beside}]}):
        assert read(house, json.dumps(document), "runTypeV2", "orchestrator") == "X"


def test_a_value_that_is_not_there_is_null(house: House) -> None:
    assert read(house, json.dumps({"beside": "\0"}), "runTypeV2", "orchestrator") is None
    assert read(house, json.dumps({"runTypeV2": "\0"}), "runTypeV2", "orchestrator") is None


def read(house: House, document: str, *path: str) -> object:
    return house.database.read_now(
        lambda db: db.execute(sa.select(json_text(db.connection, sa.literal(document), *path))).scalar_one()
    )
