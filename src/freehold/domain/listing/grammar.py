"""The filter language of Azure's lists, read into a small typed tree.

    (Status eq Completed and (Tags/team eq "a b" or Tags/team ne null)) or CreatedUtc ge 2026-01-01 10:00:00

Source: the unmodified SDK writes its right-hand sides without quotes, blanks included; a bare value ends at the next
` and `, ` or ` or closing parenthesis. `'…'` and `"…"` quote (a doubled quote stands for one). Words fold case.
"""

import re
from dataclasses import dataclass
from typing import TypeAlias

from freehold.kit.problems import Invalid

LONGEST = 8_192
MOST_COMPARISONS = 100
DEEPEST = 20
OPERATORS = frozenset({"eq", "ne", "gt", "ge", "lt", "le"})
_FIELD = re.compile(r"\s*(?P<path>[A-Za-z][\w]*(?:/[^\s()]+)?)\s+(?P<operator>[A-Za-z]{2})(?=\s|$)\s*")
_QUOTED = re.compile(r"""'((?:[^']|'')*)'|"((?:[^"]|"")*)\"""")
_END_OF_BARE = re.compile(r"\s+(?:and|or)(?=\s|$)|\)|$", re.IGNORECASE)
_JOIN = re.compile(r"\s*(and|or)\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`name` is the field's, folded to lower case; `key` the entry of a map (`Tags/key`), exact. `value` None: null."""

    name: str
    key: str | None
    operator: str
    value: str | None


@dataclass(frozen=True, slots=True)
class AllOf:
    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple["Condition", ...]


Condition: TypeAlias = Comparison | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Order:
    """A field to order by, folded to lower case."""

    name: str
    descending: bool


def read_filter(text: str | None) -> Condition | None:
    """The tree of a filter; None for an empty one. Raises Invalid("InvalidFilter") with the place that is wrong."""
    if text is None or not text.strip():
        return None
    if len(text) > LONGEST:
        raise Invalid("InvalidFilter", f"A filter has at most {LONGEST} characters; this has {len(text)}.")
    return _Reader(text).whole()


def read_order(text: str | None) -> list[Order]:
    """`StartTimeUtc desc, RunId` as orders. Raises Invalid("InvalidOrderBy")."""
    orders = []
    for part in (text or "").split(","):
        words = part.split()
        if not words:
            continue
        direction = words[1].lower() if len(words) > 1 else "asc"
        if len(words) > 2 or direction not in {"asc", "desc"}:
            message = f"Order by a field's name and `asc` or `desc`; {part.strip()[:60]!r} is neither."
            raise Invalid("InvalidOrderBy", message, target="orderby")
        orders.append(Order(words[0].lower(), direction == "desc"))
    return orders


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._comparisons = 0

    def whole(self) -> Condition:
        found = self._any_of(0)
        if self._text[self._at :].strip():
            raise self._wrong("here a condition ends, and neither `and` nor `or` follows")
        return found

    def _any_of(self, depth: int) -> Condition:
        parts = [self._all_of(depth)]
        while self._takes("or"):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all_of(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self._takes("and"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self, depth: int) -> Condition:
        if depth > DEEPEST:
            raise self._wrong(f"parentheses may be at most {DEEPEST} deep")
        self._skip_blanks()
        if not self._text.startswith("(", self._at):
            return self._comparison()
        self._at += 1
        inner = self._any_of(depth + 1)
        self._skip_blanks()
        if not self._text.startswith(")", self._at):
            raise self._wrong("a closing parenthesis is missing")
        self._at += 1
        return inner

    def _comparison(self) -> Comparison:
        self._comparisons += 1
        if self._comparisons > MOST_COMPARISONS:
            raise self._wrong(f"a filter has at most {MOST_COMPARISONS} comparisons")
        found = _FIELD.match(self._text, self._at)
        if found is None or found["operator"].lower() not in OPERATORS:
            raise self._wrong(f"write `Field operator value` with one of {', '.join(sorted(OPERATORS))}")
        self._at = found.end()
        name, _, key = found["path"].partition("/")
        return Comparison(name.lower(), key or None, found["operator"].lower(), self._value())

    def _value(self) -> str | None:
        quoted = _QUOTED.match(self._text, self._at)
        if quoted is not None and _ends_here(self._text, quoted.end()):
            self._at = quoted.end()
            single, double = quoted.groups()
            return single.replace("''", "'") if single is not None else double.replace('""', '"')
        end = _END_OF_BARE.search(self._text, self._at)
        assert end is not None, "the end of the text ends a bare value"
        bare = self._text[self._at : end.start()].strip()
        if not bare:
            raise self._wrong("a value is missing")
        self._at = end.start()
        return None if bare.lower() == "null" else bare

    def _takes(self, word: str) -> bool:
        found = _JOIN.match(self._text, self._at)
        if found is None or found[1].lower() != word:
            return False
        self._at = found.end()
        return True

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _wrong(self, what: str) -> Invalid:
        return Invalid(
            "InvalidFilter", f"The filter cannot be read at character {self._at + 1}: {what}.", target="filter"
        )


def _ends_here(text: str, at: int) -> bool:
    """Whether what stands at `at` ends a value: a quote in the middle of a bare value quotes nothing."""
    end = _END_OF_BARE.match(text, at)
    return end is not None or not text[at:].strip() or text[at:].lstrip().startswith(")")
