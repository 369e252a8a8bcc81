"""How a value may be spelled in a file: every spelling is a byte pattern the scanner looks for.

What is left out, every certificate that rests on it says (`lifecycle/levels.py`: LEFT_OUT).
"""

import base64
import hashlib
import html
import json
import re
import uuid
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

ENCODINGS = (
    "plain",
    "lower",
    "upper",
    "utf-16le",
    "utf-16be",
    "hex-lower",
    "hex-upper",
    "base64-0",
    "base64-1",
    "base64-2",
    "base64url-0",
    "base64url-1",
    "base64url-2",
    "percent",
    "json",
    "json-full",
    "sql",
    "html",
    "uuid",
    "digest",
)

_UUID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}\Z", re.IGNORECASE)
_ESCAPED_BYTE = re.compile(r"%[0-9A-F]{2}")
_ESCAPED_UNIT = re.compile(r"\\u[0-9a-f]{4}")


def spellings(value: bytes) -> Iterator[tuple[str, bytes]]:
    """(encoding, pattern) for `value`, the plain one first. A pattern may come twice under two names."""
    yield "plain", value
    yield "hex-lower", value.hex().encode()
    yield "hex-upper", value.hex().upper().encode()
    yield from _base64(value)
    yield from _percent(value)
    yield from _digests(value)
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return
    yield from _of_text(text)


def _of_text(text: str) -> Iterator[tuple[str, bytes]]:
    yield "lower", text.lower().encode()
    yield "upper", text.upper().encode()
    yield "utf-16le", text.encode("utf-16-le")
    yield "utf-16be", text.encode("utf-16-be")
    yield from _json(text)
    yield from _sql(text)
    yield "html", html.escape(text, quote=True).encode()
    yield "html", html.escape(text, quote=False).encode()
    yield from _uuid(text)


def _base64(value: bytes) -> Iterator[tuple[str, bytes]]:
    """The characters that depend on `value` alone when it starts 0, 1 or 2 bytes into a group of three."""
    for offset in range(3):
        code = base64.b64encode(bytes(offset) + value)
        first = (offset * 8 + 5) // 6
        last = (offset + len(value)) * 8 // 6
        core = code[first:last]
        yield f"base64-{offset}", core
        yield f"base64url-{offset}", core.translate(bytes.maketrans(b"+/", b"-_"))


def _percent(value: bytes) -> Iterator[tuple[str, bytes]]:
    for code in (quote(value, safe=""), quote(value, safe="/"), quote_plus(value)):
        yield "percent", code.encode()
        yield "percent", _ESCAPED_BYTE.sub(lambda found: found[0].lower(), code).encode()


def _json(text: str) -> Iterator[tuple[str, bytes]]:
    short = json.dumps(text)[1:-1]
    for code in (short, json.dumps(text, ensure_ascii=False)[1:-1]):
        yield "json", code.encode()
        yield "json", code.replace("/", "\\/").encode()
    yield "json", _ESCAPED_UNIT.sub(lambda found: "\\u" + found[0][2:].upper(), short).encode()
    units = text.encode("utf-16-be")
    full = "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))
    yield "json-full", full.encode()


def _sql(text: str) -> Iterator[tuple[str, bytes]]:
    yield "sql", text.replace("'", "''").encode()
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    yield "sql", escaped.encode()
    yield "sql", escaped.replace("'", "\\'").encode()


def _uuid(text: str) -> Iterator[tuple[str, bytes]]:
    if not _UUID.match(text):
        return
    number = uuid.UUID(text)
    yield "uuid", number.hex.encode()
    yield "uuid", str(number).encode()
    yield "uuid", number.bytes


def _digests(value: bytes) -> Iterator[tuple[str, bytes]]:
    """An unkeyed digest of a value identifies it to whoever can guess it, so it counts as a trace."""
    for name in ("md5", "sha1", "sha256"):
        digest = hashlib.new(name, value, usedforsecurity=False).digest()
        yield "digest", digest
        yield "digest", digest.hex().encode()
