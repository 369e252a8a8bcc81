"""An archive becomes a folder, while it arrives."""

import os
from collections.abc import Iterable
from pathlib import Path

from freehold.lifecycle.bag.sources import BrokenArchive, Oddity, arriving_entries

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)


def unpack(pieces: Iterable[bytes], to: Path) -> None:
    """Writes what the one folder inside a tar file holds into `to`, which must not be there yet.

    Raises BrokenArchive at anything but regular files with safe paths, FileExistsError where a file stands. Nothing is
    written outside `to`; whether it is what it ought to be is for the verifier to say, afterwards.
    """
    to.mkdir()
    made = {to}
    for entry in arriving_entries(pieces):
        if isinstance(entry, Oddity):
            raise BrokenArchive(entry.code)
        place = to / entry.path
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        with open(os.open(place, _NEW, 0o666), "wb") as file:  # the caller's umask decides
            for piece in entry.pieces:
                file.write(piece)
