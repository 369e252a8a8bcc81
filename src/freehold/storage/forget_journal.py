"""A copy of the forget list beside the keys, so that it outlives the data and every backup of the data.

Lines of `<digest in hex> <expiry>` below a line that names the form. Digests are keyed and tell nothing without the
key; the database's list is the one that counts, and is written here again at every start.
"""

import fcntl
import os
from collections.abc import Iterable
from pathlib import Path

JOURNAL_FILE = "forgotten.journal"
HEAD = "freehold forget journal 1"

Entry = tuple[bytes, int]
"""Digest, and expiry in microseconds UTC."""


def append(key_folder: Path, entries: Iterable[Entry]) -> None:
    """Durable when it returns. Entries that stand already are not written twice."""
    path = key_folder / JOURNAL_FILE
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        standing = {line.split(" ", 1)[0] for line in file}
        lines = [HEAD] if not standing else []
        lines += [f"{digest.hex()} {expiry}" for digest, expiry in entries if digest.hex() not in standing]
        if lines:
            file.write("".join(f"{line}\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())


def read(key_folder: Path) -> list[Entry]:
    """All entries; a line that a crash tore is left out. Raises ValueError for a form of another version."""
    path = key_folder / JOURNAL_FILE
    if not path.exists():
        return []
    head, *lines = path.read_text().split("\n")
    if head != HEAD:
        raise ValueError(f"{path} is of another version of Freehold. Upgrade before you restore.")
    return [entry for line in lines if (entry := _parse(line)) is not None]


def _parse(line: str) -> Entry | None:
    digest, _, expiry = line.partition(" ")
    if len(digest) != 64 or not expiry.isdigit():
        return None
    return bytes.fromhex(digest), int(expiry)
