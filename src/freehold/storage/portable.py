"""The only file that asks which database it is."""

import errno
import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.pool import NullPool
from sqlalchemy.sql.functions import FunctionElement

if TYPE_CHECKING:
    from alembic.operations import BatchOperations
    from sqlalchemy.dialects import postgresql

BUSY_MILLISECONDS = 30_000
LARGEST_FORM = 32
"""Rows of one statement: a segment's payload is small, and SQLite takes many more parameters than this needs."""
_PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA secure_delete=ON",
    "PRAGMA foreign_keys=ON",
    "PRAGMA temp_store=MEMORY",
    f"PRAGMA busy_timeout={BUSY_MILLISECONDS}",
    "PRAGMA cache_size=-2000",
)


KEPT_IN_MEMORY = 8_000
"""Kibibytes of a connection whose sorting may go to files."""


def is_postgres(bind: sa.Engine | sa.Connection) -> bool:
    return bind.dialect.name == "postgresql"


def sqlite_engine(path: Path, driver: str = "sqlite3", *, scratch: Path | None = None) -> sa.Engine:
    """An engine whose connections carry the house's pragmas and never begin a transaction by themselves.

    What it sorts stays in memory, or, beyond KEPT_IN_MEMORY, goes to files without a name in `scratch`: SQLite asks the
    process's environment where, so there is one such folder in a process.
    """
    engine = sa.create_engine(
        f"sqlite:///{path}",
        module=_sqlite_module(driver),
        poolclass=NullPool,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # the text of a fault must not carry content
        connect_args={"check_same_thread": False, "cached_statements": 256},
    )
    event.listen(engine, "connect", _set_pragmas)
    if scratch is not None:
        os.environ["SQLITE_TMPDIR"] = str(scratch)
        event.listen(engine, "connect", _sort_in_files)
    return engine


def postgres_engine(url: str, pool_size: int) -> sa.Engine:
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    return sa.create_engine(parsed, pool_size=pool_size, max_overflow=2, pool_pre_ping=True, hide_parameters=True)


@contextmanager
def all_or_nothing(connection: sa.Connection) -> Iterator[None]:
    """A transaction around changes of the schema, which both databases can undo.

    SQLite changes a table by making it anew: meanwhile links are not enforced, and are checked before the commit.
    """
    if is_postgres(connection):
        with connection.begin():
            yield
        return
    connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        yield
        if connection.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            raise RuntimeError("A migration left a link that leads nowhere; nothing was changed.")
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    finally:
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")


@contextmanager
def undone_alone(connection: sa.Connection) -> Iterator[None]:
    """What fails inside is undone, and the transaction around it goes on."""
    if is_postgres(connection):
        with connection.begin_nested():
            yield
        return
    connection.exec_driver_sql("SAVEPOINT alone")
    try:
        yield
    except BaseException:
        connection.exec_driver_sql("ROLLBACK TO alone")
        raise
    finally:
        connection.exec_driver_sql("RELEASE alone")


