"""Where a bag is made, and how it gets its name: nothing that stands there is ever touched."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory


def beside(target: Path) -> "TemporaryDirectory[str]":
    """A private folder on the file system of `target`, under a name that nobody else uses. Raises OSError."""
    return TemporaryDirectory(prefix=".freehold-", dir=target.absolute().parent)


def place_new(made: Path, target: Path) -> None:
    """Give a finished file or folder its name. Raises FileExistsError where something has it by now."""
    if made.is_dir():
        target.mkdir()  # takes the name: a folder goes over an empty one, and over nothing else
        made.rename(target)
        return
    try:
        os.link(made, target)
    except FileExistsError:
        raise
    except OSError:  # a file system without links, such as exFAT: take the name first
        target.touch(exist_ok=False)
        made.replace(target)
