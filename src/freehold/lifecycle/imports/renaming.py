"""New public ids for everything that a bag holds, the same for each old one wherever it stands.

Ids are found in the catalogue: text that is unique in its workspace and is called an id, and the keys of objects. An
old id is replaced as a whole value where ids stand, and in any text and document where it can be nothing else.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from freehold.lifecycle.selection import WORKSPACE, public_key
from freehold.records.catalogue import Record
from freehold.records.columns import Text

UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
HEX = re.compile(r"[0-9a-f]{32}")
_ESCAPED = re.compile(r"[2-7][0-9A-Fa-f]")
"""What follows the `%` of a character that an address escapes: a separator, though it ends in letters or digits."""
_INSIDE = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{32})(?![0-9a-f])")
_OF_IDS = re.compile(r"(ids?(list)?|datatype)\Z", re.IGNORECASE)
"""The name of a field of a document that has an id, or some."""
SURE = 16
"""An id of so many characters stands for itself wherever it is found; a shorter one may be a plain word."""
LEAST_INSIDE = 32
"""Characters of the shortest id that is found in a longer word."""


def id_columns(record: type[Record]) -> list[str]:
    """The columns whose values a new identity replaces."""
    names = {column.name for column in record.table.columns if "object_prefix" in column.info}
    for constraint in record.table.constraints:
        if isinstance(constraint, sa.UniqueConstraint):
            names |= {c.name for c in constraint.columns if c.name != WORKSPACE and _is_id(c)}
    return sorted(names)


def derived_columns(record: type[Record]) -> list[str]:
    """Ids beside the one by which people name a row: they are made of that one (`dcid.<run id>`)."""
    named_by = {column.name for column in public_key(record)}
    return [name for name in id_columns(record) if name not in named_by]


def _is_id(column: sa.Column[Any]) -> bool:
    return "rule" in column.info and column.name.endswith("_id") and isinstance(column.type, Text)


class Renamer:
    """Collect every old id, then `settle`, then rename."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        self._new_id = new_id
        self._plain: set[str] = set()
        self._derived: set[str] = set()
        self.mapping: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._word_with_id = _words(SURE)

    def collect(self, old: Iterable[str]) -> None:
        self._plain.update(old)

    def collect_derived(self, old: Iterable[str]) -> None:
        self._derived.update(old)

    def settle(self, known: dict[str, str]) -> None:
        """In order of the old ids, so that new ones are in the same order. `known`: ids that are given already."""
        self.mapping = dict(known)
        for old in sorted(self._plain - known.keys()):
            self.mapping[old] = self._like(old)
        self._tokens = {old: new for old, new in self.mapping.items() if len(old) >= SURE}
        for old in sorted(self._derived - self.mapping.keys()):
            self.mapping[old] = self._tokens[old] = self._of_parts(old)
        self._word_with_id = _words(min(map(len, self._tokens), default=SURE))

    def exact(self, value: str) -> str:
        """A value that is an id and nothing else."""
        return self.mapping.get(value, value)

    def text(self, value: str) -> str:
        """A value that an id may stand in."""
        if not self.mapping:
            return value
        whole = self._tokens.get(value)
        return whole if whole is not None else self._word_with_id.sub(self._token, value)

    def document(self, text: str) -> str:
        """JSON text: strings at any depth, keys too. A short id only where the field says that it is one: elsewhere it
        may be a word that readers know. What has only letters may be the name of a field, however long."""
        may_hide = len(self._tokens) < len(self.mapping) or "\\" in text  # `\n` before an id reads as a letter of it
        if not self.mapping or (not may_hide and self.text(text) == text):
            return text
        return msgspec.json.encode(self._part(msgspec.json.decode(text))).decode()

    def _part(self, part: Any, *, of_ids: bool = False) -> Any:
        if isinstance(part, dict):
            return {self._key(key): self._part(value, of_ids=bool(_OF_IDS.search(key))) for key, value in part.items()}
        if isinstance(part, list):
            return [self._part(each, of_ids=of_ids) for each in part]
        if not isinstance(part, str):
            return part
        return self.string(part) if of_ids else self.text(part)

    def _key(self, key: str) -> str:
        return key if key.isalpha() else self.text(key)

    def string(self, value: str) -> str:
        """A value that may be an id, however short."""
        return self.mapping[value] if value in self.mapping else self.text(value)

    def _token(self, found: re.Match[str]) -> str:
        mark, token = found.groups()
        if mark and token not in self._tokens and _ESCAPED.match(token):
            return f"{mark}{token[:2]}{self._word(token[2:])}"
        return mark + self._word(token)

    def _word(self, token: str) -> str:
        if token in self._tokens:
            return self._tokens[token]
        return ".".join(map(self._piece, token.split(".")))

    def _piece(self, piece: str) -> str:
        """An id before a dot, as in `<run id>.log` or at the end of a sentence; or a UUID in a longer word."""
        if piece in self._tokens:
            return self._tokens[piece]
        if len(piece) < LEAST_INSIDE:
            return piece
        return _INSIDE.sub(lambda inner: self._tokens.get(inner[0], inner[0]), piece)

    def _like(self, old: str) -> str:
        """UUIDs stay UUIDs, 32 hex digits stay so, a key stays below its prefix."""
        made = self._new_id()
        if HEX.fullmatch(old):
            return made.replace("-", "")
        if "/" in old:
            return f"{old.split('/', 1)[0]}/{made[-2:]}/{made}"
        return made

    def _of_parts(self, old: str) -> str:
        """`dcid.<old run id>` becomes `dcid.<new run id>`; one that is made of no id gets a new one."""
        head, dot, tail = old.partition(".")
        if dot and tail in self.mapping:
            return f"{head}.{self.mapping[tail]}"
        renamed = self.mapping.get(old) or self.text(old)
        return renamed if renamed != old else self._like(old)


def _words(least: int) -> re.Pattern[str]:
    """What may be an id, or hold one, and a `%` right before it: most words of a text are shorter."""
    return re.compile(rf"(%?)(?<![A-Za-z0-9_.-])([A-Za-z0-9_.-]{{{least},}})")
