"""A bag as one `.zip`, made from its folder while it is sent: the same folder gives the same bytes, whatever its size.

Zip64 throughout, stored (Parquet and most artifacts are compressed already), names in UTF-8, one time for all. A file's
CRC follows its bytes in a descriptor, so that one reading is enough. Its size is known before: any range can be sent.
Source: APPNOTE.TXT 6.3.10, sections 4.3 to 4.5.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from freehold.kit.clock import MICROSECONDS, to_datetime
from freehold.lifecycle.bag.tar import Files, bag_files, file_pieces

_VERSION = 45
_FLAGS = 0x0808
"""Descriptor behind the data; name in UTF-8."""
_MADE_ON_UNIX = 3 << 8
_MODE = 0o100644 << 16
_FULL, _FULL_COUNT = 0xFFFFFFFF, 0xFFFF
_LOCAL, _CENTRAL, _END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
_DESCRIPTOR, _END64, _LOCATOR = b"PK\x07\x08", b"PK\x06\x06", b"PK\x06\x07"
_DESCRIPTOR_SIZE = 24
_LOCAL_EXTRA, _CENTRAL_EXTRA = 20, 28
TAIL_SIZE = 56 + 20 + 22


class _Entry(NamedTuple):
    path: Path
    name: bytes
    size: int

    @property
    def whole(self) -> int:
        """Bytes of the file with what stands before and behind it."""
        return 30 + len(self.name) + _LOCAL_EXTRA + self.size + _DESCRIPTOR_SIZE

    @property
    def listed(self) -> int:
        """Bytes of its line in the directory."""
        return 46 + len(self.name) + _CENTRAL_EXTRA


def zip_size(folder: Path, name: str, files: Files = bag_files) -> int:
    """Bytes that `iter_zip` gives in all."""
    return sum(entry.whole + entry.listed for entry in _entries(files(folder), name)) + TAIL_SIZE


def iter_zip(folder: Path, name: str, seconds: int, start: int = 0, files: Files = bag_files) -> Iterator[bytes]:
    """The archive's bytes from offset `start`. `name` is the top folder, `seconds` the snapshot's UTC time.

    Files before `start` are read for their CRC, but not sent. Raises ValueError when a file changed its length.
    """
    position = 0
    for piece in _archive(files(folder), name, _dos_time(seconds)):
        if position + len(piece) > start:
            yield piece[max(0, start - position) :]
        position += len(piece)


def _archive(files: Iterator[tuple[str, Path]], name: str, moment: int) -> Iterator[bytes]:
    offset = count = 0
    directory = bytearray()
    for entry in _entries(files, name):
        crc = 0
        yield _local(entry, moment)
        for piece in file_pieces(entry.path, entry.size):
            crc = zlib.crc32(piece, crc)
            yield piece
        yield _DESCRIPTOR + struct.pack("<LQQ", crc, entry.size, entry.size)
        directory += _central(entry, moment, crc, offset)
        offset, count = offset + entry.whole, count + 1
    yield bytes(directory)
    yield tail(offset, len(directory), count)


def _entries(files: Iterator[tuple[str, Path]], name: str) -> Iterator[_Entry]:
    for path, file in files:
        yield _Entry(file, f"{name}/{path}".encode(), file.stat().st_size)


def _local(entry: _Entry, moment: int) -> bytes:
    head = struct.pack("<HHHLLLLHH", _VERSION, _FLAGS, 0, moment, 0, _FULL, _FULL, len(entry.name), _LOCAL_EXTRA)
    return _LOCAL + head + entry.name + struct.pack("<HHQQ", 1, 16, entry.size, entry.size)


def _central(entry: _Entry, moment: int, crc: int, offset: int) -> bytes:
    head = struct.pack("<HHHHLLLL", _MADE_ON_UNIX | _VERSION, _VERSION, _FLAGS, 0, moment, crc, _FULL, _FULL)
    more = struct.pack("<HHHHHLL", len(entry.name), _CENTRAL_EXTRA, 0, 0, 0, _MODE, _FULL)
    return _CENTRAL + head + more + entry.name + struct.pack("<HHQQQ", 1, 24, entry.size, entry.size, offset)


def tail(offset: int, size: int, count: int) -> bytes:
    """What ends an archive of `count` files whose directory has `size` bytes and begins at `offset`."""
    wide = struct.pack("<QHHLLQQQQ", 44, _MADE_ON_UNIX | _VERSION, _VERSION, 0, 0, count, count, size, offset)
    locator = struct.pack("<LQL", 0, offset + size, 1)
    narrow = struct.pack("<HHHHLLH", 0, 0, _FULL_COUNT, _FULL_COUNT, _FULL, _FULL, 0)
    return _END64 + wide + _LOCATOR + locator + _END + narrow


def _dos_time(seconds: int) -> int:
    """Date and time in two-second steps, as zip has had them since 1989; nothing before 1980."""
    at = to_datetime(seconds * MICROSECONDS)
    year = max(at.year, 1980) - 1980
    return (year << 25) | (at.month << 21) | (at.day << 16) | (at.hour << 11) | (at.minute << 5) | (at.second // 2)
