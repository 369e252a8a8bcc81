"""allow-place. Prevents: a file of the server's in a place that no erasure knows.

What is joined to the data folder lies in a place that `records/places.py` declares, with what it holds and how it is
forgotten. Names that are known only while the server runs are looked at by a test of a server that has worked.
"""

import ast
from collections.abc import Iterator
from fnmatch import fnmatch

from freehold.records.places import PLACES
from scripts.lints.source import Fault, SourceFile

RULE = "place"
_FOLDER = "data_folder"


def check(file: SourceFile) -> Iterator[Fault]:
    texts = dict(_texts(file.tree))
    for node in file.nodes:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and _is_data_folder(node.left):
            name = _text_of(node.right, texts)
            if name is not None and not _is_declared(name):
                message = f"{name!r} below the data folder is no declared place: say in records/places.py what it holds"
                yield Fault(RULE, file.where, node.lineno, message)


def _is_declared(name: str) -> bool:
    """By the first part of the path."""
    first = name.partition("/")[0]
    return any(fnmatch(first, pattern.partition("/")[0]) for place in PLACES for pattern in place.patterns)


def _is_data_folder(node: ast.expr) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr == _FOLDER) or (
        isinstance(node, ast.Name) and node.id == _FOLDER
    )


def _text_of(node: ast.expr, texts: dict[str, str]) -> str | None:
    """A text, or a name that stands for one in this file; of a text made on the spot what it begins with."""
    if isinstance(node, ast.JoinedStr) and node.values:
        return _text_of(node.values[0], texts)
    if isinstance(node, ast.Name):
        return texts.get(node.id)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _texts(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from ((each.id, node.value.value) for each in node.targets if isinstance(each, ast.Name))
