"""A bag as tar and as zip: the same bytes each time, from any byte on, read by other tools, refused when tampered."""

import hashlib
import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from freehold.lifecycle.bag.sources import BrokenArchive, Entry, Oddity, entries_of
from freehold.lifecycle.bag.tar import _header, _header_size, iter_tar, tar_size
from freehold.lifecycle.bag.verify import verify_bag
from freehold.lifecycle.bag.zip import iter_zip, zip_size

NAME, SECONDS = "bag-1", 1_780_000_001
CONTENT = {
    "data/a.txt": b"hello",
    "data/empty": b"",
    "data/dir/ünïcode name.bin": bytes(range(256)) * 9_000,
}


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bag")
    lines = []
    for path, content in CONTENT.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  {path}\n")
    (folder / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    (folder / "manifest-sha256.txt").write_text("".join(lines))
    return folder


@pytest.fixture(scope="module")
def whole(bag: Path) -> bytes:
    return b"".join(iter_zip(bag, NAME, SECONDS))


def test_the_size_is_known_before(bag: Path, whole: bytes) -> None:
    assert len(whole) == zip_size(bag, NAME)
    assert b"".join(iter_zip(bag, NAME, SECONDS)) == whole
    assert sum(map(len, iter_tar(bag, NAME, SECONDS))) == tar_size(bag, NAME)


@given(part=st.floats(0, 1))
def test_any_rest_of_it_can_be_sent_alone(bag: Path, whole: bytes, part: float) -> None:
    start = int(part * len(whole))
    assert b"".join(iter_zip(bag, NAME, SECONDS, start)) == whole[start:]


def test_the_standard_library_reads_it(whole: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(f"{NAME}/{name}") for name in CONTENT} == CONTENT
        assert {each.date_time for each in archive.infolist()} == {(2026, 5, 28, 20, 26, 40)}


def test_its_entries_are_the_files(whole: bytes, tmp_path: Path) -> None:
    assert read(tmp_path, whole).items() >= CONTENT.items()


def test_it_is_verified_like_a_folder(bag: Path, whole: bytes, tmp_path: Path) -> None:
    """The fixture is no whole bag: its report as a zip is its report as a folder."""
    (tmp_path / "bag.zip").write_bytes(whole)
    of_zip, of_folder = verify_bag(tmp_path / "bag.zip"), verify_bag(bag)
    assert sorted(map(str, of_zip.faults)) == sorted(map(str, of_folder.faults))
    assert (of_zip.files, of_zip.size) == (of_folder.files, of_folder.size)


@pytest.mark.parametrize("cut", [1, 21, 22, 60, 98, 2_000])
def test_a_cut_one_is_broken(whole: bytes, tmp_path: Path, cut: int) -> None:
    with pytest.raises(BrokenArchive):
        read(tmp_path, whole[:-cut])


@pytest.mark.parametrize("more", [b"x", b"\0" * 100, b"PK\x05\x06" + bytes(18)])
def test_bytes_behind_the_end_are_refused(whole: bytes, tmp_path: Path, more: bytes) -> None:
    with pytest.raises(BrokenArchive):
        read(tmp_path, whole + more)


def test_a_directory_that_says_otherwise_is_refused(whole: bytes, tmp_path: Path) -> None:
    """A name is changed in the directory at the end alone: tools would unpack another file than was read."""
    place = whole.rindex(b"data/a.txt")
    with pytest.raises(BrokenArchive, match="other files"):
        read(tmp_path, whole[:place] + b"data/b.txt" + whole[place + 10 :])


def central(whole: bytes, path: bytes) -> int:
    """Where the directory's line of a file begins."""
    return whole.rindex(b"PK\x01\x02", 0, whole.rindex(path))


FIELDS: dict[str, tuple[Callable[[bytes], int], str]] = {
    "size before a file": (lambda whole: whole.index(b"PK\x03\x04") + 18, "<LL"),
    "checksum before a file": (lambda whole: whole.index(b"PK\x03\x04") + 14, "<L"),
    "checksum behind a file": (lambda whole: whole.index(b"PK\x07\x08") + 4, "<L"),
    "checksum in the directory": (lambda whole: central(whole, b"data/a.txt") + 16, "<L"),
    "sizes in the directory": (lambda whole: central(whole, b"data/a.txt") + 20, "<LL"),
    "offset in the directory": (lambda whole: central(whole, b"data/a.txt") + 42, "<L"),
    "kind of the directory's sizes": (lambda whole: whole.rindex(b"data/a.txt") + 10, "<H"),
    "locator": (lambda whole: len(whole) - 42 + 8, "<Q"),
    "number of disks": (lambda whole: len(whole) - 42 + 16, "<L"),
    "files in the narrow end": (lambda whole: len(whole) - 22 + 10, "<H"),
    "directory in the narrow end": (lambda whole: len(whole) - 22 + 12, "<LL"),
    "length of a comment": (lambda whole: len(whole) - 2, "<H"),
}


@pytest.mark.parametrize("what", FIELDS)
def test_nothing_that_another_tool_may_believe_is_passed_over(whole: bytes, tmp_path: Path, what: str) -> None:
    find, form = FIELDS[what]
    spoilt = bytearray(whole)
    struct.pack_into(form, spoilt, find(whole), *([5] * (len(form) - 1)))
    with pytest.raises(BrokenArchive):
        read(tmp_path, bytes(spoilt))


def test_a_file_hidden_in_another_is_not_believed(bag: Path, whole: bytes, tmp_path: Path) -> None:
    """The directory's narrow fields lead to other bytes than its wide ones: tools would unpack those."""
    spoilt = bytearray(whole)
    evil = whole.index(CONTENT["data/dir/ünïcode name.bin"])
    at = central(whole, b"data/a.txt")
    struct.pack_into("<LLL", spoilt, at + 16, 0, 4, 4)
    struct.pack_into("<L", spoilt, at + 42, evil)
    (tmp_path / "bag.zip").write_bytes(spoilt)
    assert verify_bag(tmp_path / "bag.zip").faults[0].code == "broken"


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/passwd", "bag-1/../../x", "other/x", "bag-1/a\\b"])
def test_a_path_that_leaves_the_bag_is_odd(whole: bytes, tmp_path: Path, name: str) -> None:
    """All of one name's occurrences, padded to its length, so that headers and directory agree."""
    old = b"bag-1/data/a.txt"
    new = name.encode().ljust(len(old), b"x")[: len(old)]
    (tmp_path / "bag.zip").write_bytes(whole.replace(old, new))
    found = list(entries_of(tmp_path / "bag.zip"))
    assert [each for each in found if isinstance(each, Oddity)]


def test_a_zip_of_another_tool_is_told_to_be_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "bag.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bag/bagit.txt", "x" * 10_000_000)
    with pytest.raises(BrokenArchive, match="unpack it"):
        list(entries_of(tmp_path / "bag.zip"))
    (fault,) = verify_bag(tmp_path / "bag.zip").faults
    assert (fault.code, "unpack it" in fault.message) == ("broken", True)


def read(folder: Path, content: bytes) -> dict[str, bytes]:
    (folder / "bag.zip").write_bytes(content)
    found = {}
    for each in entries_of(folder / "bag.zip"):
        assert isinstance(each, Entry)
        found[each.path] = b"".join(bytes(piece) for piece in each.pieces)
    return found


@given(
    path=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=300),
    size=st.sampled_from([0, 8**11 - 1, 8**11, 1 << 46]),
)
@example(path="a" * 100, size=1)
@example(path="a" * 101, size=1)
@example(path="a" * 89, size=8**11)
@example(path="é" * 50, size=1)
def test_a_headers_size_is_known_without_making_it(path: str, size: int) -> None:
    assert _header_size(path, size) == len(_header(path, size, SECONDS))
