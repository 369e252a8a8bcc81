"""allow-commit. Prevents: half of a command kept when its other half fails.

One request or step is one transaction with one commit, and `storage/` makes it. Whoever commits, rolls back
or begins elsewhere cuts a command in two, and an answer may leave before what it says is durable.
"""

import ast
from collections.abc import Iterator

from scripts.lints.source import Fault, SourceFile

RULE = "commit"
_METHODS = ("commit", "rollback", "begin", "begin_nested", "begin_twophase")


def check(file: SourceFile) -> Iterator[Fault]:
    if file.lies_in("storage/"):
        return
    for node in file.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            message = f"calls .{node.func.attr}() outside storage/: hand a command to Database.write"
            yield Fault(RULE, file.where, node.lineno, message)
