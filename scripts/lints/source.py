"""What a lint sees: one parsed file of the package, and the faults it finds there."""

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

_ESCAPE = re.compile(r"#\s*allow-(?P<rule>[a-z]+):\s*because\s+\S+")


@dataclass(frozen=True)
class Fault:
    """A broken rule: `where` is the path inside the package, `line` counts from 1."""

    rule: str
    where: PurePosixPath
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: [{self.rule}] {self.message}"


@dataclass(frozen=True)
class SourceFile:
    """One Python file: `where` is its path below the package, such as `domain/runs/queries.py`."""

    where: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def names(self) -> dict[str, str]:
        """What each imported name stands for: `{"dt": "datetime", "now": "time.time"}`."""
        return dict(pair for node in self.nodes for pair in _bindings(node))

    def spelled(self, node: ast.expr) -> str | None:
        """The full dotted name of `node` if it starts at an import: `dt.now` → `datetime.datetime.now`."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            owner = self.spelled(node.value)
            return f"{owner}.{node.attr}" if owner else None
        return None

    def lies_in(self, *places: str) -> bool:
        """Whether the file is one of `places`, or below one that ends in a slash."""
        return any(
            str(self.where).startswith(place) if place.endswith("/") else str(self.where) == place for place in places
        )

    def is_allowed(self, rule: str, line: int) -> bool:
        return any(
            (escape := _ESCAPE.search(text)) is not None and escape["rule"] == rule for text in self._comments_for(line)
        )

    def _comments_for(self, line: int) -> Iterator[str]:
        lines = self.text.splitlines()
        yield lines[line - 1]
        if line > 1 and lines[line - 2].lstrip().startswith("#"):
            yield lines[line - 2]


Lint = Callable[[SourceFile], Iterator[Fault]]


def read_package(package: Path) -> Iterator[SourceFile]:
    """Every Python file below `package`, in order of path."""
    for path in sorted(package.rglob("*.py")):
        yield SourceFile(PurePosixPath(path.relative_to(package).as_posix()), path.read_text("utf-8"))


def _bindings(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            whole = alias.name if alias.asname else alias.name.partition(".")[0]
            yield alias.asname or whole, whole
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        for alias in node.names:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"
