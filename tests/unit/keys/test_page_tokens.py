import base64
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.page_tokens import decode, encode
from freehold.kit.problems import Invalid

KEY = b"k" * 32
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()


@given(fields=st.dictionaries(st.text(), VALUES | st.lists(VALUES)), bind=st.text())
def test_fields_come_back(fields: dict[str, Any], bind: str) -> None:
    token = encode(KEY, fields, bind=bind)
    assert decode(KEY, token, bind=bind) == fields
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")


def test_nan_and_infinity_come_back() -> None:
    fields = decode(KEY, encode(KEY, {"after": [math.nan, math.inf, -math.inf, 2**60]}))
    assert math.isnan(fields["after"][0])
    assert fields["after"][1:] == [math.inf, -math.inf, 2**60]


@given(data=st.data())
def test_any_changed_bit_is_refused(data: st.DataObject) -> None:
    raw = bytearray(base64.urlsafe_b64decode(encode(KEY, {"after": 17, "x": "abc"}) + "=="))
    place = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[place // 8] ^= 1 << place % 8
    with pytest.raises(Invalid) as refused:
        decode(KEY, base64.urlsafe_b64encode(raw).decode())
    assert refused.value.code == "InvalidPageToken"


@given(text=st.text(max_size=100))
def test_garbage_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        decode(KEY, text)


@pytest.mark.parametrize(
    ("key", "bind"), [(b"x" * 32, "alice|status = 'done'"), (KEY, "charlie|status = 'done'"), (KEY, "")]
)
def test_token_of_another_query_is_refused(key: bytes, bind: str) -> None:
    token = encode(KEY, {"after": 17}, bind="alice|status = 'done'")
    with pytest.raises(Invalid):
        decode(key, token, bind=bind)


def test_endless_token_is_refused() -> None:
    with pytest.raises(Invalid):
        decode(KEY, "A" * 100_000)


def test_nothing_can_be_read_in_a_token() -> None:
    raw = base64.urlsafe_b64decode(encode(KEY, {"p": ["after-this-name", 123_456]}) + "==")
    assert b"after" not in raw
    assert b"123456" not in raw


@given(row=st.integers(0, 2**63 - 1))
def test_the_length_of_a_token_does_not_tell_how_many_rows_there_are(row: int) -> None:
    assert len(encode(KEY, {"p": [row]})) == len(encode(KEY, {"p": [1]}))


def test_a_token_of_the_first_format_is_refused() -> None:
    old = b"\x01" + b"m" * 16 + b'{"p":[7]}'
    with pytest.raises(Invalid) as refused:
        decode(KEY, base64.urlsafe_b64encode(old).decode())
    assert refused.value.code == "InvalidPageToken"
