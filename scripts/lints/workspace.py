"""allow-workspace. Prevents: a query that reads or changes another workspace's rows.

Every function in a `domain/*/queries.py` that builds a statement takes a parameter whose name begins with
`workspace`, so that a reader sees at once whose rows it touches. Workspaces themselves and the directory of
people stand above any workspace and are free; what else is server-wide says so with the escape comment.
"""

import ast
from collections.abc import Iterator

from scripts.lints.source import Fault, SourceFile

RULE = "workspace"
_ABOVE_WORKSPACES = ("domain/workspaces/", "domain/access/")
_STATEMENTS = ("select", "insert", "update", "delete", "exists", "text")


def check(file: SourceFile) -> Iterator[Fault]:
    if not file.lies_in("domain/") or file.where.name != "queries.py" or file.lies_in(*_ABOVE_WORKSPACES):
        return
    for node in file.tree.body:
        if isinstance(node, ast.FunctionDef) and _builds_a_statement(file, node) and not _takes_workspace(node):
            message = f"{node.name} builds a statement without a workspace parameter"
            yield Fault(RULE, file.where, node.lineno, message)


def _builds_a_statement(file: SourceFile, function: ast.FunctionDef) -> bool:
    return any(
        isinstance(node, ast.Call)
        and (name := file.spelled(node.func)) is not None
        and name.startswith("sqlalchemy.")
        and name.rpartition(".")[2] in _STATEMENTS
        for node in ast.walk(function)
    )


def _takes_workspace(function: ast.FunctionDef) -> bool:
    arguments = function.args
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return any(argument.arg.startswith("workspace") for argument in every)
