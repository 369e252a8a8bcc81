"""A bag that a server keeps, as whoever fetches it has it."""

from pathlib import Path
from tempfile import mkdtemp

from freehold.lifecycle.bag.tar import iter_tar, kept_files
from freehold.lifecycle.bag.unpacking import unpack


def as_sent(kept: Path) -> Path:
    """Unpacked in a folder of its own, outside the server's."""
    to = Path(mkdtemp(prefix="sent-", dir=kept.parents[2])) / kept.name
    unpack(iter_tar(kept, kept.name, 0, files=kept_files), to)
    return to