def upsert(connection: sa.Connection, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
    """An INSERT with on_conflict_do_update / on_conflict_do_nothing, which both databases spell alike."""
    return _insert_of(connection)(table)


def _insert_of(bind: sa.Engine | sa.Connection) -> "Callable[[sa.Table], sqlite.Insert | postgresql.Insert]":
    if not is_postgres(bind):
        return sqlite.insert
    from sqlalchemy.dialects import postgresql  # late: on SQLite a start need not wait for it

    return postgresql.insert


def take_keys(connection: sa.Connection, table: sa.Table, count: int) -> Sequence[int]:
    """Keys for so many new rows, in rising order, that nobody else will be given. In a writing transaction only."""
    key = "row_id"
    if is_postgres(connection):
        sequence = sa.func.pg_get_serial_sequence(table.name, key)
        series = sa.func.generate_series(1, count).table_valued("number")
        taken = sa.select(sa.func.nextval(sequence)).select_from(series)
        return sorted(connection.execute(taken).scalars())
    highest = connection.execute(sa.select(sa.func.coalesce(sa.func.max(table.c[key]), 0))).scalar_one()
    if table.dialect_options["sqlite"]["autoincrement"]:
        sequences = sa.table("sqlite_sequence", sa.column("name", sa.String()), sa.column("seq", sa.Integer()))
        given = sa.select(sequences.c.seq).where(sequences.c.name == table.name)
        highest = max(highest, connection.execute(given).scalar() or 0)
    return range(highest + 1, highest + 1 + count)


def matches(
    connection: sa.Connection, column: sa.ColumnElement[Any], pattern: str, *, ignoring_case: bool
) -> sa.ColumnElement[bool]:
    """LIKE or ILIKE with `%` and `_` and no escape character. SQLite's own LIKE folds ASCII case, so GLOB is used."""
    if is_postgres(connection):
        literal = pattern.replace("\\", "\\\\")
        return column.ilike(literal) if ignoring_case else column.like(literal)
    if ignoring_case:
        return column.ilike(pattern)
    return column.op("GLOB", is_comparison=True, return_type=sa.Boolean())(_as_glob(pattern))


def begins_with(column: sa.ColumnElement[str], prefix: str) -> sa.ColumnElement[bool]:
    """As a range of the binary order, which an index serves; LIKE would fold case on SQLite."""
    end = _successor(prefix)
    return sa.and_(column >= prefix, column < end if end else sa.true())


def _successor(prefix: str) -> str:
    """The first text behind all that begin with `prefix`; empty where there is none."""
    head = prefix.rstrip("\U0010ffff")
    if not head:
        return ""
    after = ord(head[-1]) + 1
    return head[:-1] + chr(0xE000 if 0xD800 <= after <= 0xDFFF else after)


def _as_glob(pattern: str) -> str:
    signs = {"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}
    return "".join(signs.get(character, character) for character in pattern)


def json_text(connection: sa.Connection, column: sa.ColumnElement[Any], *path: str) -> sa.ColumnElement[str | None]:
    """The value at `path` in a column of JSON text: a string itself, an array or object as JSON, else null."""
    whole: sa.ColumnElement[Any] = sa.type_coerce(column, sa.Text())
    if is_postgres(connection):
        from sqlalchemy.dialects import postgresql

        return sa.func.json_extract_path_text(sa.cast(_without_nul(whole), postgresql.JSON()), *path)
    steps = "".join(f'."{step}"' for step in path)
    return sa.func.json_extract(whole, f"${steps}", type_=sa.Text())


def _without_nul(document: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
    """PostgreSQL reads no value of JSON that has an escaped NUL anywhere, for its texts cannot hold one: the sign for
    what cannot be shown stands in its place. Backslashes before it, of an even number, are characters of the text."""
    replaced = sa.func.regexp_replace(document, r"(?<!\\)((?:\\\\)*)\\u0000", r"\1\ufffd", "g")
    return sa.case((sa.func.strpos(document, r"\u0000") > 0, replaced), else_=document)


def _spelt(kind: sa.types.TypeEngine[Any], sqlite: str, postgresql: str) -> type[FunctionElement[Any]]:
    """A function that each database spells in its own way; `{}` is where its arguments stand."""

    class Spelt(FunctionElement[Any]):
        inherit_cache = True
        type = kind

    def spell(template: str, spelt: Spelt, compiler: Any, **more: Any) -> str:
        return template.format(compiler.process(spelt.clauses, **more))

    compiles(Spelt)(partial(spell, sqlite))
    compiles(Spelt, "postgresql")(partial(spell, postgresql))
    return Spelt


_Checked = _spelt(sa.BigInteger(), "({} + 0)", "{}")
_Keys = _spelt(sa.BigInteger(), "(SELECT value FROM json_each({}))", "(SELECT unnest({}))")
_Gathered = _spelt(sa.Text(), "json_group_array(json_array({}))", "CAST(json_agg(json_build_array({})) AS TEXT)")
_Hex = _spelt(sa.Text(), "hex({})", "encode({}, 'hex')")
_Octets = _spelt(sa.BigInteger(), "length(CAST({} AS BLOB))", "octet_length({})")


def checked(column: sa.ColumnElement[int]) -> sa.ColumnElement[int]:
    """The column to compare with, but not to search by. For statements that name their rows already.

    SQLite does not know how many rows a workspace has, takes an equal workspace for the better clue, and would read all
    of them to find those named. PostgreSQL does know, and its keys begin with the workspace.
    """
    return _Checked(column)


def among(column: sa.ColumnElement[int], keys: Sequence[int] | None = None) -> sa.ColumnElement[bool]:
    """The column is one of many keys, which go as one parameter: one for each takes longer to spell than to answer.

    None: one of those that the statement is given as `keys` when it is run.
    """
    given = sa.bindparam("keys", keys or (), type_=_KeyList(), unique=keys is not None)
    return column.op("IN", is_comparison=True, return_type=sa.Boolean())(_Keys(given))


class _KeyList(sa.types.TypeDecorator[Sequence[int]]):
    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        is_text = dialect.name != "postgresql"
        return dialect.type_descriptor(sa.Text() if is_text else sa.ARRAY(sa.BigInteger()))

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> Any:
        return list(value or ()) if dialect.name == "postgresql" else json.dumps(list(value or ()))


def listed(connection: sa.Connection, texts: Sequence[str]) -> sa.ColumnElement[str]:
    """A column of many texts, which go as one parameter, to select from."""
    if is_postgres(connection):
        given = sa.bindparam(None, list(texts), type_=sa.ARRAY(sa.Text()), unique=True)
        return sa.func.unnest(given).column_valued("text")
    text = sa.bindparam(None, json.dumps(list(texts)), type_=sa.Text(), unique=True)
    return sa.func.json_each(text).table_valued(sa.column("value", sa.Text())).c.value


def gathered(*columns: sa.ColumnElement[Any]) -> sa.ColumnElement[str | None]:
    """All rows of a subquery in one value: a JSON text of lists, in no order; null or `[]` where there are none.

    So one statement reads a document together with what hangs on it.
    """
    return _Gathered(*columns)


def as_hex(column: sa.ColumnElement[bytes]) -> sa.ColumnElement[str]:
    """Bytes as text, for what `gathered` puts together."""
    return _Hex(column)


def octets(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """How many bytes a text has; null for null."""
    return _Octets(column)


def one_inserter_at_a_time(connection: sa.Connection, table: sa.Table) -> None:
    """Until this transaction ends nobody else adds to the table; on SQLite that is so anyway, with its one writer."""
    if is_postgres(connection):
        name = connection.dialect.identifier_preparer.format_table(table)
        connection.execute(sa.text(f"LOCK TABLE {name} IN SHARE ROW EXCLUSIVE MODE"))


_FULL = ("disk is full", "disk i/o error", "no space left", "file too large")
"""What SQLite and the system say; a file may be refused for its size alone, by a quota or a limit."""
_FULL_TO_POSTGRES = "53100"


def is_disk_full(fault: BaseException) -> bool:
    own = fault.orig if isinstance(fault, DBAPIError) and fault.orig else fault
    if is_database_fault(own) and not type(own).__module__.startswith(_SQLITE):
        return getattr(own, "sqlstate", None) == _FULL_TO_POSTGRES  # its words quote what clients wrote
    return any(words in str(own).lower() for words in _FULL)


_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_DENIED_TO_SQLITE = ("readonly database", "unable to open database file", "access permission denied")


def is_denied(fault: BaseException) -> bool:
    """The system does not let this server at a file: it has no right to it, or the disk is mounted read-only."""
    if isinstance(fault, OSError):
        return fault.errno in _DENIED
    own = fault.orig if isinstance(fault, DBAPIError) else fault  # PostgreSQL's own quotes what clients wrote
    return type(own).__module__.startswith(_SQLITE) and any(words in str(own).lower() for words in _DENIED_TO_SQLITE)


def is_database_fault(fault: BaseException) -> bool:
    return isinstance(fault, DBAPIError) or _is_of_driver(fault, "Error")


def is_integrity_fault(fault: BaseException) -> bool:
    return isinstance(fault, sa.exc.IntegrityError) or _is_of_driver(fault, "IntegrityError")


def is_worth_a_retry(fault: BaseException) -> bool:
    """A deadlock or a serialisation failure: PostgreSQL asks for the transaction to be run again."""
    own = fault.orig if isinstance(fault, DBAPIError) else fault
    return is_database_fault(fault) and getattr(own, "sqlstate", None) in {"40001", "40P01"}


def is_away(fault: BaseException) -> bool:
    """PostgreSQL takes no connection, or has broken one off. Of what has no code the driver could not hear one."""
    own = fault.orig if isinstance(fault, DBAPIError) else fault
    if own is None or not _is_of_driver(own, "OperationalError") or type(own).__module__.startswith(_SQLITE):
        return False
    state = getattr(own, "sqlstate", None)
    return state is None or state.startswith("08") or state in _GOING


def _is_of_driver(fault: BaseException, name: str) -> bool:
    """Prepared statements go to the driver itself, whose faults have the names that PEP 249 gives them."""
    return any(each.__name__ == name and each.__module__.split(".")[0] in _DRIVERS for each in type(fault).__mro__)


_DRIVERS = {"psycopg", "sqlite3", "pysqlite3"}
_SQLITE = ("sqlite3", "pysqlite3")
_GOING = {"57P01", "57P02", "57P03", "53300"}
"""It is shut down, has crashed, starts, or has too many connections."""


class Prepared:
    """A statement compiled once and run on the driver's connection: the hot path, without the bookkeeping.

    `build` is called once per database kind with the dialect's `insert` function. Values go through their columns'
    types, as in any statement. Rows come back as the driver gives them.
    """

    def __init__(self, build: Callable[[Callable[[sa.Table], Any]], Any]) -> None:
        self._build = build
        self._compiled: dict[str, _Compiled] = {}

    def one(self, connection: sa.Connection, params: dict[str, Any]) -> Sequence[Any] | None:
        compiled = self._for(connection)
        row: Sequence[Any] | None = _raw(connection).execute(compiled.sql, compiled.arrange(params)).fetchone()
        return row

    def all(self, connection: sa.Connection, params: dict[str, Any]) -> list[Sequence[Any]]:
        compiled = self._for(connection)
        rows: list[Sequence[Any]] = _raw(connection).execute(compiled.sql, compiled.arrange(params)).fetchall()
        return rows

    def run(self, connection: sa.Connection, params: dict[str, Any]) -> None:
        compiled = self._for(connection)
        _raw(connection).execute(compiled.sql, compiled.arrange(params))

    def result(self, connection: sa.Connection, params: dict[str, Any]) -> sa.CursorResult[Any]:
        """Of a statement whose faults or count of rows matter: as SQLAlchemy tells them."""
        compiled = self._for(connection)
        given = compiled.arrange(params)
        return connection.exec_driver_sql(compiled.sql, given if isinstance(given, dict) else tuple(given))

    def prepare(self, bind: sa.Engine | sa.Connection) -> None:
        """Compile it now, where nobody waits, and not where it is run first."""
        self._for(bind)

    def _for(self, bind: sa.Engine | sa.Connection) -> "_Compiled":
        found = self._compiled.get(bind.dialect.name)
        if found is None:
            statement = self._build(_insert_of(bind))
            found = self._compiled[bind.dialect.name] = _Compiled(statement, bind.dialect)
        return found


def locked(connection: sa.Connection, rows: Prepared, params: dict[str, Any]) -> None:
    """Until this transaction ends nobody else changes the rows that a SELECT … FOR UPDATE names, nor refers to them;
    on SQLite that is so anyway."""
    if is_postgres(connection):
        rows.all(connection, params)


class PreparedRows:
    """As `Prepared`, for many rows in few statements: every statement costs the thread its turn in the interpreter.

    `build` makes the statement for so many rows, each with the parameters `names`, spelt `name_0`, `name_1` …
    (`numbered`). A row is a tuple in the order of `names`. Rows go in powers of two, so few forms are ever compiled.
    """

    def __init__(self, names: Sequence[str], build: Callable[[Callable[[sa.Table], Any], int], Any]) -> None:
        self._names = names
        self._build = build
        self._forms: dict[tuple[str, int], _CompiledRows] = {}

    def run(self, connection: sa.Connection, rows: Sequence[Sequence[Any]]) -> None:
        for form, values in self._parts(connection, rows):
            _raw(connection).execute(form.sql, values)

    def all(self, connection: sa.Connection, rows: Sequence[Sequence[Any]]) -> list[Sequence[Any]]:
        found: list[Sequence[Any]] = []
        for form, values in self._parts(connection, rows):
            found.extend(_raw(connection).execute(form.sql, values).fetchall())
        return found

    def _parts(self, connection: sa.Connection, rows: Sequence[Sequence[Any]]) -> Iterator[tuple["_CompiledRows", Any]]:
        at = 0
        while at < len(rows):
            size = min(LARGEST_FORM, 1 << (len(rows) - at).bit_length() - 1)
            form = self._form(connection, size)
            yield form, form.arrange(rows[at : at + size])
            at += size

    def _form(self, connection: sa.Connection, size: int) -> "_CompiledRows":
        key = (connection.dialect.name, size)
        form = self._forms.get(key)
        if form is None:
            statement = self._build(_insert_of(connection), size)
            form = self._forms[key] = _CompiledRows(statement, connection.dialect, self._names, size)
        return form


def numbered(names: Iterable[str], size: int) -> list[dict[str, Any]]:
    """The values of a `PreparedRows` insert: `name` is bound as `name_0`, `name_1` …"""
    return [{name: sa.bindparam(f"{name}_{number}") for name in names} for number in range(size)]


class _CompiledRows:
    """`_order`: where in the joined rows each parameter of the statement stands, and what its type makes of it."""

    __slots__ = ("_is_positional", "_order", "_processed", "sql")

    def __init__(self, statement: Any, dialect: Dialect, names: Sequence[str], size: int) -> None:
        compiled = statement.compile(dialect=dialect)
        self.sql = str(compiled)
        self._is_positional: bool = compiled.positional
        place = {f"{name}_{row}": row * len(names) + at for row in range(size) for at, name in enumerate(names)}
        self._order = {name: place[name] for name in compiled.positiontup or compiled.binds}
        processors = {name: compiled.binds[name].type.bind_processor(dialect) for name in self._order}
        self._processed = [(place[name], process) for name, process in processors.items() if process is not None]

    def arrange(self, rows: Sequence[Sequence[Any]]) -> Any:
        values = [value for row in rows for value in row]
        for at, process in self._processed:
            values[at] = process(values[at])
        if self._is_positional:
            return [values[at] for at in self._order.values()]
        return {name: values[at] for name, at in self._order.items()}


class _Compiled:
    """`names`: parameters in the order of the statement; by name where the driver wants a mapping. Lists of values that
    the statement itself holds are spelt out."""

    __slots__ = ("_constants", "_is_positional", "_names", "_processors", "sql")

    def __init__(self, statement: Any, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self.sql = str(compiled)
        self._is_positional: bool = compiled.positional
        self._constants: dict[str, Any] = compiled.params
        self._names: list[str] = list(compiled.positiontup or self._constants)
        types = {name: each.type for name, each in compiled.binds.items()}
        self._processors = [types[n].bind_processor(dialect) if n in types else None for n in self._names]

    def arrange(self, params: dict[str, Any]) -> Any:
        given = params if len(params) == len(self._constants) else self._constants | params
        values = [
            given[name] if process is None else process(given[name])
            for name, process in zip(self._names, self._processors, strict=True)
        ]
        return values if self._is_positional else dict(zip(self._names, values, strict=True))


def _raw(connection: sa.Connection) -> Any:
    return connection.connection.driver_connection


def _sqlite_module(driver: str) -> ModuleType:
    if driver == "sqlite3":
        return sqlite3
    from pysqlite3 import (
        dbapi2,
    )  # an ordinary SQLite build, to test without a distribution's settings

    module: ModuleType = dbapi2
    return module


def _set_pragmas(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _sort_in_files(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA temp_store=FILE")
    cursor.execute(f"PRAGMA cache_size=-{KEPT_IN_MEMORY}")
    cursor.close()


@compiles(sa.PrimaryKeyConstraint, "postgresql")
def _workspace_first(constraint: sa.PrimaryKeyConstraint, compiler: Any, **_: Any) -> str:
    """On PostgreSQL a workspace's rows are keyed (workspace_id, row_id), so tables can be split by workspace."""
    columns = [column.name for column in constraint.columns]
    if columns == ["row_id"] and "workspace_id" in constraint.table.columns:
        columns.insert(0, "workspace_id")
    listed = ", ".join(columns)
    return f"CONSTRAINT {compiler.preparer.format_constraint(constraint)} PRIMARY KEY ({listed})"


@compiles(sa.ForeignKeyConstraint, "postgresql")
def _link_within_workspace(constraint: sa.ForeignKeyConstraint, compiler: Any, **_: Any) -> str:
    """On PostgreSQL a link between rows of one workspace names the workspace too, as the key there does."""
    if len(constraint.elements) > 1:  # a migration has spelt it out (add_link)
        return str(compiler.visit_foreign_key_constraint(constraint))
    element = constraint.elements[0]
    local, (table, column) = element.parent.name, element.target_fullname.split(".")
    within = column == "row_id" and "workspace_id" in constraint.table.columns and table not in server_tables()
    mine, theirs = (f"workspace_id, {local}", f"workspace_id, {column}") if within else (local, column)
    name = compiler.preparer.format_constraint(constraint)
    return f"CONSTRAINT {name} FOREIGN KEY ({mine}) REFERENCES {table} ({theirs})"


def add_link(batch: "BatchOperations", table: str, column: str, to: str) -> None:
    """For migrations: a link between rows of one workspace, added to a table that stands."""
    is_within = batch.get_context().dialect.name == "postgresql"
    mine, theirs = (["workspace_id", column], ["workspace_id", "row_id"]) if is_within else ([column], ["row_id"])
    batch.create_foreign_key(f"fk_{table}_{column}", to, mine, theirs)


def one_at_a_time(connection: sa.Connection) -> None:
    """Until the transaction ends no other server changes the schema. SQLite has one server, and one writer."""
    if is_postgres(connection):
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_SCHEMA)))


_SCHEMA = 0x46524545  # any number that is ours alone in this database


def server_tables() -> frozenset[str]:
    """Tables without a workspace: links to them stay single."""
    from freehold.records.catalogue import (
        catalogue,
    )  # late: the catalogue is filled by then
    from freehold.records.rules import Container

    return frozenset(n for n, record in catalogue().items() if record.rules.container is Container.SERVER)


def dialect_of(connection: sa.Connection) -> Dialect:
    return connection.dialect
