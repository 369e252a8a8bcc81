"""The base of all records. A class that leaves anything unsaid cannot be defined."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
)
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from freehold.records.columns import Double
from freehold.records.rules import (
    CatalogueError,
    ColumnRule,
    Container,
    Link,
    LinkKind,
    Personal,
    Repeats,
    Retained,
    Rules,
    Secret,
    Withheld,
    Writes,
)

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
metadata = MetaData(naming_convention=NAMES)
_catalogue: dict[str, type["Record"]] = {}


class Record:
    """A stored type: a table, its container, its links, what is personal in it, how it leaves and how it dies.

    class Run(Record, table="runs", rules=Rules(…)):
        row_id = key()
        workspace_id = workspace()
        name = text(plain())
    """

    table: ClassVar[Table]
    rules: ClassVar[Rules]
    c: ClassVar[ReadOnlyColumnCollection[str, Column[Any]]]
    _links: ClassVar[dict[str, Link]]
    _repeats: ClassVar[dict[str, Repeats]]

    def __init_subclass__(cls, *, table: str, rules: Rules) -> None:
        columns = {name: value for name, value in vars(cls).items() if isinstance(value, Column)}
        _check_rules(table, rules, columns)
        for name, column in columns.items():
            _check_column(table, name, column, columns)
        cls.rules = rules
        cls.table = _build(cls, table, rules, columns)
        cls.c = cls.table.columns
        cls._links = {c.name: c.info["link"] for c in cls.table.columns if "link" in c.info}
        cls._repeats = {c.name: c.info["repeats"] for c in cls.table.columns if "repeats" in c.info}
        cls.__doc__ = cls.__doc__ or ""
        _catalogue[table] = cls

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        """Unique constraints and indexes; a record overrides this where it has some."""
        return iter(())

    @classmethod
    def links(cls) -> Mapping[str, Link]:
        """By the column's name. Kept: to plan one erasure asks for them some thousand times."""
        return cls._links

    @classmethod
    def repeats(cls) -> Mapping[str, Repeats]:
        """By the name of the column whose text may say once more what a link says."""
        return cls._repeats

    @classmethod
    def column_rules(cls) -> dict[str, ColumnRule]:
        return {c.name: c.info["rule"] for c in cls.table.columns if "rule" in c.info}


def catalogue() -> dict[str, type[Record]]:
    """Every record by table name. Import `freehold.records` first: that fills it."""
    return dict(_catalogue)


def _build(cls: type[Record], name: str, rules: Rules, columns: dict[str, Column[Any]]) -> Table:
    for column_name, column in columns.items():
        column.name = column.key = column_name
    append_only = rules.writes is Writes.APPEND_ONLY
    # AUTOINCREMENT: an export's high-water mark holds only if a deleted row's key is never given again.
    return Table(
        name,
        metadata,
        *columns.values(),
        *cls.constraints(),
        sqlite_autoincrement=append_only,
    )


def _check_rules(table: str, rules: Rules, columns: dict[str, Column[Any]]) -> None:
    if table in metadata.tables:
        raise CatalogueError(f"Two records claim the table {table!r}: give one another name.")
    if rules.container is Container.WORKSPACE and "workspace_id" not in columns:
        raise CatalogueError(f"{table}: a record of a workspace carries workspace_id = workspace().")
    if rules.container is Container.SERVER and table != "workspaces" and "workspace_id" in columns:
        raise CatalogueError(f"{table}: a record of the server may not carry workspace_id.")
    _check_leaving(table, rules, columns)
    for name, column in columns.items():
        rule = column.info.get("rule")
        if isinstance(rule, Personal) and rule.of != "row" and rule.of not in columns:
            raise CatalogueError(f"{table}.{name}: personal(of={rule.of!r}) names no column of this record.")


def _check_leaving(table: str, rules: Rules, columns: dict[str, Column[Any]]) -> None:
    """What an export may take along, and what an erasure may leave: a workspace takes all its rows with it."""
    is_withheld = isinstance(rules.export, Withheld)
    if not is_withheld and any(isinstance(column.info.get("rule"), Secret) for column in columns.values()):
        raise CatalogueError(f"{table}: a record with a secret never leaves: Withheld(because=…).")
    if not is_withheld and rules.container is Container.SERVER and table != "workspaces":
        raise CatalogueError(f"{table}: a record of the server never leaves with a workspace: Withheld(because=…).")
    if rules.container is Container.WORKSPACE and isinstance(rules.erasure, Retained):
        raise CatalogueError(f"{table}: a record of a workspace goes with it: Removed(). What stays is the server's.")


def _check_column(table: str, name: str, column: Column[Any], columns: dict[str, Column[Any]]) -> None:
    if "repeats" in column.info:
        _check_repeats(f"{table}.{name}", column.info["repeats"], columns)
    if "key" in column.info or "rule" in column.info:
        return
    if column.foreign_keys:
        _check_link(table, name, column)
        return
    if not isinstance(column.type, Integer | Float | Boolean | Double):
        raise CatalogueError(
            f"{table}.{name}: free-form content must say what it is: plain(), personal(of=…) or secret(because=…)."
        )


def _check_link(table: str, name: str, column: Column[Any]) -> None:
    link = column.info.get("link")
    if not isinstance(link, Link):
        raise CatalogueError(f"{table}.{name}: a foreign key is made with link(to, kind): say what erasing does.")
    if link.kind is LinkKind.SHALLOW and not column.nullable:
        raise CatalogueError(f"{table}.{name}: a shallow link is set to null when its target goes: null=True.")


def _check_repeats(place: str, repeats: Repeats, columns: dict[str, Column[Any]]) -> None:
    owner = columns[repeats.owner].info.get("link") if repeats.owner in columns else None
    if repeats.key not in columns or owner is None or owner.kind is not LinkKind.DEEP or owner.to not in _catalogue:
        raise CatalogueError(
            f"{place}: Repeats names a column of this record, and its deep link to one declared before."
        )
    link = _catalogue[owner.to].links().get(repeats.link)
    if link is None or link.kind is not LinkKind.SHALLOW or link.to != owner.to:
        raise CatalogueError(f"{place}: Repeats names a shallow link among rows of {owner.to}, and goes with that.")
