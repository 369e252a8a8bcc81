"""A bar of bytes, while a bag is sent, fetched or checked."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

from freehold.cli.printing import errors

TOLD_EVERY = 1 << 20
"""Bytes: to draw for each small file would take longer than the file."""


class Moved:
    """How many bytes have moved by now; `tell` is told now and then."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._done = 0
        self._told = 0

    def add(self, size: int) -> None:
        self.reach(self._done + size)

    def reach(self, done: int) -> None:
        self._done = done
        if done - self._told >= TOLD_EVERY:
            self._told = done
            self._tell(done)

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.add(len(piece))
            yield piece


@contextmanager
def moving(label: str, total: int | None = None, *, quiet: bool) -> Iterator[Moved]:
    """On standard error; gone at the end. `total`: bytes, where they are known. None where `quiet`, or nobody looks."""
    if quiet or not errors.is_interactive:
        yield Moved(_nobody)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True))
    with Progress(*columns, console=errors, transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield Moved(lambda done: bar.update(task, completed=done))


def size_if_known(bag: Path) -> int | None:
    """Bytes of an archive; those of a folder are not counted for a bar."""
    return bag.stat().st_size if bag.is_file() else None


def _nobody(done: int) -> None: ...
