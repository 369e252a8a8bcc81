"""Why a command cannot go on. Apart from printing.py, which loads what a server's process does not need."""

from collections.abc import Mapping
from typing import Any

INTERRUPTED = 130
"""The exit code of what was stopped by Ctrl-C, as shells have it."""


class Failure(Exception):
    """A command cannot go on. The text says what to do next; `more` is what --json prints beside it."""

    def __init__(self, code: str, message: str, exit_code: int = 1, *, more: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = exit_code
        self.more = more or {}
