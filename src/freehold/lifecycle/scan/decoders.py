"""What hides inside other bytes: decoders fed from where a magic number stands, wherever that is.

One mechanism serves a whole .gz file, a zstd frame inside a database page and a member of an archive inside
an archive: the scanner sees a magic number, starts the decoder with the bytes from there on, and searches
what comes out. Stored tar and zip members need none: their bytes stand in the file as they are. A packed
metric segment is a zstd frame behind nine bytes (storage/metrics.py), so it needs none of its own.

Wire facts: gzip RFC 1952, zstd RFC 8878, ZIP APPNOTE 4.3.7 (local file header), xz and bzip2 as their files.
"""

import bz2
import gzip
import io
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import zstandard

# A decoder is fed at most this much at once, so that a bomb cannot fill the memory: zstd reaches 32,768 to 1
# and gives all that a call yields at once.
FEED = 1 << 11
_OUT = 1 << 18


class Damaged(ValueError):
    """The bytes are not what the magic number promised, or (`closed`) they are and cannot be read."""

    def __init__(self, message: str, *, closed: bool = False) -> None:
        super().__init__(message)
        self.closed = closed


class Decoder(Protocol):
    done: bool

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What `piece` (at most FEED bytes) decodes to. Raises Damaged; sets `done` at its stream's end."""
        ...

    def finish(self) -> Iterator[bytes]:
        """No more bytes will come. Raises Damaged when the stream was not complete."""
        ...


@dataclass(frozen=True, slots=True)
class Opener:
    """`start()` makes a decoder for the bytes that begin with `magic`.

    `sample(value)` writes a stream of this format that holds `value`: the self-test plants it.
    """

    name: str
    magic: bytes
    start: Callable[[], Decoder]
    sample: Callable[[bytes], bytes]


class _Stream:
    """Common manners of the compressors: pieces in, pieces out, ended at end-of-stream."""

    faults: tuple[type[Exception], ...] = ()

    def __init__(self) -> None:
        self.done = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        try:
            yield from self._decode(piece)
        except self.faults as fault:
            raise Damaged(type(fault).__name__) from None

    def finish(self) -> Iterator[bytes]:
        if not self.done:
            raise Damaged("cut short")
        return iter(())

    def _decode(self, piece: bytes) -> Iterator[bytes]:
        raise NotImplementedError


class Inflate(_Stream):
    """`bits` as in zlib: 31 for gzip, -15 for raw deflate."""

    faults = (zlib.error,)

    def __init__(self, bits: int) -> None:
        super().__init__()
        self._inner = zlib.decompressobj(bits)

    def _decode(self, piece: bytes) -> Iterator[bytes]:
        while piece and not self._inner.eof:
            if out := self._inner.decompress(piece, _OUT):
                yield out
            piece = self._inner.unconsumed_tail
        self.done = self._inner.eof


class Zstd(_Stream):
    """One frame: the next one has a magic number of its own."""

    faults = (zstandard.ZstdError,)

    def __init__(self) -> None:
        super().__init__()
        self._inner = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()

    def _decode(self, piece: bytes) -> Iterator[bytes]:
        if out := self._inner.decompress(piece):
            yield out
        self.done = self._inner.eof


class Paged(_Stream):
    """bzip2 and xz, whose decompressors keep what they have not used."""

    faults = (OSError, ValueError, lzma.LZMAError, EOFError)

    def __init__(self, inner: "bz2.BZ2Decompressor | lzma.LZMADecompressor") -> None:
        super().__init__()
        self._inner = inner

    def _decode(self, piece: bytes) -> Iterator[bytes]:
        while True:
            out = self._inner.decompress(piece, _OUT)
            if out:
                yield out
            self.done = self._inner.eof
            if self.done or self._inner.needs_input:
                return
            piece = b""


class ZipMember:
    """A local file header and the member behind it; a stored member ends at once, being plain."""

    def __init__(self) -> None:
        self.done = False
        self._head = b""
        self._inner: Decoder | None = None

    def feed(self, piece: bytes) -> Iterator[bytes]:
        if self._inner is None:
            self._head += piece
            piece = self._read_header()
        if self._inner is not None:
            yield from self._inner.feed(piece)
            self.done = self._inner.done

    def finish(self) -> Iterator[bytes]:
        if self._inner is None:
            raise Damaged("cut short")
        return self._inner.finish()

    def _read_header(self) -> bytes:
        """The bytes after the header once it is whole; before that, nothing."""
        if len(self._head) < 30:
            return b""
        _, version, flags, method = struct.unpack_from("<4sHHH", self._head)
        names, extra = struct.unpack_from("<HH", self._head, 26)
        size = 30 + int(names) + int(extra)
        if len(self._head) < size:
            return b""
        rest, self._head = self._head[size:], b""
        if version & 0xFF > 63 or method not in (0, 8, 12, 93):
            raise Damaged("an unknown zip method")
        if flags & 1:
            raise Damaged("an encrypted zip member", closed=True)
        self.done = method == 0
        self._inner = _ZIP_METHODS[method]() if method else _Nothing()
        return rest


class _Nothing:
    done = True

    def feed(self, piece: bytes) -> Iterator[bytes]:
        return iter(())

    def finish(self) -> Iterator[bytes]:
        return iter(())


_ZIP_METHODS: dict[int, Callable[[], Decoder]] = {
    8: lambda: Inflate(-15),
    12: lambda: Paged(bz2.BZ2Decompressor()),
    93: Zstd,
}


def _zip_of(value: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("member", value)
    return file.getvalue()


OPENERS: tuple[Opener, ...] = (
    Opener("gzip", b"\x1f\x8b\x08", lambda: Inflate(31), lambda value: gzip.compress(value, mtime=0)),
    Opener("zstd", b"\x28\xb5\x2f\xfd", Zstd, zstandard.compress),
    Opener("zip", b"PK\x03\x04", ZipMember, _zip_of),
    Opener("bzip2", b"BZh", lambda: Paged(bz2.BZ2Decompressor()), bz2.compress),
    Opener("xz", b"\xfd7zXZ\x00", lambda: Paged(lzma.LZMADecompressor(lzma.FORMAT_XZ)), lzma.compress),
)
