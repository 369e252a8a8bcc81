"""The entries of a `.zip` bag, read without trusting it. It knows the form that `zip.py` writes and no other.

Nothing is inflated, so nothing can grow: a zip that somebody packed anew is told to be unpacked first. The directory at
the end must say the same as the headers before the files: tools differ in which of the two they believe.
"""

import io
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from freehold.lifecycle.bag.sources import BrokenArchive, Entry, Oddity, pieces_of_stream, unsafe
from freehold.lifecycle.bag.zip import TAIL_SIZE, tail

_LOCAL, _CENTRAL, _DESCRIPTOR, _END64 = b"PK\x03\x04", b"PK\x01\x02", b"PK\x07\x08", b"PK\x06\x06"
_FULL = 0xFFFFFFFF
"""What a size or an offset is where Zip64 has the true one: a tool that finds another would believe that."""
_STORED, _FLAGS = 0, 0x0808
_LONGEST_NAME = 8_192
_Listed = tuple[bytes, int, int, int]
"""Name, CRC, size, offset."""


def zip_entries(archive: Path) -> Iterator[Entry | Oddity]:
    """Raises BrokenArchive."""
    with archive.open("rb", buffering=0) as stream:
        yield from _ZipReader(stream, archive.stat().st_size).entries()


class _ZipReader:
    def __init__(self, stream: io.FileIO, length: int) -> None:
        self._stream = stream
        self._length = length
        self._top: str | None = None
        self._read = 0
        self._crc = 0

    def entries(self) -> Iterator[Entry | Oddity]:
        """Files as they follow each other; then the directory is held against what was found."""
        found: list[_Listed] = []
        while (mark := self._take(4)) == _LOCAL:
            offset = self._stream.tell() - 4
            name, size = self._head()
            begin = self._stream.tell()
            if begin + size > self._length:
                raise BrokenArchive("the archive ends inside a file")
            self._read = self._crc = 0
            yield self._entry(name, size)
            self._stream.seek(begin + size)
            crc = self._crc_behind(size)
            if self._read == size and crc != self._crc:
                raise BrokenArchive("what follows a file is not the checksum of its bytes")
            found.append((name, crc, size, offset))
        self._check_directory(mark, found)

    def _head(self) -> tuple[bytes, int]:
        head = struct.unpack("<HHHLLLLHH", self._take(26))
        _, flags, method, _, crc, packed, plain, name_size, extra_size = head
        if method != _STORED or flags != _FLAGS or extra_size != 20 or name_size > _LONGEST_NAME:
            raise BrokenArchive("this zip was packed by another tool: unpack it, and verify the folder")
        if (crc, packed, plain) != (0, _FULL, _FULL):
            raise BrokenArchive("a header has sizes beside those of Zip64")
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
        return Entry(path, size, self._measured(pieces_of_stream(self._stream, size)))

    def _measured(self, pieces: Iterator[memoryview]) -> Iterator[memoryview]:
        for piece in pieces:
            self._read += len(piece)
            self._crc = zlib.crc32(piece, self._crc)
            yield piece

    def _crc_behind(self, size: int) -> int:
        mark, crc, packed, plain = struct.unpack("<4sLQQ", self._take(24))
        if mark != _DESCRIPTOR or (packed, plain) != (size, size):
            raise BrokenArchive("what follows a file does not fit its header")
        return int(crc)

    def _check_directory(self, mark: bytes, found: list[_Listed]) -> None:
        begin = self._stream.tell() - 4
        for expected in found:
            if mark != _CENTRAL or self._listed() != expected:
                raise BrokenArchive("the directory names other files than the archive holds")
            mark = self._take(4)
        end = self._stream.tell() - 4
        if mark != _END64 or end + TAIL_SIZE != self._length:
            raise BrokenArchive("there are bytes behind the archive's end, or too few")
        if mark + self._take(TAIL_SIZE - 4) != tail(begin, end - begin, len(found)):
            raise BrokenArchive("the archive's end does not fit its directory")

    def _listed(self) -> _Listed:
        head = struct.unpack("<HHHHLLLLHHHHHLL", self._take(42))
        _, _, flags, method, _, crc, packed, plain, name_size, extra_size, comment_size, _, _, attributes, place = head
        is_ours = (flags, method, extra_size, comment_size) == (_FLAGS, _STORED, 28, 0)
        is_ours &= (packed, plain, place) == (_FULL, _FULL, _FULL)
        if not is_ours or name_size > _LONGEST_NAME or not stat.S_ISREG(attributes >> 16):
            raise BrokenArchive("the directory holds something that is no plain file")
        name = self._take(name_size)
        kind, length, size, again, offset = struct.unpack("<HHQQQ", self._take(28))
        is_whole = (kind, length, size) == (1, 24, again)
        return name, crc, size if is_whole else -1, offset

    def _take(self, size: int) -> bytes:
        taken = self._stream.read(size)
        if len(taken) != size:
            raise BrokenArchive("the archive ends before its end mark")
        return taken
