"""allow-sql. Prevents: queries scattered over the house, where no one can check that each asks for its
workspace.

SQL lives in `domain/*/queries.py`, and in lifecycle, operations, storage and records. Elsewhere neither
SQLAlchemy nor a database driver is used, and no statement is written as text. The rest of the domain may
name the type `sqlalchemy.Row`: it is what queries answer with.
"""

import ast
import re
from collections.abc import Iterator

from scripts.lints.source import Fault, SourceFile

RULE = "sql"
_PLACES = ("lifecycle/", "operations/", "storage/", "records/")
_DRIVERS = ("sqlalchemy", "sqlite3", "pysqlite3", "psycopg", "alembic")
_ROWS = ("sqlalchemy.Row", "sqlalchemy.RowMapping")
_STATEMENT = re.compile(
    r"\s*(SELECT\s.+\sFROM\s|INSERT\s+INTO\s|DELETE\s+FROM\s|UPDATE\s+\S+\s+SET\s|CREATE\s+TABLE\s|PRAGMA\s)",
    re.S,
)


def check(file: SourceFile) -> Iterator[Fault]:
    if file.lies_in(*_PLACES) or (file.lies_in("domain/") and file.where.name == "queries.py"):
        return
    for node in file.nodes:
        for message in _faults_in(file, node):
            yield Fault(RULE, file.where, getattr(node, "lineno", 1), f"{message}: SQL lives in queries.py")


def _faults_in(file: SourceFile, node: ast.AST) -> Iterator[str]:
    in_domain = file.lies_in("domain/")
    for module in _imported(node):
        if module.partition(".")[0] in _DRIVERS and not (in_domain and module == "sqlalchemy"):
            yield f"imports {module}"
    if in_domain and isinstance(node, ast.Attribute | ast.Name):
        name = file.spelled(node) or ""
        if name.startswith("sqlalchemy.") and name not in _ROWS:
            yield f"uses {name}"
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and _STATEMENT.match(node.value):
        yield "writes a statement as text"


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []
