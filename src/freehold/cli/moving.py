"""A bar of bytes, while a bag is sent, fetched or checked."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn

from freehold.cli.printing import errors

TOLD_EVERY = 1 << 20
"""Bytes: to draw for each small file would take longer than the file."""


class Moved:
    """How many bytes have moved by now."""

    def __init__(self, bar: Progress | None, label: str, total: int | None) -> None:
        self._bar = bar
        self._task = bar.add_task(label, total=total) if bar is not None else None
        self._done = 0
        self._told = 0

    def add(self, size: int) -> None:
        self.reach(self._done + size)

    def reach(self, done: int) -> None:
        self._done = done
        if done - self._told >= TOLD_EVERY and self._bar is not None and self._task is not None:
            self._told = done
            self._bar.update(self._task, completed=done)

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.add(len(piece))
            yield piece


@contextmanager
def moving(label: str, total: int | None = None, *, quiet: bool) -> Iterator[Moved]:
    """On standard error; gone at the end. `total`: bytes, where they are known. `quiet`: no bar at all."""
    if quiet:
        yield Moved(None, label, total)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(binary_units=True))
    with Progress(*columns, console=errors, transient=True) as bar:
        yield Moved(bar, label, total)
