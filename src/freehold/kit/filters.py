"""The filter and ordering language of search requests: text in, typed clauses out. Knows no noun and no SQL.

Grammar (MLflow's search syntax; source: the MLflow 3.17 server's own parser):

    filter    := clause (AND clause)*
    clause    := field operator value | field [NOT] IN (text, …) | field IS [NOT] NULL
    field     := [prefix .] key        a key with other than letters, digits, `_` and `.` stands in `…` or "…"
    operator  := = != < <= > >= LIKE ILIKE
    value     := number | 'text' | "text"          a quote inside is doubled
    ordering  := field [ASC | DESC]

A `Vocabulary` says which prefixes and attributes a noun has and what may be asked of each.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from freehold.kit.clauses import (
    LISTS,
    MAPS,
    MISSING,
    OPERATORS,
    Ask,
    Clause,
    Field,
    Kind,
    Operator,
    Ordering,
    Value,
    Vocabulary,
)
from freehold.kit.problems import Invalid

LONGEST_FILTER = 64_000
MOST_CLAUSES = 100


def parse_filter(text: str | None, vocabulary: Vocabulary) -> tuple[Clause, ...]:
    """The clauses of `text`, all of which must hold; none for an empty text. Raises Invalid, saying where."""
    parser = _Parser(text or "", "filter", vocabulary)
    if parser.at_end():
        return ()
    clauses = [parser.clause()]
    while not parser.at_end():
        parser.conjunction()
        clauses.append(parser.clause())
        if len(clauses) > MOST_CLAUSES:
            parser.refuse(f"at most {MOST_CLAUSES} clauses are allowed")
    return tuple(clauses)


def parse_orderings(texts: Iterable[str], vocabulary: Vocabulary) -> tuple[Ordering, ...]:
    """One ordering per text. Raises Invalid for a field named twice: the second would have no effect."""
    orderings = tuple(_Parser(text, "order_by", vocabulary).ordering() for text in texts)
    fields = [ordering.field for ordering in orderings]
    if len(set(fields)) != len(fields):
        raise Invalid(
            "InvalidFilter",
            "order_by names a field twice. Keep one of them.",
            target="order_by",
        )
    return orderings


_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number> [+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]) )
      | (?P<text>   '(?:[^']|'')*' )
      | (?P<double> "(?:[^"]|"")*" )
      | (?P<tick>   `[^`]*` )
      | (?P<word>   \w+(?:\.\w+)*\.? )
      | (?P<sign>   <=|>=|!=|<>|==|=|<|> )
      | (?P<mark>   [(),.] )
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class _Token:
    shape: str
    text: str
    at: int

    def is_word(self, *words: str) -> bool:
        return self.shape == "word" and self.text.upper() in words

    def plain(self) -> str:
        """The text without its quotes."""
        if self.shape not in ("text", "double", "tick"):
            return self.text
        quote = self.text[0]
        return self.text[1:-1].replace(quote * 2, quote)


class _Parser:
    """Reads one text from left to right. `name` is what the text is called in errors."""

    def __init__(self, text: str, name: str, vocabulary: Vocabulary) -> None:
        self.text = text
        self.name = name
        self.vocabulary = vocabulary
        self.position = 0
        if len(text) > LONGEST_FILTER:
            self.refuse(f"the text is longer than {LONGEST_FILTER} characters")
        self.tokens = list(self._scan())

    def at_end(self) -> bool:
        return self.position == len(self.tokens)

    def clause(self) -> Clause:
        field = self._field()
        asked = self._asked(field)
        operator = self._operator()
        if operator not in OPERATORS[asked]:
            allowed = ", ".join(sorted(OPERATORS[asked]))
            self.refuse(f"{field.kind} '{field.key}' cannot be compared by {operator}. Use one of {allowed}")
        return Clause(field, operator, self._value(field, asked, operator))

    def conjunction(self) -> None:
        if not self._next("AND").is_word("AND"):
            self.refuse("clauses are joined by AND only; OR and parentheses are not part of the language")

    def ordering(self) -> Ordering:
        field = self._field()
        self._asked(field)
        if field.kind not in self.vocabulary.orderable:
            self.refuse(f"one cannot order by a {field.kind}")
        descending = False
        if not self.at_end():
            direction = self._next("ASC or DESC")
            if not direction.is_word("ASC", "DESC"):
                self.refuse(f"expected ASC or DESC, found {direction.text}")
            descending = direction.is_word("DESC")
        if not self.at_end():
            self._next("")
            self.refuse("one field per ordering; give several orderings as several entries")
        return Ordering(field, descending)

    def refuse(self, why: str) -> NoReturn:
        at = self.tokens[self.position - 1].at if self.position else 0
        raise Invalid(
            "InvalidFilter",
            f"Invalid {self.name} at character {at + 1}: {why}.",
            target=self.name,
        )

    def _scan(self) -> Iterable[_Token]:
        at, end = 0, len(self.text.rstrip())
        while at < end:
            found = _TOKEN.match(self.text, at)
            if found is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip())
                why = f"cannot read {self.text[at : at + 20]!r}; quote keys with `…` and values with '…'"
                raise Invalid(
                    "InvalidFilter",
                    f"Invalid {self.name} at character {at + 1}: {why}.",
                    target=self.name,
                )
            shape = found.lastgroup or ""
            yield _Token(shape, found[shape], found.start(shape))
            at = found.end()

    def _next(self, expected: str) -> _Token:
        if self.at_end():
            self.refuse(f"it ends where {expected} is expected")
        token = self.tokens[self.position]
        self.position += 1
        return token

    def _peek(self, shape: str, text: str = "") -> bool:
        if self.at_end():
            return False
        token = self.tokens[self.position]
        return token.shape == shape and (not text or token.text.upper() == text)

    def _field(self) -> Field:
        first = self._next("a field")
        if first.shape not in ("word", "double", "tick"):
            self.refuse(f"expected a field such as metrics.loss, found {first.text}")
        prefix, key = self._split(first)
        if prefix is None:
            return self._attribute(key)
        kind = self.vocabulary.prefixes.get(prefix)
        if kind is None:
            self.refuse(f"'{prefix}' is not one of {', '.join(sorted(self.vocabulary.prefixes))}")
        if not key:
            self.refuse(f"'{prefix}.' lacks a key")
        return self._attribute(key) if kind is Kind.ATTRIBUTE else Field(kind, key)

    def _split(self, first: _Token) -> tuple[str | None, str]:
        """(prefix, key); the key may be quoted, the prefix too, as in `metrics`."val loss"."""
        prefix, dot, key = first.plain().partition(".")
        if first.shape != "word":
            if not self._peek("mark", "."):
                return None, first.plain()
            self._next(".")
            return first.plain(), self._next("a key").plain()
        if dot and not key:
            return prefix, self._quoted_key()
        return (prefix, key) if dot else (None, prefix)

    def _quoted_key(self) -> str:
        token = self._next("a key")
        if token.shape not in ("double", "tick", "text"):
            self.refuse(f"expected a key, found {token.text}")
        return token.plain()

    def _attribute(self, key: str) -> Field:
        name = self.vocabulary.aliases.get(key, key)
        if name not in self.vocabulary.attributes:
            known = ", ".join(sorted(self.vocabulary.attributes))
            self.refuse(f"'{key}' is not an attribute. The attributes are {known}")
        return Field(Kind.ATTRIBUTE, name)

    def _asked(self, field: Field) -> Ask:
        return self.vocabulary.attributes[field.key] if field.kind is Kind.ATTRIBUTE else MAPS[field.kind]

    def _operator(self) -> Operator:
        token = self._next("a comparison")
        if token.is_word("IS"):
            negated = self._peek("word", "NOT") and bool(self._next("NOT"))
            if not self._next("NULL").is_word("NULL"):
                self.refuse("IS is followed by NULL or NOT NULL")
            return Operator.IS_NOT_NULL if negated else Operator.IS_NULL
        if token.is_word("NOT"):
            if not self._next("IN").is_word("IN"):
                self.refuse("NOT is followed by IN")
            return Operator.NOT_IN
        if token.shape == "sign" or token.is_word("LIKE", "ILIKE", "IN"):
            return self._known(token)
        self.refuse(f"expected a comparison, found {token.text}; a key with other signs stands in `…`")

    def _known(self, token: _Token) -> Operator:
        try:
            return Operator(token.text.upper())
        except ValueError:
            self.refuse(f"{token.text} is not a comparison; use = or !=")

    def _value(self, field: Field, asked: Ask, operator: Operator) -> Value:
        if operator in MISSING:
            return None
        if operator in LISTS:
            return self._list()
        token = self._next("a value")
        if asked is Ask.NUMBER:
            if token.shape != "number":
                self.refuse(f"{field.kind} '{field.key}' is compared with a number, found {token.text}")
            return float(token.text)
        return self._text(token)

    def _list(self) -> tuple[str, ...]:
        if self._next("a list").text != "(":
            self.refuse("IN is followed by a list such as ('a', 'b')")
        values = [self._text(self._next("a quoted text"))]
        while self._peek("mark", ","):
            self._next(",")
            if self._peek("mark", ")"):
                break
            values.append(self._text(self._next("a quoted text")))
        if self._next("a closing parenthesis").text != ")":
            self.refuse("the list is not closed by a parenthesis")
        return tuple(values)

    def _text(self, token: _Token) -> str:
        if token.shape not in ("text", "double"):
            self.refuse(f"expected a quoted text such as 'value', found {token.text}")
        return token.plain()
