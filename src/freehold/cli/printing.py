"""What commands print: people get rich text on a terminal, machines get JSON with --json."""

import sys
from typing import Any

import msgspec
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from freehold.cli.failure import Failure

console = Console()
errors = Console(stderr=True)


def fail(fault: Failure, *, as_json: bool) -> int:
    """The exit code. People read why on standard error, machines on standard output."""
    if as_json:
        print_json({"error": {"code": fault.code, "message": str(fault)}, **fault.more})
    code, message = fault.code, str(fault)
    errors.print(f"[bold red]{escape(code)}[/]  {escape(message)}", soft_wrap=True)  # what it names can be copied
    return fault.exit_code


def print_json(document: Any) -> None:
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")


def print_table(table: Table, nothing: str) -> None:
    """Or the words for nothing, instead of a head with no row below it."""
    console.print(table if table.row_count else nothing)


def counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def human_bytes(size: float) -> str:
    """1536 → '1.5 KiB'."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"
