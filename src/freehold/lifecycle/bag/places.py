"""A bag that the server keeps has the files that people named under numbers: in folders of a thousand, and not in one
for each run, which costs more than all that is in it. Whoever fetches the bag finds each under its own name."""

from collections.abc import Iterator
from pathlib import Path

PLACES = ".places"
"""Lines in the order of the manifest: where each file lies below the bag's folder, nothing where by its path. It is no
part of the bag, and is read of the server's own bags only: it says what to open."""


def numbered(stage: str, group: int, number: int) -> str:
    """The place of a file; `stage` is one of the journal."""
    return f"objects/{stage.replace(':', '/')}/{group:05d}/{number:04d}"


def places_in(folder: Path, paths: Iterator[str]) -> Iterator[tuple[str, Path]]:
    """Each path of a kept bag's manifest with its file."""
    file = folder / PLACES
    if not file.exists():  # it has no such files, or was made before they had places
        yield from ((path, folder / path) for path in paths)
        return
    with file.open(encoding="ascii", newline="\n") as places:
        for path, place in zip(paths, places, strict=True):
            yield path, folder / (place.rstrip("\n") or path)
