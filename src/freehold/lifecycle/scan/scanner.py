"""The byte scan: where any of many values stands in any file, in any of the known spellings.

One pass over the bytes; a magic number starts a decoder, whose output is searched the same way. Memory does
not grow with the file: a window of a mebibyte and an overlap as long as the longest spelling per level of
nesting. Only reads.
"""

import mmap
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from freehold.kit.breath import breathe
from freehold.lifecycle.scan.control import controls
from freehold.lifecycle.scan.decoders import FEED, OPENERS, Damaged, Decoder, Opener
from freehold.lifecycle.scan.parquet import MAGIC as PARQUET_MAGIC
from freehold.lifecycle.scan.parquet import may_end_at, parquet_pieces
from freehold.lifecycle.scan.patterns import Patterns

_CHUNK = 1 << 18
_DEPTH = 6
_HITS_KEPT = 1_000
_MARKS_KEPT = 4_096
_PARQUET_IN_MEMORY = 1 << 26
_DECODERS_AT_ONCE = 64
TIMES = 1_000
"""Nested well, 42 kilobytes are petabytes; what gzip packs best comes to a thousand times as much."""


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """`offset` counts bytes of `source`; of a decoded one (`file!gzip@12`), the bytes that came out."""

    source: str
    offset: int
    needle: int
    encoding: str


@dataclass(slots=True)
class Findings:
    """What was seen. `hits` keeps the first thousand, `hit_count` and `needles_hit` speak of all.

    `unopened` are (source, why): containers known to be such that could not be looked into.
    """

    files: int = 0
    bytes_scanned: int = 0
    bytes_decoded: int = 0
    hit_count: int = 0
    hits: list[Hit] = field(default_factory=list)
    needles_hit: set[int] = field(default_factory=set)
    unopened: list[tuple[str, str]] = field(default_factory=list)

    def note(self, hit: Hit) -> None:
        self.hit_count += 1
        self.needles_hit.add(hit.needle)
        if len(self.hits) < _HITS_KEPT:
            self.hits.append(hit)


class Scanner:
    """Looks for `needles` (8 to 512 bytes each; text means its UTF-8); hits name them by position.

    Raises ValueError for a needle outside these lengths. `controls` are needles of its own, numbered from
    `first_control`: self_test() plants them.
    What is in a file, in all its layers, may come to `decoded_freely` bytes and TIMES as many as the file has; what is
    more is left there and called unopened.
    """

    def __init__(self, needles: Sequence[bytes | str], *, decoded_freely: int = 1 << 30) -> None:
        self.controls = controls(needles)
        magics = (*(opener.magic for opener in OPENERS), PARQUET_MAGIC)
        self.patterns = Patterns((*needles, *self.controls), magics)
        self.first_control = len(needles)
        self.decoded_freely = decoded_freely

    def scan_files(self, paths: Iterable[Path], *, on_progress: Callable[[int], None] | None = None) -> Findings:
        """Every file in turn; one that vanished holds nothing. `on_progress` hears the bytes so far."""
        findings = Findings()
        for path in paths:
            try:
                with path.open("rb", buffering=0) as file:
                    self._scan_file(file, str(path), findings, on_progress)
            except FileNotFoundError:
                continue
            findings.files += 1
        return findings

    def scan_pieces(
        self, source: str, pieces: Iterable[bytes | memoryview], findings: Findings | None = None
    ) -> Findings:
        """One stream, given in pieces of any size; what it finds is added to `findings`."""
        findings = findings if findings is not None else Findings()
        room = _Room(self.decoded_freely)
        layer = _Pass(self, source, findings, room)
        for piece in pieces:
            findings.bytes_scanned += len(piece)
            room.grow(len(piece))
            layer.feed(piece)
        layer.close()
        return findings

    def _scan_file(
        self, file: BinaryIO, source: str, findings: Findings, on_progress: Callable[[int], None] | None
    ) -> None:
        if hasattr(os, "posix_fadvise"):  # not on macOS
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        room = _Room(self.decoded_freely)
        layer = _Pass(self, source, findings, room, keeps_parquet=False)
        while piece := file.read(_CHUNK):
            findings.bytes_scanned += len(piece)
            room.grow(len(piece))
            layer.feed(piece)
            if on_progress is not None:
                on_progress(findings.bytes_scanned)
        layer.close()
        if len(layer.marks) > 1:
            whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            layer.search_parquet(memoryview(whole), layer.marks)


class _Room:
    """How many bytes may still be decoded of one stream, with all that is in it."""

    def __init__(self, freely: int) -> None:
        self._left = freely

    @property
    def is_spent(self) -> bool:
        return self._left < 0

    def grow(self, read: int) -> None:
        self._left += TIMES * read if not self.is_spent else 0

    def take(self, size: int) -> None:
        """Raises Damaged."""
        self._left -= size
        if self.is_spent:
            raise Damaged("decodes to more than the limit", closed=True)


