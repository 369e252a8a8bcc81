"""Writes a bag as its bytes stream by, so that a killed export goes on where it was.

A part is written under a temporary name while it is digested. `settle` makes all parts written since the
last one durable (fsync, rename, fsync of the folders) and returns them; only then may the caller record them.
What a crash leaves under temporary names is dropped when the writer is opened again. A file that nobody changes
gets its name in the bag at once; a crash leaves some that are not recorded, whose parts are made again.
"""

import copy
import errno
import itertools
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from freehold.kit.breath import breathe
from freehold.kit.digests import Sha256Meter, sha256_hex
from freehold.kit.durable import sync_all
from freehold.kit.faults import passing
from freehold.lifecycle.bag.places import PLACES
from freehold.lifecycle.bag.sorting import LineSorter, sorted_lines

CHUNK = 1 << 20
UNFINISHED = ".unfinished"
SYNCED_ALONE = 4 << 20
"""A part of this size is synced by the thread that wrote it, while others write; small ones together by `settle`."""
NO_LINKS = frozenset({errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP})
"""Another disk, a file with too many names, a file system or a rule without second names."""
DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"


@dataclass(frozen=True, slots=True)
class Part:
    """A finished file of the bag: `path` from the bag's folder (`data/…`), its SHA-256 in hex, its bytes.

    `place`: where it lies in that folder, if not by its path.
    """

    path: str
    sha256: str
    size: int
    place: str = ""


@dataclass(frozen=True, slots=True)
class Seal:
    """What identifies a finished bag: the digests of its two manifests, and its payload's files and bytes."""

    manifest_sha256: str
    tag_manifest_sha256: str
    files: int
    size: int


class PartFile:
    """A file object for writers such as pyarrow's; it digests what passes through. Not seekable."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.meter = Sha256Meter()
        self.closed = False

    def write(self, piece: bytes | memoryview) -> int:
        breathe()
        view = memoryview(piece).cast("B")
        self.meter.feed(view)
        written = 0
        while written < len(view):
            written += os.write(self._descriptor, view[written:])
        return len(view)

    def flush(self) -> None:
        """Nothing is held back; `settle` makes the bytes durable."""

    def close(self) -> None:
        """The writer closes the descriptor, after it has synced it."""

    def tell(self) -> int:
        return self.meter.size

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False


class BagWriter:
    """Fills one bag folder. One writer at a time; any number of them one after the other. Several threads may
    write parts; one of them settles, when the others have written theirs. Work beside it has a writer `beside`.

    Raises ValueError for a path outside the bag, OSError when the disk refuses.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._temporary = folder / UNFINISHED
        self._pending: list[tuple[Path, Part]] = []
        self._linked: list[Part] = []
        self._changed: set[str] = set()
        self._numbers = itertools.count()
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(parents=True)

    def write(self, path: str, pieces: Iterable[bytes | memoryview], place: str = "") -> Part:
        """Writes one part from pieces of any size. It is durable after the next `settle`."""
        with self.open_part(path, place) as file:
            for piece in pieces:
                file.write(piece)
        return Part(path, file.meter.hexdigest, file.meter.size, place)

    def link(self, path: str, file: Path, buffer: memoryview, place: str = "") -> Part:
        """One part that is a file which nobody changes, and is on the disk: a second name for it, there at once, where
        that can be, else a copy.

        It is read whole for its digest either way, through `buffer`. `place`: as a Part has it.
        """
        breathe()
        check_inside(path)
        name = self.folder / (place or path)
        try:
            self._give_name(file, str(name))
        except OSError as fault:
            if fault.errno not in NO_LINKS:
                raise
            return self.write(path, pieces_of(file, buffer), place)
        passing("bag:part:linked")
        meter = Sha256Meter()
        for piece in pieces_of(name, buffer):
            meter.feed(piece)
        part = Part(path, meter.hexdigest, meter.size, place)
        self._linked.append(part)
        return part

    def _give_name(self, file: Path, name: str) -> None:
        """What a crash has left there goes first."""
        folder = os.path.dirname(name)
        try:
            os.link(file, name)
        except FileNotFoundError:
            _make_folders(folder, str(self.folder), self._changed)
            os.link(file, name)
        except FileExistsError:
            os.unlink(name)
            os.link(file, name)
        self._changed.add(folder)

    def beside(self) -> "BagWriter":
        """Another one for the same bag, in a thread of its own: each settles what was written through it."""
        other = copy.copy(self)
        other._pending, other._linked, other._changed = [], [], set()
        return other

    def below(self, folder: str) -> "BagFolder":
        """A folder below `data/` that is filled as a whole bag is; none: the bag itself."""
        return BagFolder(self, folder)

    @contextmanager
    def open_part(self, path: str, place: str = "") -> Iterator[PartFile]:
        check_inside(path)
        unfinished = self._temporary / f"{next(self._numbers):08d}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        passing("bag:part:opened")
        try:
            file = PartFile(descriptor)
            yield file
            passing("bag:part:written")
            if file.meter.size >= SYNCED_ALONE:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        self._pending.append((unfinished, Part(path, file.meter.hexdigest, file.meter.size, place)))

    def settle(self) -> list[Part]:
        """Makes all parts written since the last call durable under their own names, and returns them.

        Together, since a file system commits a thousand syncs one after the other in hardly more than one.
        """
        sync_all([unfinished for unfinished, _ in self._pending])
        passing("bag:parts:synced")
        for unfinished, part in self._pending:
            self._rename(unfinished, part)
        sync_all([Path(folder) for folder in self._changed])
        passing("bag:parts:settled")
        settled = [*self._linked, *(part for _, part in self._pending)]
        self._pending, self._linked, self._changed = [], [], set()
        return settled

    def _rename(self, unfinished: Path, part: Part) -> None:
        breathe()
        folder, name = os.path.split(f"{self.folder}/{part.place or part.path}")
        if folder not in self._changed:
            _make_folders(folder, str(self.folder), self._changed)
        os.replace(unfinished, f"{folder}/{name}")
        passing("bag:part:renamed")

    def finish(
        self, parts: Iterable[Part], info: Mapping[str, str], more_tags: Mapping[str, bytes] | None = None
    ) -> Seal:
        """Writes the manifests, `bag-info.txt` and `more_tags`. `parts` is every payload part, in any order.

        `info` is the only place for what may differ between two exports of the same content. Repeating it
        with the same arguments gives the same bytes.
        """
        if self._pending or self._linked:
            raise ValueError("settle the parts before finishing the bag")
        with LineSorter(self._temporary) as sorter:
            lines = sorted_lines((_sorting_line(part) for part in parts), sorter)
            payload = _Payload()
            manifest = self.write("manifest-sha256.txt", payload.manifest(lines))
            if payload.is_placed:
                self.write(PLACES, (line.rpartition(b"\0")[2] + b"\n" for line in sorter.lines()))
        oxum = {"Payload-Oxum": f"{payload.size}.{payload.files}"}
        tags = [
            manifest,
            self.write("bagit.txt", [DECLARATION]),
            self.write("bag-info.txt", [_info_lines({**info, **oxum})]),
            *(self.write(name, [content]) for name, content in (more_tags or {}).items()),
        ]
        listing = "".join(f"{tag.sha256}  {tag.path}\n" for tag in sorted(tags, key=lambda tag: tag.path)).encode()
        self.write("tagmanifest-sha256.txt", [listing])
        self.settle()
        return Seal(manifest.sha256, sha256_hex(listing), payload.files, payload.size)

    def add_certificate(self, name: str, content: bytes) -> None:
        """A file about the tag manifest cannot be named in it; this one stands beside it."""
        self.write(name, [content])
        self.settle()

    def close(self) -> None:
        shutil.rmtree(self._temporary, ignore_errors=True)


