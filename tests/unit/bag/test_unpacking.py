"""A tar file becomes a folder while it arrives, in pieces of any size; a hostile or cut one is refused."""

import hashlib
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from freehold.lifecycle.bag.sources import BrokenArchive
from freehold.lifecycle.bag.tar import iter_tar
from freehold.lifecycle.bag.unpacking import unpack

CONTENT = {
    "data/empty": b"",
    "data/dir/ünïcode name.bin": bytes(range(256)) * 900,
    f"data/{'long/' * 40}name": b"x" * 513,
}
CONTENT["manifest-sha256.txt"] = "".join(
    f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in CONTENT.items()
).encode()


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("bag")
    for path, content in CONTENT.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    return b"".join(iter_tar(folder, "bag-1", 1_780_000_001))


def found_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pieces(whole: bytes, size: int) -> Iterator[bytes]:
    return (whole[at : at + size] for at in range(0, len(whole), size))


@pytest.mark.parametrize("size", [1, 511, 512, 513, 70_000, 1 << 22])
def test_it_is_the_same_however_it_arrives(tar: bytes, tmp_path: Path, size: int) -> None:
    unpack(pieces(tar, size), tmp_path / "to")
    assert found_in(tmp_path / "to") == CONTENT


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(part=st.floats(0, 0.999))
def test_one_that_is_cut_off_is_refused(tar: bytes, tmp_path_factory: pytest.TempPathFactory, part: float) -> None:
    to = tmp_path_factory.mktemp("cut") / "to"
    end = len(tar.rstrip(b"\0"))  # without the blocks of zeros that end an archive
    with pytest.raises(BrokenArchive):
        unpack(pieces(tar[: int(part * end)], 4_096), to)


@pytest.mark.parametrize("name", ["bag/../../out", "/out", "bag/a/../../../out", "other/out"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    whole = archive([("bag/first", tarfile.REGTYPE), (name, tarfile.REGTYPE)])
    with pytest.raises(BrokenArchive):
        unpack([whole], tmp_path / "to")
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} <= {"first"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with pytest.raises(BrokenArchive):
        unpack([archive([("bag/a", kind)])], tmp_path / "to")


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileExistsError):
        unpack([archive([("bag/a", tarfile.REGTYPE)] * 2)], tmp_path / "to")


def archive(members: list[tuple[str, bytes]]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as tar:
        for name, kind in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.size = kind, "/etc/passwd", 3 if kind == tarfile.REGTYPE else 0
            tar.addfile(member, io.BytesIO(b"abc") if kind == tarfile.REGTYPE else None)
    return held.getvalue()
