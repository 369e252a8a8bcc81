"""A copy of the forget list beside the keys, so that it outlives the data and every backup of the data.

Lines of `<digest in hex> <expiry>` below a line that names the form. Digests are keyed and tell nothing without the
key; the database's list is the one that counts; at every start what is missing here is written again.
"""

import fcntl
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

JOURNAL_FILE = "forgotten.journal"
HEAD = "freehold forget journal 1"

Entry = tuple[bytes, int]
"""Digest, and expiry in microseconds UTC."""
_unwritten: dict[Path, list[Entry]] = {}
"""By key folder: what its disk did not take. Lost with the process, whose next start finds it missing."""
_one_at_a_time = threading.Lock()


def append(key_folder: Path, entries: Sequence[Entry]) -> None:
    """Durable when it returns, with all that an earlier call could not write. What stands already is not looked for:
    that would take longer with every erasure. Raises OSError."""
    with _one_at_a_time:
        unwritten = _unwritten.setdefault(key_folder, [])
        unwritten += entries
        if unwritten:
            _write(key_folder / JOURNAL_FILE, unwritten)
            unwritten.clear()


def _write(path: Path, entries: Sequence[Entry]) -> None:
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = "".join(f"{digest.hex()} {expiry}\n" for digest, expiry in entries)
        file.write(f"{_before_next(file)}{lines}".encode())
        file.flush()
        os.fsync(file.fileno())


def read(key_folder: Path) -> list[Entry]:
    """Each digest once, as it stands first; a line that a crash tore is left out. Raises ValueError for a form of
    another version."""
    path = key_folder / JOURNAL_FILE
    if not path.exists():
        return []
    head, *lines = path.read_text().split("\n")
    if not lines and HEAD.startswith(head):
        return []  # a crash tore its first line
    if head != HEAD:
        raise ValueError(f"{path} is of another version of Freehold. Upgrade before you restore.")
    found: dict[bytes, int] = {}
    for digest, expiry in filter(None, map(_parse, lines)):
        found.setdefault(digest, expiry)
    return list(found.items())


def _before_next(file: BinaryIO) -> str:
    """What must stand before the next line: the first needs its head, and one that a crash tore must not swallow it."""
    if file.seek(0, os.SEEK_END) <= len(HEAD):
        file.truncate(0)
        return f"{HEAD}\n"
    file.seek(-1, os.SEEK_END)
    return "" if file.read(1) == b"\n" else "\n"


def _parse(line: str) -> Entry | None:
    digest, _, expiry = line.partition(" ")
    if len(digest) != 64 or not expiry.isdigit():
        return None
    return bytes.fromhex(digest), int(expiry)
