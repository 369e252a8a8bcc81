"""A bag whose large files are laid apart as they come is, read together, the bag that was sent, whatever was sent."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from freehold.kit.durable import WriteBehind
from freehold.lifecycle.bag.sources import BrokenArchive, Entry, Oddity, entries_of
from freehold.lifecycle.bag.split import LARGE, JoinedStream, Splitter, _parts, apart_of, split_entries, split_size
from freehold.lifecycle.bag.verify import verify_bag, verify_entries

SMALLEST = 600
"""Bytes of what is large here."""
NAMES = ("bagit.txt", "data/a", "data/b/c", f"data/{'long/' * 40}name", "data/ü", "manifest-sha256.txt")
FILES = st.lists(
    st.tuples(
        st.sampled_from(
            ["bagit.txt", "data/a", "data/b/c", f"data/{'long/' * 40}name", "data/ü", "manifest-sha256.txt"]
        ),
        st.integers(0, 6 * SMALLEST),
    ),
    max_size=6,
)
CHUNKS = st.sampled_from([1, 511, 512, 513, 1_025, 1 << 20])
fast = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
Said = list[tuple[str, str]]


def tar_of(files: list[tuple[str, int]], form: int = tarfile.PAX_FORMAT) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=form) as archive:
        for number, (name, size) in enumerate(files):
            entry = tarfile.TarInfo(f"bag/{name}")
            entry.size = size
            archive.addfile(entry, io.BytesIO(bytes([number + 65]) * size))
    return held.getvalue()


def sent(folder: Path, content: bytes, chunk: int = 1 << 20, large: int = SMALLEST) -> tuple[Path, str]:
    """Where it lies, and its digest."""
    bag = folder / "bag"
    with closing(Splitter(bag, large)) as splitter:
        for start in range(0, len(content), chunk):
            splitter.feed(content[start : start + chunk])
        splitter.finish()
    assert splitter.size == len(content) == split_size(bag)
    return bag, splitter.hexdigest


def said(entries: Iterator[Entry | Oddity]) -> Said:
    found: Said = []
    try:
        for each in entries:
            if isinstance(each, Oddity):
                found.append((each.code, each.path))
                continue
            digest = hashlib.sha256(b"".join(map(bytes, each.pieces))).hexdigest()
            assert each.apart is None or each.apart.sha256 == digest == sha256_of(each.apart.file)
            found.append((each.path, digest))
    except BrokenArchive as fault:
        found.append(("broken", str(fault)))
    return found


def sha256_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@fast
@given(files=FILES, chunk=CHUNKS, form=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT]))
def test_its_files_are_those_that_were_sent(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, int]], chunk: int, form: int
) -> None:
    folder = tmp_path_factory.mktemp("split")
    if form == tarfile.USTAR_FORMAT:
        files = [(name, size) for name, size in files if name.isascii()]
    content = tar_of(files, form)
    (folder / "whole").write_bytes(content)
    bag, _ = sent(folder, content, chunk)
    assert said(split_entries(bag)) == said(entries_of(folder / "whole"))
    apart = [entry.apart for entry in split_entries(bag) if isinstance(entry, Entry) and entry.apart]
    assert [part.size for part in apart] == [size for _, size in files if size >= SMALLEST]
    assert _told(verify_entries(split_entries(bag), "bag")) == _told(verify_bag(folder / "whole"))


@fast
@given(
    files=FILES,
    chunk=CHUNKS,
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=4),
    cut=st.floats(0, 1),
)
@example(files=[("data/a", 2_000)], chunk=512, changes=[(0.09, 55)], cut=1.0)
def test_of_a_damaged_one_the_same_is_said(
    tmp_path_factory: pytest.TempPathFactory,
    files: list[tuple[str, int]],
    chunk: int,
    changes: list[tuple[float, int]],
    cut: float,
) -> None:
    folder = tmp_path_factory.mktemp("split")
    content = bytearray(tar_of(files))
    for place, value in changes:
        content[int(place * (len(content) - 1))] = value
    damaged = bytes(content[: int(cut * len(content))])
    (folder / "whole").write_bytes(damaged)
    bag, _ = sent(folder, damaged, chunk)
    assert said(split_entries(bag)) == said(entries_of(folder / "whole"))


@fast
@given(size=st.integers(600, 3_000), told=st.integers(0, 4_000))
def test_a_size_that_two_headers_tell_differently_is_read_as_before(
    tmp_path_factory: pytest.TempPathFactory, size: int, told: int
) -> None:
    """A record may tell another size than the header behind it: the reader heeds it, who lays files apart does not."""
    folder = tmp_path_factory.mktemp("split")
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as archive:
        entry = tarfile.TarInfo("bag/data/a")
        entry.size, entry.pax_headers = size, {"size": str(told)}
        archive.addfile(entry, io.BytesIO(b"a" * size))
        second = tarfile.TarInfo("bag/data/b")
        second.size = 1_000
        archive.addfile(second, io.BytesIO(b"b" * 1_000))
    (folder / "whole").write_bytes(held.getvalue())
    bag, _ = sent(folder, held.getvalue())
    assert said(split_entries(bag)) == said(entries_of(folder / "whole"))


@fast
@given(content=st.one_of(st.binary(max_size=3_000), FILES.map(tar_of)), chunk=CHUNKS, start=st.floats(0, 1))
def test_together_they_are_the_bytes_that_were_sent(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, chunk: int, start: float
) -> None:
    bag, digest = sent(folder := tmp_path_factory.mktemp("split"), content, chunk)
    with JoinedStream(bag, _parts(bag)) as stream:
        stream.seek(begin := int(start * len(content)))
        assert stream.read(len(content) + 1) == content[begin:]
        assert stream.read(1) == b""
    again = folder / "again"
    again.mkdir()
    assert sent(again, content, 700)[1] == digest


@fast
@given(files=FILES.filter(bool), place=st.floats(0, 1))
def test_another_bag_has_another_digest(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, int]], place: float
) -> None:
    content = tar_of(files)
    other = bytearray(content)
    other[int(place * (len(content) - 1))] ^= 1
    digests = {sent(tmp_path_factory.mktemp("split"), each)[1] for each in (content, bytes(other), content[:-1])}
    assert len(digests) == 3


def test_small_files_stay_together(tmp_path: Path) -> None:
    """However many there are, so few lie apart as the bag has mebibytes."""
    bag, _ = sent(tmp_path, tar_of([("data/a", LARGE - 1)] * 3), large=LARGE)
    assert not apart_of(bag).exists()


def test_a_file_that_lies_apart_is_not_the_tag_that_it_is_called(tmp_path: Path) -> None:
    """A large tag file is read for what it says, as any."""
    content = tar_of([("bag-info.txt", 2_000), ("data/a", 2_000)])
    (tmp_path / "whole").write_bytes(content)
    bag, _ = sent(tmp_path, content)
    assert [part.size for part in _parts(bag)] == [2_000, 2_000]
    assert _told(verify_entries(split_entries(bag), "bag")) == _told(verify_bag(tmp_path / "whole"))


def _told(report: object) -> str:
    return str(report).replace("whole", "bag")


def test_a_long_file_is_put_away_while_it_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_away: list[int] = []
    real = WriteBehind.put_away

    def seen(behind: WriteBehind, file: IO[bytes]) -> None:
        put_away.append(file.tell())
        real(behind, file)

    monkeypatch.setattr(WriteBehind, "put_away", seen)
    content = tar_of([("data/a", 210 * SMALLEST), ("data/b", 2 * SMALLEST)])
    bag, _ = sent(tmp_path, content, chunk=512)
    assert [size // SMALLEST for size in put_away] == [64, 128, 192]
    with JoinedStream(bag, _parts(bag)) as stream:
        assert stream.read(len(content)) == content
