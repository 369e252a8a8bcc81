"""Column makers. Those for free-form content take a rule first and have no default: silence is an error."""

import math
from typing import Any, cast

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
)
from sqlalchemy import Text as SqlText
from sqlalchemy import text as sql_text
from sqlalchemy.engine import Dialect
from sqlalchemy.exc import DontWrapMixin
from sqlalchemy.types import TypeDecorator

from freehold.kit.nesting import DEEPEST, is_too_deep
from freehold.kit.problems import Invalid
from freehold.records.rules import (
    COUNTED,
    MOMENTS,
    ColumnRule,
    Link,
    LinkKind,
    Personal,
    Plain,
    Repeats,
    Secret,
    Within,
)

_BIG = BigInteger().with_variant(Integer(), "sqlite")
_BINARY_TEXT = String().with_variant(SqlText(collation="C"), "postgresql")


class TextRefused(Invalid, DontWrapMixin):
    """Text that one of the databases cannot hold. SQLAlchemy hands it on as it is."""

    def __init__(self, message: str) -> None:
        super().__init__("InvalidText", message)


class Text(TypeDecorator[str]):
    """Text in binary order on both databases. Refuses NUL, which one of them cannot hold, and half surrogates."""

    impl = _BINARY_TEXT
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        if value is not None and not value.isascii():
            _refuse_surrogates(value)
        if value is not None and "\0" in value:
            raise TextRefused("Text may not contain a NUL character. Remove it and try again.")
        return value


class Double(TypeDecorator[float]):
    """A double that keeps infinities and NaN. NaN is NULL on both databases (SQLite would make it so silently)."""

    impl = Float(53)
    cache_ok = True

    def process_bind_param(self, value: float | None, dialect: Dialect) -> float | None:
        return None if value is None or math.isnan(value) else value

    def process_result_value(self, value: float | None, dialect: Dialect) -> float:
        return math.nan if value is None else value


class Json(TypeDecorator[Any]):
    """A JSON value kept as text, byte for byte the same on both databases. Refuses what nests too deep to be read."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        text = msgspec.json.encode(value).decode()
        if is_too_deep(text):
            raise TextRefused(f"JSON may be nested {DEEPEST} levels deep. Flatten it and try again.")
        return text

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else msgspec.json.decode(value)


def _refuse_surrogates(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise TextRefused("Text must be valid Unicode: it holds half of a surrogate pair.") from None


def plain() -> Plain:
    return Plain()


def personal(*, of: str) -> Personal:
    return Personal(of)


def secret(*, because: str) -> Secret:
    return Secret(because)


def key() -> Column[int]:
    """The integer key of a row. It never leaves the server."""
    return Column(_BIG, primary_key=True, autoincrement=True, info={"key": True})


def workspace() -> Column[int]:
    """The workspace that a row belongs to: it goes when the workspace is erased."""
    return link("workspaces", LinkKind.DEEP, target="workspace_id")


def link(
    to: str,
    kind: LinkKind,
    *,
    null: bool = False,
    target: str = "row_id",
    index: bool = False,
    because: str = "",
    basis: str = "",
    named_back: bool = False,
) -> Column[int]:
    """A reference to a row of the table `to`, and what happens when that row is erased."""
    rule = Link(to, kind, because, basis, named_back)
    return Column(
        _BIG,
        ForeignKey(f"{to}.{target}"),
        nullable=null,
        index=index,
        info={"link": rule},
    )


def standing_unique(*columns: str) -> Index:
    """Unique among rows that no erasure has hidden: a name is free again at once when its bearer is deleted."""
    standing = sql_text("hidden_at IS NULL")
    return Index(None, *columns, unique=True, sqlite_where=standing, postgresql_where=standing)


def index_of_set(column: str, *columns: str) -> Index:
    """Over `columns`, of the rows that have a value in `column`, which are few: they are found beside any number of
    others."""
    is_set = sql_text(f"{column} IS NOT NULL")
    return Index(None, *columns, sqlite_where=is_set, postgresql_where=is_set)


def text(rule: ColumnRule, *, null: bool = False, repeats: Repeats | None = None, address: bool = False) -> Column[str]:
    """`repeats`: the link that such a text may say once more. `address`: it may be one that carries what opens it."""
    more: dict[str, Any] = {"repeats": repeats} if repeats is not None else {}
    return Column(Text(), nullable=null, info={"rule": rule, "address": address} | more)


def json(rule: ColumnRule, *, null: bool = False) -> Column[Any]:
    """An object at its top, where a bag may hold it (lifecycle/imports/values.py)."""
    return Column(Json(), nullable=null, info={"rule": rule})


def blob(rule: ColumnRule, *, null: bool = False) -> Column[bytes]:
    return Column(LargeBinary(), nullable=null, info={"rule": rule})


def sealed(rule: ColumnRule) -> Column[bytes]:
    """Bytes under an envelope key (storage/keys/envelope.py): rewrapped when that key is rotated."""
    return Column(LargeBinary(), nullable=False, info={"rule": rule, "sealed": True})


def object_key(rule: ColumnRule, *, prefix: str) -> Column[str]:
    """The key of an object in the object store that this row owns; it lies below `prefix`."""
    return Column(Text(), nullable=False, info={"rule": rule, "object_prefix": prefix})


def integer(*, null: bool = False, within: Within = COUNTED) -> Column[int]:
    return cast("Column[int]", Column(_BIG, nullable=null, info={"within": within}))


def moment(*, null: bool = False) -> Column[int]:
    """Microseconds since 1970 in UTC."""
    return cast("Column[int]", Column(_BIG, nullable=null, info={"moment": True, "within": MOMENTS}))


def double() -> Column[float]:
    """Nullable in the database because NaN is stored as NULL; a row always has a value."""
    return Column(Double(), nullable=True)


def flag() -> Column[bool]:
    return Column(Boolean(create_constraint=False), nullable=False)
