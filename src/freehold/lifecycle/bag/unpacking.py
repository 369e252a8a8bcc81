"""A verified archive becomes a folder."""

import os
from pathlib import Path

from freehold.lifecycle.bag.sources import BrokenArchive, Oddity, entries_of

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)


def unpack(archive: Path, to: Path) -> None:
    """Writes what the one folder inside the archive holds into `to`, which must not be there yet.

    Raises BrokenArchive at anything but regular files with safe paths, FileExistsError where a file stands: it is for
    archives that have been verified, and still writes nothing outside `to` for one that was not.
    """
    to.mkdir()
    made = {to}
    for entry in entries_of(archive):
        if isinstance(entry, Oddity):
            raise BrokenArchive(entry.code)
        place = to / entry.path
        if place.parent not in made:
            place.parent.mkdir(parents=True, exist_ok=True)
            made.add(place.parent)
        with open(os.open(place, _NEW, 0o666), "wb", buffering=0) as file:  # the caller's umask decides
            for piece in entry.pieces:
                file.write(piece)
