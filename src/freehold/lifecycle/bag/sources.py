"""What stands in a bag, read without trusting it: a folder, a `.tar` or a `.zip`, as one stream of entries.

Nothing is extracted. A link, a device or a path that leaves the bag is told as a fault, never followed.
"""

import errno
import io
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from freehold.kit.numbers import whole_number
from freehold.lifecycle.bag.arriving import Arriving

CHUNK = 1 << 20
BLOCK = 512
LONGEST_EXTENSION = 64 * 1024
LONGEST_PATH = 4096
REGULAR = (b"0", b"\0")
"""What a tar file calls a file of no special kind."""
MOST_DIGITS = 20
"""Of a number in a header: one of 64 bits has no more."""
COMPRESSED = {
    re.compile(rb"\x1f\x8b"): "gunzip",
    re.compile(rb"BZh[1-9]1AY&SY"): "bunzip2",  # a folder, too, may be called BZh
    re.compile(rb"\xfd7zXZ\x00"): "unxz",
    re.compile(rb"\x28\xb5\x2f\xfd"): "unzstd",
}
"""What a compressed file begins with, and who unpacks it. It could grow without end, so it is not read."""
_ROOTS = frozenset({".", ""})
"""How tools name the folder that they were called in, which is a bag itself or has the bag's folder in it."""
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\\]")
"""Control letters, halves of letters, and what separates folders elsewhere."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Bytes of an archive that were laid in a file of their own as they came: `start` is where they stood in it."""

    start: int
    size: int
    sha256: str
    file: Path


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file: its path from the bag's folder, the size it claims, its bytes (to be read before the
    next entry is asked for; a piece is valid until the next piece). `apart` is set where they lie in a file already."""

    path: str
    size: int
    pieces: Iterator[memoryview]
    apart: Apart | None = None


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that a bag must not hold. `code` is stable; `path` is as found, made printable."""

    code: str
    path: str


class BrokenArchive(Exception):
    """The stream cannot be read further; what it says next would be a guess."""


def entries_of(bag: Path) -> Iterator[Entry | Oddity]:
    """Raises BrokenArchive, OSError. What is neither a folder nor a file is not opened: a pipe may never speak, and a
    device never end."""
    if bag.is_dir():
        return _folder_entries(bag)
    if not bag.is_file() and bag.exists():
        raise OSError(errno.EINVAL, "it is neither a folder nor a file", str(bag))
    with bag.open("rb") as archive:
        is_zip = archive.read(4) == b"PK\x03\x04"
    if is_zip:
        from freehold.lifecycle.bag.zip_source import zip_entries  # late: it is made of what stands here

        return zip_entries(bag)
    return _tar_entries(bag)


def unsafe(path: str) -> bool:
    """True for what could write outside the bag, or could not be named in a manifest."""
    parts = path.split("/")
    return (
        len(path) > LONGEST_PATH
        or any(part in ("", ".", "..") for part in parts)
        or _UNSAFE.search(path) is not None
        or (len(parts[0]) == 2 and parts[0][1] == ":")
    )


def _folder_entries(root: Path) -> Iterator[Entry | Oddity]:
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        with os.scandir(root / folder) as found:
            for item in found:
                path = f"{folder}/{item.name}" if folder else item.name
                if unsafe(path):
                    yield Oddity("unsafe_path", ascii(path))
                elif item.is_dir(follow_symlinks=False):
                    waiting.append(path)
                elif item.is_file(follow_symlinks=False):
                    yield from _file(root / path, path)
                else:
                    yield Oddity("not_a_file", path)


