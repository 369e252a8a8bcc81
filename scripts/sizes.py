"""Prints the longest functions and files of the package, and how many are above the house's guidance.

Not a gate: a look at what may have grown two purposes. Usage: `python scripts/sizes.py [PACKAGE]`.
"""

import ast
import sys
from collections.abc import Iterable
from pathlib import Path

LONG_FUNCTION, LONG_FILE, SHOWN = 50, 300, 10


def main(package: Path) -> None:
    files = {path: path.read_text("utf-8") for path in sorted(package.rglob("*.py"))}
    show("files", LONG_FILE, ((text.count("\n"), str(path)) for path, text in files.items()))
    show("functions", LONG_FUNCTION, (size for path, text in files.items() for size in functions(path, text)))


def functions(path: Path, text: str) -> Iterable[tuple[int, str]]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (node.end_lineno or node.lineno) - node.lineno + 1, f"{path}:{node.lineno} {node.name}"


def show(what: str, limit: int, sizes: Iterable[tuple[int, str]]) -> None:
    ranked = sorted(sizes, reverse=True)
    above = sum(lines > limit for lines, _ in ranked)
    middle = ranked[len(ranked) // 2][0] if ranked else 0
    print(f"{what}: {len(ranked)}, median {middle} lines, {above} above {limit}")
    for lines, where in ranked[:SHOWN]:
        print(f"{lines:6} {where}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "src/freehold"))
