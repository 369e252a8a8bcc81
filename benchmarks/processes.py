"""What the kernel says of a process: memory now and at its highest, descendants."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

MEGABYTE = 1_000_000
EVERY_SECONDS = 0.05


def resident(pid: int) -> float:
    """MB of RSS."""
    return float(psutil.Process(pid).memory_info().rss) / MEGABYTE


def highest(pid: int) -> float:
    """MB of the highest RSS so far (Linux)."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1_024 / MEGABYTE


def proportional(pid: int) -> float:
    """MB of the process and its descendants, what they share counted once (Linux)."""
    processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    return sum(float(each.memory_full_info().pss) for each in processes) / MEGABYTE


class Watch:
    """Highest RSS of descendants whose command line has `word`."""

    def __init__(self) -> None:
        self.highest = 0.0
        self.seen = 0


@contextmanager
def watching(pid: int, word: str) -> Iterator[Watch]:
    watch, stop = Watch(), threading.Event()
    thread = threading.Thread(target=_look, args=(pid, word, watch, stop))
    thread.start()
    try:
        yield watch
    finally:
        stop.set()
        thread.join()


def _look(pid: int, word: str, watch: Watch, stop: threading.Event) -> None:
    """Looks at all processes only until the one is found: that costs a good part of a core."""
    found: psutil.Process | None = None
    while not stop.wait(EVERY_SECONDS):
        found = found or _descendant(pid, word)
        if found is None:
            continue
        watch.seen = 1
        try:
            watch.highest = max(watch.highest, highest(found.pid))
        except (OSError, IndexError):
            return  # it has ended; its highest was seen a moment ago


def _descendant(pid: int, word: str) -> psutil.Process | None:
    for child in psutil.Process(pid).children(recursive=True):
        try:
            if word in child.cmdline():
                return child
        except psutil.Error:
            continue
    return None
