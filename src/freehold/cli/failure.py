"""Why a command cannot go on. Apart from printing.py, which loads what a server's process does not need."""

INTERRUPTED = 130
"""The exit code of what was stopped by Ctrl-C, as shells have it."""


class Failure(Exception):
    """A command cannot go on. The text says what to do next."""

    def __init__(self, code: str, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.code = code
        self.exit_code = exit_code
