"""allow-star. Prevents: a new column that leaves, or is shown, though nobody decided so.

Whoever asks for all columns of a row (`SELECT *`, a row as JSON, `_asdict()` or `_mapping` in an answer) has asked for
those that will be added, too. Statements and answers name what they give.
"""

import ast
import re
from collections.abc import Iterator

from scripts.lints.source import Fault, SourceFile

RULE = "star"
_WHOLE_ROWS = re.compile(r"\bSELECT\s+(DISTINCT\s+)?(\w+\.)?\*|\b(row_to_json|to_jsonb?)\s*\(", re.IGNORECASE)
_FUNCTIONS = {"row_to_json", "to_json", "to_jsonb"}
_TEXTS = {"column", "literal_column", "text"}
_ROWS = {"_asdict", "_mapping"}
_ANSWERS = ("api/", "studio/")


def check(file: SourceFile) -> Iterator[Fault]:
    for node in file.nodes:
        if (message := _fault_in(file, node)) is not None:
            yield Fault(RULE, file.where, getattr(node, "lineno", 1), f"{message}: name the columns")


def _fault_in(file: SourceFile, node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return "asks for all columns" if _WHOLE_ROWS.search(node.value) else None
    if isinstance(node, ast.Call) and _name_of(node.func) in _TEXTS and any(_is_star(each) for each in node.args):
        return "asks for all columns"
    if isinstance(node, ast.Attribute) and node.attr in _FUNCTIONS:
        return "makes JSON of whole rows"
    if isinstance(node, ast.Attribute) and node.attr in _ROWS and file.lies_in(*_ANSWERS):
        return "shows whole rows"
    return None


def _name_of(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _is_star(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith("*")
