"""A bag as one `.tar`, made from its folder while it is sent: the same folder gives the same bytes.

PAX format (POSIX.1-2001), one top folder, owner and group 0, mode 0644, one time for all. The order is the
manifest's, so that no folder listing can change it. Any byte range can be sent alone: downloads resume.
"""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from freehold.lifecycle.bag.places import places_in
from freehold.lifecycle.bag.writer import CHUNK

TAG_FILES = (
    "bagit.txt",
    "bag-info.txt",
    "manifest-sha256.txt",
    "tagmanifest-sha256.txt",
    "certificate-keys.json",
    "certificate.jws",
)
BLOCK = 512
LONGEST_NAME = 100
LARGEST_SIZE = 8**11
"""Beyond these, and for letters that are not ASCII, PAX has a record of its own before the header."""
_END = bytes(2 * BLOCK)
Files = Callable[[Path], Iterator[tuple[str, Path]]]
"""Of a bag's folder every path, in the order of an archive, and the file that it names."""


def bag_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Of a bag as it is: tags, then the payload as the manifest has it."""
    yield from _tags(folder)
    yield from ((path, folder / path) for path in _payload(folder))


def kept_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The same of a bag that the server keeps."""
    yield from _tags(folder)
    yield from places_in(folder, _payload(folder))


def tar_size(folder: Path, name: str, files: Files = bag_files) -> int:
    """Bytes that `iter_tar` gives in all."""
    sizes = ((f"{name}/{path}", file.stat().st_size) for path, file in files(folder))
    return sum(_header_size(path, size) + _padded(size) for path, size in sizes) + len(_END)


def iter_tar(folder: Path, name: str, seconds: int, start: int = 0, files: Files = bag_files) -> Iterator[bytes]:
    """The archive's bytes from offset `start`. `name` is the top folder, `seconds` the snapshot's UTC time.

    Raises FileNotFoundError when the folder lacks a file of its manifest, ValueError when one became shorter
    while it was read.
    """
    position = 0
    for path, head, size in _entries(files(folder), name, seconds):
        whole = len(head) + _padded(size)
        if position + whole > start:
            yield from _entry(path, head, size, max(0, start - position))
        position += whole
    yield _END[max(0, start - position) :]


def _entries(files: Iterator[tuple[str, Path]], name: str, seconds: int) -> Iterator[tuple[Path, bytes, int]]:
    for path, file in files:
        size = file.stat().st_size
        yield file, _header(f"{name}/{path}", size, seconds), size


def _tags(folder: Path) -> Iterator[tuple[str, Path]]:
    return ((tag, folder / tag) for tag in TAG_FILES if (folder / tag).exists())


def _payload(folder: Path) -> Iterator[str]:
    with (folder / "manifest-sha256.txt").open(encoding="utf-8", newline="\n") as manifest:
        for line in manifest:
            yield line.rstrip("\n").split("  ", 1)[1]


def _header(path: str, size: int, seconds: int) -> bytes:
    entry = tarfile.TarInfo(path)
    entry.size = size
    entry.mtime = seconds
    entry.mode = 0o644
    return entry.tobuf(tarfile.PAX_FORMAT, "utf-8")


def _header_size(path: str, size: int) -> int:
    """Bytes of `_header`, which takes long to make."""
    records = _record_size("path", path) if len(path) > LONGEST_NAME or not path.isascii() else 0
    records += _record_size("size", str(size)) if size >= LARGEST_SIZE else 0
    return 2 * BLOCK + _padded(records) if records else BLOCK


def _record_size(key: str, value: str) -> int:
    """Of `LENGTH KEY=VALUE\\n`, where LENGTH counts itself."""
    rest = len(f" {key}=\n") + len(value.encode())
    length = rest + len(str(rest))
    return rest + len(str(length))


def _entry(path: Path, head: bytes, size: int, skip: int) -> Iterator[bytes]:
    if skip < len(head):
        yield head[skip:]
    offset = max(0, skip - len(head))
    yield from file_pieces(path, size, offset)
    padding = _padded(size) - size
    yield bytes(padding - max(0, offset - size))


def file_pieces(path: Path, size: int, offset: int = 0) -> Iterator[bytes]:
    """The bytes of a file that has `size` of them, from `offset` on. Raises ValueError when it became shorter."""
    left = size - offset
    with path.open("rb", buffering=0) as stream:
        stream.seek(min(offset, size))
        while left > 0:
            piece = stream.read(min(CHUNK, left))
            if not piece:
                raise ValueError("a file of the bag became shorter while it was sent")
            left -= len(piece)
            yield piece


def _padded(size: int) -> int:
    return -(-size // BLOCK) * BLOCK
