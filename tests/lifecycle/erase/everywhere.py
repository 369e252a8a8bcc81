"""Every byte of every file below a folder, plain and through whatever it may be wrapped in, asked for marks.

A mark is 24 hex digits; half of one is a find, so that what a page border cut in two is seen. It is looked for in the
bytes whatever their case (URL and JSON escapes leave hex digits alone), as UTF-16, in runs of hex (both cases, both
alignments) and of base64 (its four starts, both alphabets), and inside gzip, zlib and zstd streams; all of it again in
what was unwrapped, three deep.
"""

import base64
import binascii
import re
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import zstandard

HALF = 12
DEEP = 3
_HEX = re.compile(rb"[0-9a-f]{12,}")
_UTF16 = re.compile(rb"(?:[0-9a-f]\x00){12,}")
_HEXED = re.compile(rb"[0-9a-fA-F]{24,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}")
_PACKED = re.compile(rb"\x1f\x8b\x08|\x28\xb5\x2f\xfd|\x78[\x01\x5e\x9c\xda]")


def find_marks(folder: Path, marks: Iterable[str]) -> dict[str, set[str]]:
    """Mark → files that hold it, or half of it. Also the names of files and folders are searched."""
    halves = {half: mark for mark in marks for half in (mark[:HALF].encode(), mark[HALF:].encode())}
    found: dict[str, set[str]] = {}
    for path in folder.rglob("*"):
        where = path.relative_to(folder).as_posix()
        content = path.read_bytes() if path.is_file() else b""
        for half in _halves_in(where.encode() + b"\0" + content, halves.keys(), DEEP):
            found.setdefault(halves[half], set()).add(where)
    return found


def marks_in(data: bytes, marks: Iterable[str]) -> set[str]:
    """Those that stand in the data in any of the spellings."""
    halves = {half: mark for mark in marks for half in (mark[:HALF].encode(), mark[HALF:].encode())}
    return {halves[half] for half in _halves_in(data, halves.keys(), DEEP)}


def _halves_in(data: bytes, wanted: Iterable[bytes], depth: int) -> set[bytes]:
    asked = frozenset(wanted)
    found = set(_plainly(data.lower(), asked))
    if depth:
        for inner in _unwrapped(data):
            found |= _halves_in(inner, asked, depth - 1)
    return found


def _plainly(data: bytes, asked: frozenset[bytes]) -> Iterator[bytes]:
    runs = [match.group() for match in _HEX.finditer(data)]
    runs += [match.group()[::2] for match in _UTF16.finditer(data)]
    for run in runs:
        yield from asked.intersection(run[at : at + HALF] for at in range(len(run) - HALF + 1))


def _unwrapped(data: bytes) -> Iterator[bytes]:
    """What runs of hex and base64 and packed streams hold. Neighbours are put together, or there would be many."""
    hexed = [match.group() for match in _HEXED.finditer(data)]
    for start in (0, 1):
        yield b"\0".join(binascii.unhexlify(_cut(run[start:], 2)) for run in hexed)
    coded = [match.group().replace(b"-", b"+").replace(b"_", b"/") for match in _BASE64.finditer(data)]
    for start in range(4):
        yield b"\0".join(base64.b64decode(_cut(run[start:], 4)) for run in coded)
    yield b"\0".join(_streams(data))


def _cut(run: bytes, width: int) -> bytes:
    return run[: len(run) - len(run) % width]


def _streams(data: bytes) -> Iterator[bytes]:
    for match in _PACKED.finditer(data):
        packed = data[match.start() :]
        try:
            if match.group()[:1] == b"\x28":
                yield zstandard.ZstdDecompressor().decompressobj().decompress(packed)
            else:
                yield zlib.decompressobj(31 if match.group()[:1] == b"\x1f" else 15).decompress(packed)
        except (zlib.error, zstandard.ZstdError):
            continue  # the magic stood there by chance