class PartMaker(Protocol):
    """What parts are written with: a whole bag, or one folder of it."""

    def write(self, path: str, pieces: Iterable[bytes | memoryview], place: str = "") -> Part: ...

    def link(self, path: str, file: Path, buffer: memoryview, place: str = "") -> Part: ...

    def open_part(self, path: str) -> AbstractContextManager[PartFile]: ...


class BagFolder:
    """Writes `data/…` as `data/<folder>/…`. Whoever has the bag settles it."""

    def __init__(self, writer: BagWriter, folder: str) -> None:
        self._writer = writer
        self._folder = f"data/{folder}/" if folder else "data/"

    def write(self, path: str, pieces: Iterable[bytes | memoryview], place: str = "") -> Part:
        return self._writer.write(self._placed(path), pieces, place)

    def link(self, path: str, file: Path, buffer: memoryview, place: str = "") -> Part:
        return self._writer.link(self._placed(path), file, buffer, place)

    def open_part(self, path: str) -> AbstractContextManager[PartFile]:
        return self._writer.open_part(self._placed(path))

    def _placed(self, path: str) -> str:
        return self._folder + path.removeprefix("data/")


class _Payload:
    """Counts what the manifest lists."""

    def __init__(self) -> None:
        self.files = 0
        self.size = 0
        self.is_placed = False

    def manifest(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        before = b""
        for line in lines:
            path, digest, size, place = line.split(b"\0")
            if path == before:
                raise ValueError("two parts have the same path")
            before = path
            self.files += 1
            self.size += int(size)
            self.is_placed = self.is_placed or bool(place)
            yield digest + b"  " + path + b"\n"


def check_inside(path: str) -> None:
    """Raises ValueError unless the path stays in the bag and needs no escape in a manifest."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or str(pure) != path or ".." in pure.parts or any(char in path for char in "\r\n\0%\\"):
        raise ValueError("a part's path must be plain and relative")


def pieces_of(file: Path, buffer: memoryview) -> Iterator[memoryview]:
    """The bytes of a file. Each piece is valid until the next is asked for: one buffer serves them all, and all
    files of a caller: a fresh one for each would cost more than reading a small file."""
    with file.open("rb", buffering=0) as stream:
        while count := stream.readinto(buffer):
            yield buffer[:count]


def _sorting_line(part: Part) -> bytes:
    return f"{part.path}\0{part.sha256}\0{part.size}\0{part.place}".encode()


def _info_lines(info: Mapping[str, str]) -> bytes:
    """Labels in order of name; a value is one line, whatever it held."""
    return "".join(f"{label}: {' '.join(value.split())}\n" for label, value in sorted(info.items())).encode()


def _make_folders(folder: str, root: str, changed: set[str]) -> None:
    """Makes the folder and those above it below `root`; adds every folder whose entries change thereby or soon. Raises
    FileNotFoundError where the whole bag was removed meanwhile."""
    changed.add(folder)
    if folder == root:
        os.stat(root)
        return
    try:
        os.mkdir(folder)
    except FileExistsError:
        return
    except FileNotFoundError:
        _make_folders(os.path.dirname(folder), root, changed)
        with suppress(FileExistsError):  # another thread needs it, too
            os.mkdir(folder)
    changed.add(os.path.dirname(folder))
