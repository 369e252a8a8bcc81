"""allow-dialect. Prevents: a rule that holds on one database only, hidden where nobody looks for it.

`storage/portable.py` is the only file that asks which database it is. Elsewhere neither an engine's dialect
may be read, nor SQLAlchemy's dialect packages imported, nor a value compared with a database's name.
"""

import ast
from collections.abc import Iterator

from scripts.lints.source import Fault, SourceFile

RULE = "dialect"
_NAMES = ("sqlite", "postgresql", "postgres", "psycopg")


def check(file: SourceFile) -> Iterator[Fault]:
    if file.lies_in("storage/portable.py"):
        return
    for node in file.nodes:
        if (message := _fault_in(node)) is not None:
            yield Fault(RULE, file.where, getattr(node, "lineno", 1), f"{message}: ask storage/portable.py")


def _fault_in(node: ast.AST) -> str | None:
    if isinstance(node, ast.Attribute) and node.attr == "dialect":
        return "reads a dialect"
    if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy.dialects"):
        return "imports a dialect"
    if isinstance(node, ast.Import) and any(alias.name.startswith("sqlalchemy.dialects") for alias in node.names):
        return "imports a dialect"
    return "compares with a database's name" if any(_names_a_database(part) for part in _compared(node)) else None


def _compared(node: ast.AST) -> list[ast.expr]:
    """The expressions that `node` compares something with: ==, in, match, startswith."""
    if isinstance(node, ast.Compare):
        return [node.left, *node.comparators]
    if isinstance(node, ast.MatchValue):
        return [node.value]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
        return node.args
    return []


def _names_a_database(node: ast.expr) -> bool:
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(_names_a_database(element) for element in node.elts)
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.startswith(_NAMES)
