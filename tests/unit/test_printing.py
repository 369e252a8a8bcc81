"""What commands print: words for nothing, one told as one."""

import pytest
from rich.table import Table

from freehold.cli.printing import counted, print_table


def test_a_table_without_rows_is_words(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("operation", "kind", title="What there is")
    print_table(table, "no operations")
    assert capsys.readouterr().out == "no operations\n"


def test_a_table_with_a_row_is_printed_whole(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("operation", "kind")
    table.add_row("one", "export")
    print_table(table, "no operations")
    told = capsys.readouterr().out
    assert all(word in told for word in ("operation", "kind", "one", "export"))
    assert "no operations" not in told


def test_one_is_told_as_one() -> None:
    told = [counted(number, "file", "files") for number in (0, 1, 2, 1_000)]
    assert told == ["0 files", "1 file", "2 files", "1,000 files"]
