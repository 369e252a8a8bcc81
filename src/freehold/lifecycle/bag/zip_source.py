"""The entries of a `.zip` bag, read without trusting it. It knows the form that `zip.py` writes and no other.

Nothing is inflated, so nothing can grow: a zip that somebody packed anew is told to be unpacked first. The directory at
the end must say the same as the headers before the files: tools differ in which of the two they believe.
"""

import io
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from freehold.lifecycle.bag.sources import BrokenArchive, Entry, Oddity, pieces_of_stream, unsafe

_LOCAL, _CENTRAL, _DESCRIPTOR, _END64 = b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08", b"PK\x06\x06"
_STORED, _FLAGS = 0, 0x0808
_LONGEST_NAME = 8_192
_TAIL = 56 + 20 + 22
_Listed = tuple[bytes, int, int]


def zip_entries(archive: Path) -> Iterator[Entry | Oddity]:
    """Raises BrokenArchive."""
    with archive.open("rb", buffering=0) as stream:
        yield from _ZipReader(stream, archive.stat().st_size).entries()


class _ZipReader:
    def __init__(self, stream: io.FileIO, length: int) -> None:
        self._stream = stream
        self._length = length
        self._top: str | None = None

    def entries(self) -> Iterator[Entry | Oddity]:
        """Files as they follow each other; then the directory is held against what was found."""
        found: list[_Listed] = []
        while (mark := self._take(4)) == _LOCAL:
            offset = self._stream.tell() - 4
            name, size = self._head()
            begin = self._stream.tell()
            if begin + size > self._length:
                raise BrokenArchive("the archive ends inside a file")
            yield self._entry(name, size)
            self._stream.seek(begin + size)
            self._check_descriptor(size)
            found.append((name, size, offset))
        self._check_directory(mark, found)

    def _head(self) -> tuple[bytes, int]:
        _, flags, method, _, _, _, _, name_size, extra_size = struct.unpack("<HHHLLLLHH", self._take(26))
        if method != _STORED or flags != _FLAGS or extra_size != 20 or name_size > _LONGEST_NAME:
            raise BrokenArchive("this zip was packed by another tool: unpack it, and verify the folder")
        name = self._take(name_size)
        kind, length, size, again = struct.unpack("<HHQQ", self._take(20))
        if (kind, length) != (1, 16) or size != again:
            raise BrokenArchive("a header's sizes do not fit each other")
        return name, size

    def _entry(self, name: bytes, size: int) -> Entry | Oddity:
        text = name.decode("utf-8", "surrogateescape")
        top, _, path = text.partition("/")
        if unsafe(text) or not path or (self._top is not None and top != self._top):
            return Oddity("unsafe_path", ascii(text))
        self._top = top
        return Entry(path, size, pieces_of_stream(self._stream, size))

    def _check_descriptor(self, size: int) -> None:
        mark, _, packed, plain = struct.unpack("<4sLQQ", self._take(24))
        if mark != _DESCRIPTOR or (packed, plain) != (size, size):
            raise BrokenArchive("what follows a file does not fit its header")

    def _check_directory(self, mark: bytes, found: list[_Listed]) -> None:
        begin = self._stream.tell() - 4
        for expected in found:
            if mark != _CENTRAL or self._listed() != expected:
                raise BrokenArchive("the directory names other files than the archive holds")
            mark = self._take(4)
        if mark != _END64 or self._stream.tell() - 4 + _TAIL != self._length:
            raise BrokenArchive("there are bytes behind the archive's end, or too few")
        fields = struct.unpack("<QHHLLQQQQ", self._take(52))
        if fields[5:] != (len(found), len(found), self._stream.tell() - 56 - begin, begin):
            raise BrokenArchive("the archive's end does not fit its directory")

    def _listed(self) -> _Listed:
        head = struct.unpack("<HHHHLLLLHHHHHLL", self._take(42))
        _, _, flags, method, _, _, _, _, name_size, extra_size, comment_size, _, _, attributes, _ = head
        is_ours = (flags, method, extra_size, comment_size) == (_FLAGS, _STORED, 28, 0)
        if not is_ours or name_size > _LONGEST_NAME or not stat.S_ISREG(attributes >> 16):
            raise BrokenArchive("the directory holds something that is no plain file")
        name = self._take(name_size)
        _, _, size, again, offset = struct.unpack("<HHQQQ", self._take(28))
        return name, size if size == again else -1, offset

    def _take(self, size: int) -> bytes:
        taken = self._stream.read(size)
        if len(taken) != size:
            raise BrokenArchive("the archive ends before its end mark")
        return taken