class _Pass:
    """The search of one stream: bytes are held until a chunk is full, its end is kept as overlap."""

    def __init__(
        self,
        scanner: Scanner,
        source: str,
        findings: Findings,
        room: _Room,
        depth: int = 0,
        *,
        keeps_parquet: bool = True,
    ) -> None:
        self.marks: list[int] = []
        self._scanner = scanner
        self.source = source
        self.findings = findings
        self._room = room
        self._depth = depth
        self._held = bytearray()
        self._base = 0  # offset of _held[0] in the stream
        self._seen = 0  # bytes of _held that were searched before
        self._decoding: list[_Decoding] = []
        self._parquet = bytearray() if keeps_parquet else None
        self.tells_of_marks = True

    def feed(self, piece: bytes | memoryview) -> None:
        """A piece may be of any size: a large one is searched a chunk at a time."""
        for at in range(0, len(piece), _CHUNK):
            self._held += piece[at : at + _CHUNK]
            if len(self._held) >= _CHUNK:
                self._search()

    def close(self) -> None:
        self._search()
        for decoding in self._decoding:
            decoding.close()
        if self._parquet and len(self.marks) > 1:
            first = self.marks[0]
            self.search_parquet(memoryview(self._parquet), [mark - first for mark in self.marks])

    def search_parquet(self, view: memoryview, marks: list[int]) -> None:
        for start, pieces in parquet_pieces(view, marks, self._unreadable_parquet):
            inner = self._inside(f"parquet@{start}")
            inner.tells_of_marks = False  # numbers before a text look like the end of a file
            try:
                for piece in pieces:
                    self._room.take(len(piece))
                    self.findings.bytes_decoded += len(piece)
                    inner.feed(piece)
            except Damaged as fault:
                self._unopened(str(fault))
            inner.close()

    def _inside(self, name: str) -> "_Pass":
        return _Pass(self._scanner, f"{self.source}!{name}", self.findings, self._room, self._depth + 1)

    def _unreadable_parquet(self, start: int) -> None:
        """PAR1 may stand in any text; only a stream that begins with it claims to be Parquet."""
        if start == 0 and self.marks[0] == 0:
            self._unopened("a Parquet file that cannot be read")

    def _search(self) -> None:
        breathe()
        fresh = self._seen
        with memoryview(self._held) as held:
            for decoding in self._decoding:
                decoding.feed(held[fresh:])
            for match in self._scanner.patterns.search(self._held):
                if match.end > fresh:
                    at = self._base + match.start
                    self.findings.note(Hit(self.source, at, match.needle, match.encoding))
            for magic, start, end in self._scanner.patterns.search_magics(self._held):
                if end > fresh:
                    self._begin(magic, start, held)
            self._keep_parquet(held, fresh)
        self._decoding = [decoding for decoding in self._decoding if not decoding.done]
        self._drop_searched()

    def _begin(self, magic: int, start: int, held: memoryview) -> None:
        if magic < len(OPENERS):
            self._open(OPENERS[magic], self._base + start, held[start:])
        elif len(self.marks) < _MARKS_KEPT:
            self.marks.append(self._base + start)
        elif self.tells_of_marks and may_end_at(held, start, self._base):
            self.tells_of_marks = False
            self._unopened("more marks of Parquet than are tried")

    def _open(self, opener: Opener, at: int, rest: memoryview) -> None:
        """The decoder gets the rest of this chunk now, and every later chunk until it is done."""
        if self._room.is_spent:
            return  # which was said
        if self._depth >= _DEPTH or len(self._decoding) >= _DECODERS_AT_ONCE:
            self._unopened("streams nested too deep, or too many at once")
            return
        inner = self._inside(f"{opener.name}@{at}")
        decoding = _Decoding(opener.start(), inner, self._room, whole=at == 0)
        decoding.feed(rest)
        if not decoding.done:
            self._decoding.append(decoding)

    def _keep_parquet(self, held: memoryview, fresh: int) -> None:
        """From the first mark on, since a Parquet file is read from its end; a file is mapped instead."""
        if self._parquet is None or not self.marks:
            return
        self._parquet += held[fresh if self._parquet else self.marks[0] - self._base :]
        if len(self._parquet) > _PARQUET_IN_MEMORY:
            self._unopened("what may be a Parquet file is too large to be read inside another stream")
            self._parquet = None

    def _drop_searched(self) -> None:
        excess = len(self._held) - (self._scanner.patterns.longest - 1)
        if excess > 0:
            del self._held[:excess]
            self._base += excess
        self._seen = len(self._held)

    def _unopened(self, why: str) -> None:
        self.findings.unopened.append((self.source, why))


class _Decoding:
    """A decoder at work, and the search of what comes out of it."""

    def __init__(self, decoder: Decoder, inner: _Pass, room: _Room, *, whole: bool) -> None:
        self.done = False
        self._decoder = decoder
        self._inner = inner
        self._room = room
        self._whole = whole  # the stream starts with it: failing to read it is worth a word

    def feed(self, piece: memoryview) -> None:
        """In small steps: most streams in a database are short, and a bomb must not fill the memory."""
        try:
            for at in range(0, len(piece), FEED):
                self._search(self._decoder.feed(bytes(piece[at : at + FEED])))
                if self._decoder.done:
                    self._end(None)
                    return
        except Damaged as fault:
            self._end(fault)

    def close(self) -> None:
        try:
            self._search(self._decoder.finish())
            self._end(None)
        except Damaged as fault:
            self._end(fault)

    def _search(self, decoded: Iterable[bytes]) -> None:
        for out in decoded:
            self._inner.findings.bytes_decoded += len(out)
            self._inner.feed(out)
            self._room.take(len(out))

    def _end(self, fault: Damaged | None) -> None:
        self.done = True
        self._inner.close()
        if fault is not None and (self._whole or fault.closed):
            self._inner.findings.unopened.append((self._inner.source, str(fault)))
