"""Addresses of tiles (C2SP tlog-tiles): `x001/x234/067` is 1234067, and `.p/W` the first W hashes of it."""

import re
from typing import NamedTuple

from freehold.kit.problems import NotFound
from freehold.lifecycle.log.tree import TILE_WIDTH

_INDEX = re.compile(r"((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)
_LEVEL = re.compile(r"[0-5]", re.ASCII)


class TilePlace(NamedTuple):
    number: int
    width: int

    @property
    def begin(self) -> int:
        return self.number * TILE_WIDTH


def parse_index(text: str) -> TilePlace:
    """Exactly one spelling per tile. Raises NotFound."""
    found = _INDEX.fullmatch(text)
    if found is None or found[1].startswith("x000/"):
        raise no_tile()
    width = int(found[2] or TILE_WIDTH)
    if found[2] and width >= TILE_WIDTH:
        raise no_tile()
    return TilePlace(int(found[1].replace("x", "").replace("/", "")), width)


def parse_level(text: str) -> int:
    """Raises NotFound."""
    if not _LEVEL.fullmatch(text):
        raise no_tile()
    return int(text)


def no_tile() -> NotFound:
    return NotFound("TileNotFound", "The log has no such tile. Its size stands in the checkpoint.")
