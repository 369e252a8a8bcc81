"""Every spelling of a value is found, wherever it lies and however the stream is cut."""

import base64
import hashlib
import html
import json
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freehold.lifecycle.scan import ENCODINGS, Scanner

TEXT = 'Étude n° 7: O\'Brien said "a<b&c" \\ /tmp???'
ID = "0198c2f4-1111-7abc-8def-0123456789ab"
FILLER = b"\x00\x10text around it \xff" * 300


def _quoted_by_sqlite(text: str) -> bytes:
    with closing(sqlite3.connect(":memory:")) as base:
        return str(base.execute("select quote(?)", [text]).fetchone()[0]).encode()


WRITERS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "plain": (TEXT, TEXT.encode),
    "lower": (TEXT, TEXT.lower().encode),
    "upper": (TEXT, TEXT.upper().encode),
    "utf-16le": (TEXT, lambda: TEXT.encode("utf-16-le")),
    "utf-16be": (TEXT, lambda: TEXT.encode("utf-16-be")),
    "hex-lower": (TEXT, lambda: TEXT.encode().hex().encode()),
    "hex-upper": (TEXT, lambda: TEXT.encode().hex().upper().encode()),
    "base64-0": (TEXT, lambda: base64.b64encode(TEXT.encode() + b"!")),
    "base64-1": (TEXT, lambda: base64.b64encode(b"x" + TEXT.encode() + b"!!")),
    "base64-2": (TEXT, lambda: base64.b64encode(b"xy" + TEXT.encode())),
    "base64url-0": (TEXT, lambda: base64.urlsafe_b64encode(TEXT.encode())),
    "base64url-1": (TEXT, lambda: base64.urlsafe_b64encode(b"x" + TEXT.encode())),
    "base64url-2": (TEXT, lambda: base64.urlsafe_b64encode(b"xy" + TEXT.encode() + b"!")),
    "percent": (TEXT, quote(TEXT).encode),
    "percent, slashes too": (TEXT, quote(TEXT, safe="").encode),
    "percent, as a form": (TEXT, quote_plus(TEXT).encode),
    "percent, lower case": (ID + "/é", (ID + "/%c3%a9").encode),
    "json": (TEXT, json.dumps(TEXT).encode),
    "json, not ASCII": (TEXT, json.dumps(TEXT, ensure_ascii=False).encode),
    "json-full": (TEXT, lambda: "".join(f"\\u{ord(letter):04x}" for letter in TEXT).encode()),
    "sql": (TEXT, lambda: _quoted_by_sqlite(TEXT)),
    "html": (TEXT, html.escape(TEXT).encode),
    "uuid": (ID, uuid.UUID(ID).hex.encode),
    "uuid, binary": (ID, lambda: uuid.UUID(ID).bytes),
    "uuid, of bare hex": (ID.replace("-", ""), ID.encode),
    "digest": (TEXT, lambda: hashlib.sha256(TEXT.encode()).hexdigest().encode()),
    "digest, SHA-1": (TEXT, lambda: hashlib.sha1(TEXT.encode()).digest()),
    "digest, MD5": (TEXT, lambda: hashlib.md5(TEXT.encode()).hexdigest().encode()),
}


@pytest.mark.parametrize("name", WRITERS)
def test_spelling_is_found(name: str) -> None:
    needle, written = WRITERS[name]
    encoding = name.split(",")[0]
    planted = written()
    for shift in range(9):
        before = FILLER + b"#" * shift
        findings = Scanner([needle]).scan_pieces("s", [before + planted + FILLER])
        found = [hit for hit in findings.hits if hit.encoding == encoding]
        assert found, f"{name} at shift {shift}: {findings.hits}"
        assert all(len(before) <= hit.offset < len(before) + len(planted) for hit in found)


def test_every_encoding_has_a_test() -> None:
    assert {name.split(",")[0] for name in WRITERS} == set(ENCODINGS)


def test_short_needle_is_found_in_every_place() -> None:
    scanner = Scanner([b"\x01secret\x02"])
    stream = b"".join(b"." * gap + b"\x01secret\x02" for gap in range(20))
    assert scanner.scan_pieces("s", [stream]).hit_count == 20


def test_absent_value_is_not_found() -> None:
    near = ID[:-1] + "c"
    findings = Scanner([ID, TEXT]).scan_pieces("s", [FILLER, near.encode(), TEXT[:-1].encode(), FILLER])
    assert findings.hits == []


def test_needles_that_contain_each_other_are_both_found() -> None:
    findings = Scanner([b"experiment-alpha-0001", b"alpha-0001", b"riment-al"]).scan_pieces(
        "s", [b"<experiment-alpha-0001>"]
    )
    assert {(hit.needle, hit.offset) for hit in findings.hits} == {(0, 1), (1, 12), (2, 5)}


@pytest.mark.parametrize("needle", ["seven..", b"1234567", "", "x" * 513])
def test_needle_of_wrong_length_is_refused(needle: bytes | str) -> None:
    with pytest.raises(ValueError, match="give 8 to 512"):
        Scanner([needle])


def test_dull_needle_is_found_too() -> None:
    findings = Scanner([bytes(40), b"a" * 16]).scan_pieces("s", [b"x" * 500_000 + b"a" * 16 + bytes(40)])
    assert findings.needles_hit == {0, 1}


@settings(max_examples=60, deadline=None)
@given(
    needles=st.lists(st.binary(min_size=8, max_size=60), min_size=1, max_size=5, unique=True),
    gaps=st.lists(st.integers(0, 700_000), min_size=1, max_size=4),
    cut=st.integers(1, 400_000),
)
def test_every_occurrence_is_found_however_the_stream_is_cut(needles: list[bytes], gaps: list[int], cut: int) -> None:
    stream = b"".join(b"\x7f" * gap + needles[at % len(needles)] for at, gap in enumerate(gaps))
    pieces = [stream[at : at + cut] for at in range(0, len(stream), cut)]
    findings = Scanner(needles).scan_pieces("s", pieces)
    found = {(hit.needle, hit.offset) for hit in findings.hits if hit.encoding == "plain"}
    assert found == {
        (number, at)
        for number, needle in enumerate(needles)
        for at in range(len(stream))
        if stream.startswith(needle, at)
    }
    assert findings.bytes_scanned == len(stream)
