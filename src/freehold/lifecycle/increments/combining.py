"""Puts a bag and the increments made on it together. Needs no server; the result is checked, digest by digest.

The outcome is the bag that an export without a base would have been: the same payload, byte for byte, and the same tag
files. So the increment's certificate, which names it, stands for it as well.
"""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

import pyarrow as pa

from freehold.kit.problems import Conflict, Invalid
from freehold.lifecycle.bag.writer import CHUNK, BagWriter, Part, Seal, pieces_of
from freehold.lifecycle.increments import form
from freehold.lifecycle.increments.index import file_digest
from freehold.lifecycle.increments.layout import (
    FILES,
    MANIFEST,
    OWN,
    PAGES,
    TABLES,
    BagFolder,
    pieces_in,
    read_rows,
    schema_of,
    write_rows,
)
from freehold.lifecycle.increments.rows import woven, woven_rows
from freehold.lifecycle.snapshot import write_documents

FILES_AT_ONCE = 500


def combine(base: Path, increments: Sequence[Path], to: Path) -> form.Combined:
    """Folders in, the folder `to` out; it is there whole or not at all. `increments`: in the order of their making.

    Raises Invalid for what is no increment or does not hold, Conflict (WrongBase) for one that was made on another bag.
    """
    with TemporaryDirectory(prefix=f".{to.name}.", dir=to.parent) as scratch:
        for number, increment in enumerate(increments):
            made = Path(scratch) / str(number)
            combined = _combine(base, increment, made)
            if number:
                shutil.rmtree(base)
            base = made
        base.replace(to)
    return combined


def _combine(base: Path, increment: Path, to: Path) -> form.Combined:
    about = form.read_about(increment)
    check_base(base, about)
    writer = BagWriter(to)
    try:
        with (to / ".unfinished-parts").open("w+b") as listed:
            _Combining(base, increment, writer, listed).write(about)
            seal = writer.finish(_parts(listed), form.info_of(increment), _keys(increment))
    except ValueError as fault:
        raise _does_not_hold() from fault
    (to / ".unfinished-parts").unlink()
    _check(seal, about)
    if (increment / "certificate.jws").exists():
        writer.add_certificate("certificate.jws", (increment / "certificate.jws").read_bytes())
    writer.close()
    return about.combined


def check_base(base: Path, about: form.About) -> None:
    """Raises Conflict for another bag than that which the increment was made on."""
    found = file_digest(base / MANIFEST)
    if found != about.base.manifest_sha256:
        message = (
            f"The increment was made on another bag: on that with the manifest {about.base.manifest_sha256}, of the "
            f"snapshot {about.base.snapshot or 'that it names'}. The manifest of this one is {found}."
        )
        raise Conflict("WrongBase", message)


class _Combining:
    def __init__(self, base: Path, increment: Path, writer: BagWriter, listed: IO[bytes]) -> None:
        self._base, self._own = BagFolder(base), BagFolder(increment)
        self._writer = writer
        self._listed = listed
        self._buffer = memoryview(bytearray(CHUNK))

    def write(self, about: form.About) -> None:
        kept = form.read_kept(self._own.folder)
        ahead = next(kept, None)
        for name in about.sequences:
            mine: Iterable[tuple[int, int, int]] = ()
            if ahead is not None and ahead[0] == name:
                mine = ahead[1]
            self._sequence(name, mine)
            if ahead is not None and ahead[0] == name:
                ahead = next(kept, None)
            self._settle()

    def _sequence(self, name: str, kept: Iterable[tuple[int, int, int]]) -> None:
        base, own = self._base.paths(name), self._own.paths(name)
        if name == FILES:
            self._files(kept)
        elif name.startswith(f"{TABLES}/"):
            rows = woven_rows(read_rows(base), read_rows(own), kept)
            write_rows(self._writer, name, schema_of(own[0]), rows)
        elif name.startswith(f"{PAGES}/"):
            own = [self._own.folder / f"data/{OWN}/{name}"]
            pieces = woven(pieces_in(base, name), pieces_in(own, name), kept)
            self._writer.write(f"data/{name.removeprefix(f'{PAGES}/')}", pieces)
        else:
            lines = woven(pieces_in(base, name), pieces_in(own, name), kept)
            write_documents(self._writer, name, ((line,) for line in lines))

    def _files(self, kept: Iterable[tuple[int, int, int]]) -> None:
        """Each is read once, and must have the bytes that its manifest says."""
        of_base = ((self._base.folder, *each) for each in woven(self._base.files(), (), kept))
        of_own = ((self._own.folder, *each) for each in self._own.files())
        for files in (of_base, of_own):
            while group := list(islice(files, FILES_AT_ONCE)):
                for folder, path, digest in group:
                    part = self._writer.write(path, pieces_of(folder / path, self._buffer))
                    if part.sha256 != digest:
                        raise _does_not_hold()
                self._settle()

    def _settle(self) -> None:
        for part in self._writer.settle():
            self._listed.write(f"{part.path}\0{part.sha256}\0{part.size}\n".encode())


def _parts(listed: IO[bytes]) -> Iterator[Part]:
    listed.seek(0)
    for line in listed:
        path, digest, size = line.decode().rstrip("\n").split("\0")
        yield Part(path, digest, int(size))


def _keys(increment: Path) -> Mapping[str, bytes]:
    return {"certificate-keys.json": (increment / "certificate-keys.json").read_bytes()}


def _check(seal: Seal, about: form.About) -> None:
    made: Any = (seal.manifest_sha256, seal.tag_manifest_sha256)
    if made == (about.combined.manifest_sha256, about.combined.tag_manifest_sha256):
        return
    here = f"pyarrow {pa.__version__}"
    if about.parquet != here:
        message = f"The tables were written with {about.parquet}, and {here} writes other bytes. Combine with that one."
        raise Invalid("OtherParquetWriter", message)
    raise _does_not_hold()


def _does_not_hold() -> Invalid:
    message = (
        "Base and increment do not make the bag that they should: one of them was changed. "
        "`freehold verify` of each tells which."
    )
    return Invalid("BagDoesNotHold", message)
