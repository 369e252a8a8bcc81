"""A bag as a folder, whatever it came as, for who makes its index or puts it together with an increment."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from freehold.kit.problems import Invalid
from freehold.lifecycle.bag.sources import BrokenArchive, Entry, entries_of
from freehold.lifecycle.increments.index import file_digest
from freehold.lifecycle.increments.layout import FILES, MANIFEST, BagFolder, sequence_of


@contextmanager
def opened(bag: Path, near: Path | None = None, *, with_files: bool = True) -> Iterator[Path]:
    """The folder itself, or what is in the archive, unpacked below `near` for the while.

    Without `with_files` not what people named themselves. Raises Invalid for what is no bag.
    """
    if bag.is_dir():
        _check_manifest(bag)
        yield bag
        return
    with TemporaryDirectory(prefix=".freehold-bag-", dir=near) as scratch:
        try:
            _unpack(bag, Path(scratch), with_files=with_files)
        except (BrokenArchive, FileExistsError, NotADirectoryError, IsADirectoryError) as fault:
            raise _no_bag(bag) from fault
        _check_manifest(Path(scratch))
        yield Path(scratch)


def check_listed(folder: Path) -> None:
    """Reads what an index is made of against the manifest. Raises Invalid where something is missing or changed."""
    for path, digest in BagFolder(folder).listed():
        if not (folder / path).is_file() or file_digest(folder / path) != digest:
            message = (
                f"{path} of the base is not what its manifest says. `freehold verify` tells all that does not hold."
            )
            raise Invalid("BagDoesNotHold", message)


def _unpack(bag: Path, to: Path, *, with_files: bool) -> None:
    for entry in entries_of(bag):
        if not isinstance(entry, Entry):
            raise _no_bag(bag)
        is_file = entry.path.startswith("data/") and sequence_of(entry.path) == FILES
        if is_file and not with_files:
            continue
        path = to / entry.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            for piece in entry.pieces:
                file.write(piece)


def _check_manifest(folder: Path) -> None:
    if not (folder / MANIFEST).is_file():
        raise _no_bag(folder)


def _no_bag(bag: Path) -> Invalid:
    return Invalid("NotABag", f"{bag.name} is no bag that can be read. `freehold verify` tells what is wrong with it.")
