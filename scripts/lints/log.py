"""allow-log. Prevents: a name, an id or a fault's own text in a log line, where no erasure finds it.

A line says one fixed text, and fields that `kit/logs.py` declares with what they hold. What stands in a field is no
text made on the spot, no fault as it speaks, and nothing of a request; faults are told by kind.
"""

import ast
from collections.abc import Iterator

from freehold.kit.logs import FIELDS
from scripts.lints.source import Fault, SourceFile

RULE = "log"
_METHODS = {"debug", "info", "warning", "error", "critical", "log", "exception"}
_SPEAKING = {"args", "body", "headers", "message", "params", "path", "query", "url"}
"""Attributes that hold what somebody said. A route's own `path` is its template."""


def check(file: SourceFile) -> Iterator[Fault]:
    if file.lies_in("kit/logs.py"):
        return
    for node in file.nodes:
        if isinstance(node, ast.Call) and _logs(node):
            for message in _faults_in(node):
                yield Fault(RULE, file.where, node.lineno, message)


def _logs(call: ast.Call) -> bool:
    """A method of something called log, logger or logging; or whatever is given fields."""
    named = isinstance(call.func, ast.Attribute) and call.func.attr in _METHODS
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    is_log = isinstance(owner, ast.Name) and owner.id.strip("_") in {"log", "logger", "logging"}
    return (named and is_log) or any(keyword.arg == "extra" for keyword in call.keywords)


def _faults_in(call: ast.Call) -> Iterator[str]:
    method = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    said = call.args[1:] if method == "log" else call.args
    if method == "exception" or any(keyword.arg in {"exc_info", "stack_info"} for keyword in call.keywords):
        yield "logs a fault as it speaks: log its kind in a field"
    if len(said) != 1 or not (isinstance(said[0], ast.Constant) and isinstance(said[0].value, str)):
        yield "logs a text made on the spot: say one fixed text, and the rest in fields"
    for keyword in call.keywords:
        if keyword.arg == "extra":
            yield from _in_fields(keyword.value)


def _in_fields(fields: ast.expr) -> Iterator[str]:
    if not isinstance(fields, ast.Dict):
        yield "logs fields that cannot be read here: write them out"
        return
    for key, value in zip(fields.keys, fields.values, strict=True):
        name = key.value if isinstance(key, ast.Constant) else None
        if name not in FIELDS:
            yield f"logs the field {name!r}: declare in kit/logs.py what it holds"
        if _speaks(value):
            yield f"logs what somebody or a fault said in the field {name!r}"


def _speaks(value: ast.expr) -> bool:
    if isinstance(value, ast.JoinedStr):
        return True
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
        return value.func.id in {"str", "repr", "format"}
    return isinstance(value, ast.Attribute) and value.attr in _SPEAKING and not _is_route(value.value)


def _is_route(node: ast.expr) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "route"
