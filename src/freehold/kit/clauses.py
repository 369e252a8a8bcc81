"""What a search asks, as typed clauses: the result of kit/filters.py and the input of every search query."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Kind(StrEnum):
    """What a field names: a column of the thing itself, or an entry of one of its maps."""

    METRIC = "metric"
    PARAM = "param"
    TAG = "tag"
    ATTRIBUTE = "attribute"


class Operator(StrEnum):
    EQUAL = "="
    UNEQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    LIKE = "LIKE"
    ILIKE = "ILIKE"
    IN = "IN"
    NOT_IN = "NOT IN"
    IS_NULL = "IS NULL"
    IS_NOT_NULL = "IS NOT NULL"


EQUALITY = frozenset({Operator.EQUAL, Operator.UNEQUAL})
LISTS = frozenset({Operator.IN, Operator.NOT_IN})
MISSING = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})
PATTERNS = frozenset({Operator.LIKE, Operator.ILIKE})
RANGES = frozenset({Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST})


class Ask(StrEnum):
    """What may be asked of a field."""

    NUMBER = "number"
    TEXT = "text"
    TEXT_OR_MISSING = "text or missing"
    TEXT_OR_LIST = "text or list"
    IDENTITY = "identity"


OPERATORS: Mapping[Ask, frozenset[Operator]] = {
    Ask.NUMBER: EQUALITY | RANGES,
    Ask.TEXT: EQUALITY | PATTERNS,
    Ask.TEXT_OR_MISSING: EQUALITY | PATTERNS | MISSING,
    Ask.TEXT_OR_LIST: EQUALITY | PATTERNS | LISTS,
    Ask.IDENTITY: EQUALITY | LISTS,
}

MAPS: Mapping[Kind, Ask] = {
    Kind.METRIC: Ask.NUMBER,
    Kind.PARAM: Ask.TEXT_OR_MISSING,
    Kind.TAG: Ask.TEXT_OR_MISSING,
}

Value: TypeAlias = float | str | tuple[str, ...] | None


class Field(NamedTuple):
    kind: Kind
    key: str


@dataclass(frozen=True, slots=True)
class Clause:
    """`value` is a float for numbers, text for text, a tuple for (NOT) IN, None for IS (NOT) NULL."""

    field: Field
    operator: Operator
    value: Value


@dataclass(frozen=True, slots=True)
class Ordering:
    field: Field
    descending: bool


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """`prefixes` maps each spelling to its kind; `attributes` each attribute to what may be asked of it;
    `aliases` other spellings of attributes; `orderable` the kinds one may order by."""

    prefixes: Mapping[str, Kind]
    attributes: Mapping[str, Ask]
    aliases: Mapping[str, str]
    orderable: frozenset[Kind]
