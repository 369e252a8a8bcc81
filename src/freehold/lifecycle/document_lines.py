"""A document of `rest/` on one line, keys sorted; what is withheld is null. NaN is for its interface to spell.

In pieces where a map in it has many entries: a run's may be of many megabytes, and is never in memory as text.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

PIECE = 1 << 20
FEW = 100
"""Entries of a map that are written at once, which is ten times as fast."""
_SORTED = msgspec.json.Encoder(order="sorted")


def line_of(document: dict[str, Any], withheld: Mapping[str, str]) -> Iterator[bytes]:
    """The line in pieces. `withheld`: by dotted paths (`content.url`)."""
    for path in withheld:
        _blank(document, path.split("."))
    if any(isinstance(value, dict) and len(value) > FEW for value in document.values()):
        return _in_pieces(document)
    return iter((_SORTED.encode_lines((document,)),))


def _in_pieces(document: dict[str, Any]) -> Iterator[bytes]:
    text = bytearray()
    yield from _object(document, text, maps=True)
    text += b"\n"
    yield bytes(text)


def _object(values: dict[str, Any], text: bytearray, *, maps: bool) -> Iterator[bytes]:
    """Adds to `text`, and yields what has become a piece. `maps`: values that are maps are written so, too."""
    text += b"{"
    for number, key in enumerate(sorted(values)):
        if number:
            text += b","
        _SORTED.encode_into(key, text, -1)
        text += b":"
        value = values[key]
        if maps and isinstance(value, dict):
            yield from _object(value, text, maps=False)
        else:
            _SORTED.encode_into(value, text, -1)
        if len(text) >= PIECE:
            yield bytes(text)
            text.clear()
    text += b"}"


def _blank(place: Any, path: list[str]) -> None:
    if isinstance(place, list):
        for item in place:
            _blank(item, path)
    elif isinstance(place, dict) and path[0] in place:
        if len(path) == 1:
            place[path[0]] = None
        else:
            _blank(place[path[0]], path[1:])
