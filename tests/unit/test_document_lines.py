"""A document is the same line whether it is written at once or in pieces."""

import json
from typing import Any

import msgspec
import pytest

from freehold.lifecycle.document_lines import FEW, PIECE, line_of

KEYS = ("b", "a", "ä", "\U0001f600", "\uffff", "a b", "", "\x7f", '"', "\\")
ODD: dict[str, Any] = {
    "tags": {f"{key}{number}": f"{number}" for number in range(FEW) for key in KEYS},
    "list": [{"b": 1, "a": [None, {}]}],
    "empty": {},
    "deep": {"b": {"d": 1, "c": float("nan")}, "a": 2**60},
    "text": 'quotes " and \\ and \n',
}


def written(document: dict[str, Any]) -> bytes:
    return msgspec.json.Encoder(order="sorted").encode(document) + b"\n"


@pytest.mark.parametrize("document", [ODD, {"tags": ODD["tags"]}, {"few": {"a": 1}}, {}])
def test_a_line_is_what_the_encoder_writes_of_the_whole(document: dict[str, Any]) -> None:
    assert b"".join(line_of(document, {})) == written(document)


def test_a_large_document_comes_in_pieces() -> None:
    document = {"id": 1, "tags": {f"{number:04d}": "x" * 8_000 for number in range(1_000)}}
    pieces = list(line_of(document, {}))
    assert max(map(len, pieces)) < PIECE + 10_000
    assert b"".join(pieces) == written(document)


def test_what_is_withheld_is_null_in_both_ways() -> None:
    person = {"author": {"id": "alice"}, "versions": [{"author": {"id": "bob"}}]}
    for more in ({}, ODD):
        line = json.loads(b"".join(line_of(json.loads(json.dumps(person)) | more, {"versions.author": "a person"})))
        assert line["author"] == {"id": "alice"}
        assert line["versions"] == [{"author": None}]
