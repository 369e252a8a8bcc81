"""The scan's proof of its own recall: control values go into the automaton of every run, are planted in every
spelling and container, and must all be found.

The plants are made by other code than encodings.py (the standard library's writers, SQLite's own quote()), so
that a mistake there shows here.
"""

import base64
import binascii
import hashlib
import html
import io
import json
import sqlite3
import tarfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

from freehold.lifecycle.scan.decoders import OPENERS

if TYPE_CHECKING:
    from freehold.lifecycle.scan.scanner import Hit, Scanner

_CHUNK = 1 << 18
_TEXT, _ID, _RAW = range(3)

Plant = tuple[str, int, bytes]


class RecallTooLow(Exception):
    """The scan did not find what was planted for it, so what it did not find elsewhere means nothing."""


def controls(needles: Sequence[bytes | str]) -> tuple[bytes, bytes, bytes]:
    """A text, an id and raw bytes that stand nowhere: digests of the needles of this run."""
    digest = hashlib.sha256(b"scan control")
    for needle in needles:
        digest.update(hashlib.sha256(needle.encode() if isinstance(needle, str) else needle).digest())
    seed = digest.digest()
    text = f"Control/É???\"'<&>\\ {seed[:9].hex()}Q".encode()
    return text, str(uuid.UUID(bytes=seed[9:25], version=4)).encode(), digest.digest()[::-1]


def self_test(scanner: "Scanner") -> int:
    """The number of plants, all found. Raises RecallTooLow naming what was missed."""
    plants = [*_spelled(*scanner.controls), *_contained(scanner.controls[_TEXT])]
    findings = scanner.scan_pieces("plants", _across_borders([planted for _, _, planted in plants]))
    seen = {(_found_as(hit), hit.needle - scanner.first_control) for hit in findings.hits}
    missed = [name for name, number, _ in plants if (name, number) not in seen]
    if missed:
        raise RecallTooLow(f"The scan missed what was planted for it in {', '.join(missed)}.")
    return len(plants)


def _found_as(hit: "Hit") -> str:
    """The containers it lies in, outermost first (`zip/gzip`), or the spelling where it lies open."""
    path = [part.split("@")[0] for part in hit.source.split("!")[1:]]
    return "/".join(path) or hit.encoding


def _across_borders(plants: list[bytes]) -> Iterator[bytes]:
    """Each plant lies across the border of two chunks."""
    written = 0
    for number, planted in enumerate(plants, 1):
        gap = number * _CHUNK - 7 - written
        yield bytes(gap)
        yield planted
        written += gap + len(planted)


def _spelled(text: bytes, name: bytes, raw: bytes) -> Iterator[Plant]:
    words = text.decode()
    yield "plain", _TEXT, text
    yield "plain", _RAW, raw
    yield "lower", _TEXT, words.lower().encode()
    yield "upper", _TEXT, words.upper().encode()
    yield "utf-16le", _TEXT, words.encode("utf-16-le")
    yield "utf-16be", _TEXT, words.encode("utf-16-be")
    yield "hex-lower", _RAW, binascii.hexlify(raw)
    yield "hex-upper", _RAW, binascii.hexlify(raw).upper()
    for offset in range(3):
        within = b"ab"[:offset] + raw + b"after"
        yield f"base64-{offset}", _RAW, base64.standard_b64encode(within)
        within = b"ab"[:offset] + text + b"after"
        yield f"base64url-{offset}", _TEXT, base64.urlsafe_b64encode(within)
    yield "percent", _TEXT, quote(words).encode()
    yield "json", _TEXT, json.dumps({"key": words}).encode()
    yield "json-full", _TEXT, "".join(f"\\u{ord(letter):04x}" for letter in words).encode()
    yield "html", _TEXT, html.escape(words).encode()
    with closing(sqlite3.connect(":memory:")) as base:
        yield "sql", _TEXT, base.execute("select quote(?)", [words]).fetchone()[0].encode()
    yield "uuid", _ID, uuid.UUID(name.decode()).bytes
    yield "uuid", _ID, uuid.UUID(name.decode()).hex.encode()
    yield "digest", _TEXT, hashlib.sha256(text).digest()
    yield "digest", _ID, hashlib.md5(name, usedforsecurity=False).hexdigest().encode()


def _contained(value: bytes) -> Iterator[Plant]:
    for opener in OPENERS:
        yield opener.name, _TEXT, opener.sample(value)
    yield "parquet", _TEXT, _parquet(value)
    yield "zip/parquet", _TEXT, _sample("zip", _parquet(value))
    yield "gzip/zstd", _TEXT, _sample("gzip", _tar(_sample("zstd", value)))


def _sample(name: str, value: bytes) -> bytes:
    return next(opener.sample(value) for opener in OPENERS if opener.name == name)


def _tar(value: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("member")
        member.size = len(value)
        archive.addfile(member, io.BytesIO(value))
    return file.getvalue()


def _parquet(value: bytes) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    file = io.BytesIO()
    parquet.write_table(pa.table({"column": ["other", value.decode()]}), file, compression="zstd")
    return file.getvalue()
