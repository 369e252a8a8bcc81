"""allow-whole. Prevents: a part of a write taken for the whole of it, on a disk that was full for a moment.

The system writes what there is room for and says how much. A file with a buffer writes the rest, or tells the fault;
one without, and `os.write`, leave that to the caller, who looks at what came back.
"""

import ast
from collections.abc import Iterator

from scripts.lints.source import Fault, SourceFile

RULE = "whole"
_WRITING = set("wax+")


def check(file: SourceFile) -> Iterator[Fault]:
    for node in file.nodes:
        if isinstance(node, ast.Call) and _is_raw(node) and _is_written(node):
            yield Fault(RULE, file.where, node.lineno, "opens a file to write without a buffer: leave buffering=0 out")
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and _is_os_write(file, node.value):
            yield Fault(RULE, file.where, node.lineno, "does not look at how much os.write has written")


def _is_raw(call: ast.Call) -> bool:
    """Nothing but `open` and its kin is told of buffering."""
    return any(
        keyword.arg == "buffering" and isinstance(keyword.value, ast.Constant) and keyword.value.value == 0
        for keyword in call.keywords
    )


def _is_written(call: ast.Call) -> bool:
    said = [*call.args[:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    modes = [each.value for each in said if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return any(_WRITING & set(mode) for mode in modes)


def _is_os_write(file: SourceFile, call: ast.Call) -> bool:
    return file.spelled(call.func) == "os.write"
