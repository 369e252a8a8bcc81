"""What the type checker is told to overlook says what it is and why."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CHECKED = ("benchmarks", "scripts", "src", "tests")
_IGNORE = re.compile(r"#\s*type:\s*ignore")
_REASONED = re.compile(r"# type: ignore\[[a-z-]+(,[a-z-]+)*\]  # \S.*")


def unreasoned(text: str) -> list[int]:
    """Lines, from 1 on, with an ignore that lacks its code or its reason."""
    return [line for line, comment in comments(text) if _IGNORE.search(comment) and not _REASONED.fullmatch(comment)]


def comments(text: str) -> Iterator[tuple[int, str]]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_every_ignore_has_its_code_and_its_reason() -> None:
    files = [path for folder in CHECKED for path in sorted((ROOT / folder).rglob("*.py"))]
    texts = {path: text for path in files if _IGNORE.search(text := path.read_text("utf-8"))}
    assert len(texts) > 10
    assert [f"{path.relative_to(ROOT)}:{line}" for path, text in texts.items() for line in unreasoned(text)] == []


@pytest.mark.parametrize(
    "comment",
    [
        "# type: ignore",
        "# type: ignore  # some day",
        "# type: ignore[misc]",
        "# type: ignore[misc]  #",
        "#type:ignore[misc]",
    ],
)
def test_one_without_is_found(comment: str) -> None:
    assert unreasoned(f"at = 1\nwhy = 2  {comment}\n") == [2]


def test_one_with_both_is_let_through() -> None:
    assert unreasoned("at = f()  # type: ignore[arg-type,misc]  # a plain dict fits\n") == []
