"""An archive that was verified becomes the folder that it was made of; one that was not writes nothing outside."""

import io
import tarfile
from pathlib import Path

import pytest

from freehold.lifecycle.bag.sources import BrokenArchive
from freehold.lifecycle.bag.tar import iter_tar
from freehold.lifecycle.bag.unpacking import unpack
from freehold.lifecycle.bag.zip import iter_zip
from tests.unit.bag.test_bag_writing import make_bag


@pytest.mark.parametrize("make", [iter_tar, iter_zip])
def test_the_folder_comes_out_as_it_went_in(tmp_path: Path, make: object) -> None:
    make_bag(tmp_path / "bag")
    (tmp_path / "archive").write_bytes(b"".join(make(tmp_path / "bag", "top", 1_700_000_000)))  # type: ignore[operator]  # either of the two
    unpack(tmp_path / "archive", tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "bag")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("name", "kind"),
    [("top/../../escaped", tarfile.REGTYPE), ("top/link", tarfile.SYMTYPE), ("top/p", tarfile.FIFOTYPE)],
)
def test_what_is_no_plain_file_inside_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    with tarfile.open(tmp_path / "archive", "w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "/etc/passwd" if kind == tarfile.SYMTYPE else ""
        archive.addfile(entry, io.BytesIO())
    with pytest.raises(BrokenArchive):
        unpack(tmp_path / "archive", tmp_path / "out")
    assert contents(tmp_path) == {"archive": (tmp_path / "archive").read_bytes()}


def test_a_file_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive", "w") as archive:
        for content in (b"first", b"other"):
            entry = tarfile.TarInfo("top/file")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    with pytest.raises(FileExistsError):
        unpack(tmp_path / "archive", tmp_path / "out")
    assert (tmp_path / "out" / "file").read_bytes() == b"first"