def _file(place: Path, path: str) -> Iterator[Entry]:
    descriptor = os.open(place, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with open(descriptor, "rb", buffering=0) as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BrokenArchive("a file changed its kind while it was read")
        yield Entry(path, status.st_size, pieces_of_stream(stream, status.st_size + 1))


def _tar_entries(archive: Path) -> Iterator[Entry | Oddity]:
    """A reader of its own, for the standard one trusts sizes in headers with memory. It knows regular files,
    folders, the `path` and `size` of PAX and the long names of GNU; everything else is odd."""
    with archive.open("rb", buffering=0) as raw:
        head = raw.read(BLOCK)
        for mark, tool in COMPRESSED.items():
            if mark.match(head):
                raise BrokenArchive(f"compressed: {tool} it, and take the .tar")
        raw.seek(0)
        yield from TarReader(raw, archive.stat().st_size).entries()


def arriving_entries(pieces: Iterable[bytes]) -> Iterator[Entry | Oddity]:
    """Of a tar file that is still on its way. Raises BrokenArchive, at its end where it is cut off."""
    with Arriving(pieces) as stream:
        yield from TarReader(stream, sys.maxsize).entries()


class TarReader:
    """The bag is the one folder in the archive or, where the archive begins with a file or with the folder `.`, what is
    in it. `aside`: files of the archive that lie apart from it, by where they begin."""

    def __init__(self, stream: io.RawIOBase, length: int, aside: Mapping[int, Apart] | None = None) -> None:
        self._stream = stream
        self._length = length
        self._aside = aside or {}
        self._position = 0
        self._top: str | None = None

    def entries(self) -> Iterator[Entry | Oddity]:
        extension: dict[str, str] = {}
        extended: set[bytes] = set()
        while True:
            block = self._block()
            if block == bytes(BLOCK):
                if extended:
                    raise BrokenArchive("a header has no file behind it")
                self._check_end()
                return
            name, size, kind = self._header(block)
            if kind in (b"x", b"L"):
                if kind in extended:
                    raise BrokenArchive("a file has two headers of one kind before it")
                extended.add(kind)
                extension |= self._extension(size, kind)
                continue
            extended.clear()
            name, size = extension.get("path", name), int(extension.get("size", size))
            sparse = any(key.startswith("GNU.sparse") for key in extension)
            extension = {}
            yield from self._entry(name, size, b"?" if sparse else kind)

    def _header(self, block: bytes) -> tuple[str, int, bytes]:
        try:
            return parse_header(block)
        except BrokenArchive as fault:
            if self._position > BLOCK:
                raise
            raise BrokenArchive("this is neither a .tar nor a .zip file") from fault

    def _entry(self, name: str, size: int, kind: bytes) -> Iterator[Entry | Oddity]:
        end = self._position + -(-size // BLOCK) * BLOCK
        if end > self._length:
            raise BrokenArchive("the archive ends inside a file")
        is_folder = kind == b"5"
        path = self._inside(name.removesuffix("/") if is_folder else name, is_folder=is_folder)
        if path is None or (not path and not is_folder):
            yield Oddity("unsafe_path", ascii(name))
        elif kind in REGULAR:
            apart = self._aside.get(self._position)
            pieces = pieces_of_stream(self._stream, size)
            yield Entry(path, size, pieces, apart if apart is not None and apart.size == size else None)
        elif not is_folder:
            yield Oddity("not_a_file", path)
        self._stream.seek(end)
        self._position = end

    def _inside(self, name: str, *, is_folder: bool) -> str | None:
        """The path from the bag's folder; the folder itself is the empty path."""
        name = name.removeprefix("./")
        if is_folder and name in _ROOTS:
            self._top = "" if self._top is None else self._top
            return ""
        if unsafe(name):
            return None
        top, _, rest = name.partition("/")
        if self._top is None:
            self._top = top if is_folder or rest else ""
        if self._top not in ("", top):
            return None
        return rest if self._top else name

    def _block(self) -> bytes:
        block = self._stream.read(BLOCK)
        if len(block) != BLOCK:
            raise BrokenArchive("the archive ends before its end mark")
        self._position += BLOCK
        return block

    def _extension(self, size: int, kind: bytes) -> dict[str, str]:
        if size > LONGEST_EXTENSION:
            raise BrokenArchive("a header is too long")
        raw = b"".join(self._block() for _ in range(-(-size // BLOCK)))[:size]
        if kind == b"L":
            return {"path": raw.rstrip(b"\0").decode("utf-8", "surrogateescape")}
        return _records(raw)

    def _check_end(self) -> None:
        """Bytes behind the end mark would be kept and never checked."""
        while piece := self._stream.read(CHUNK):
            if piece.strip(b"\0"):
                raise BrokenArchive("there are bytes behind the archive's end")


def parse_header(block: bytes) -> tuple[str, int, bytes]:
    """(name, size, kind) of a tar file's header. Raises BrokenArchive."""
    claimed = _number(block[148:156])
    if claimed != sum(block[:148]) + sum(block[156:]) + 8 * 32:
        raise BrokenArchive("a header's checksum is wrong")
    name = block[:100].split(b"\0", 1)[0]
    prefix = block[345:500].split(b"\0", 1)[0] if block[257:263] == b"ustar\0" else b""
    whole = prefix + b"/" + name if prefix else name
    return whole.decode("utf-8", "surrogateescape"), _number(block[124:136]), block[156:157]


def _number(field: bytes) -> int:
    """A number in octal digits or, with the first bit set, in binary (GNU, for sizes from 8 GiB)."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    text = field.strip(b"\0 ")
    if not text or text.strip(b"01234567"):
        raise BrokenArchive("a header's number is not one")
    return int(text, 8)


def _records(raw: bytes) -> dict[str, str]:
    """`LENGTH KEY=VALUE\\n`, LENGTH counting all of it (POSIX.1-2001, pax)."""
    found: dict[str, str] = {}
    while raw:
        digits, space, _ = raw.partition(b" ")
        if not space or not digits.isdigit() or len(digits) > MOST_DIGITS or not len(digits) < int(digits) <= len(raw):
            raise BrokenArchive("a header's extension is malformed")
        record, raw = raw[len(digits) + 1 : int(digits)], raw[int(digits) :]
        key, _, value = record.removesuffix(b"\n").partition(b"=")
        found[key.decode("utf-8", "replace")] = value.decode("utf-8", "surrogateescape")
    if whole_number(found.get("size", "0"), most_digits=MOST_DIGITS) is None:
        raise BrokenArchive("a header's size is not a number")
    return found


def pieces_of_stream(stream: io.RawIOBase, limit: int) -> Iterator[memoryview]:
    """At most `limit` bytes, fewer where the stream ends. One buffer serves all pieces."""
    buffer = memoryview(bytearray(min(CHUNK, limit)))
    left = limit
    while left > 0:
        count = stream.readinto(buffer[: min(CHUNK, left)])
        if not count:
            break
        left -= count
        yield buffer[:count]
