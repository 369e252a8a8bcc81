"""A bag that the server keeps has files under numbers, and is sent as any other."""

import errno
import io
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from freehold.lifecycle.bag.places import PLACES, numbered
from freehold.lifecycle.bag.tar import bag_files, iter_tar, kept_files, tar_size
from freehold.lifecycle.bag.writer import BagWriter
from freehold.lifecycle.bag.zip import iter_zip, zip_size

OBJECTS = {"data/artifacts/b/1": b"one", "data/artifacts/a/2": b"two", "data/artifacts/a/1": b"three"}
WRITTEN = {"data/README.md": b"read", "data/artifacts/aa": b"between"}
PAYLOAD = OBJECTS | WRITTEN


def buffer() -> memoryview:
    return memoryview(bytearray(4096))


def stored(folder: Path, content: bytes) -> Path:
    """An object of a local store."""
    file = folder / f"object-{content.decode()}"
    file.write_bytes(content)
    return file


def kept(folder: Path) -> Path:
    """A bag with objects in two folders of numbers, and parts that lie by their paths."""
    writer = BagWriter(folder / "bag")
    for number, (path, content) in enumerate(OBJECTS.items()):
        writer.link(path, stored(folder, content), buffer(), numbered("objects-artifacts", number // 2, number % 2))
    for path, content in WRITTEN.items():
        writer.write(path, [content])
    writer.finish(writer.settle(), {})
    writer.close()
    return folder / "bag"


def test_it_is_sent_under_the_names_that_people_gave(tmp_path: Path) -> None:
    bag = kept(tmp_path)
    archive = b"".join(iter_tar(bag, "w", 0, files=kept_files))
    assert len(archive) == tar_size(bag, "w", kept_files)
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        sent = {each.name: opened.extractfile(each).read() for each in opened}  # type: ignore[union-attr]  # files only
    assert {path: sent[f"w/{path}"] for path in PAYLOAD} == PAYLOAD
    assert f"w/{PLACES}" not in sent
    assert not any("objects" in path for path in sent)
    for start in range(0, len(archive), 97):
        assert b"".join(iter_tar(bag, "w", 0, start, kept_files)) == archive[start:]


def test_a_zip_of_it_holds_the_same(tmp_path: Path) -> None:
    bag = kept(tmp_path)
    archive = b"".join(iter_zip(bag, "w", 0, files=kept_files))
    assert len(archive) == zip_size(bag, "w", kept_files)
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        assert {path: opened.read(f"w/{path}") for path in PAYLOAD} == PAYLOAD


def test_objects_are_second_names_in_few_folders(tmp_path: Path) -> None:
    bag = kept(tmp_path)
    lie = {path.relative_to(bag).as_posix(): path for path in (bag / "objects").rglob("*") if path.is_file()}
    assert sorted(lie) == [f"objects/objects-artifacts/{place}" for place in ("00000/0000", "00000/0001", "00001/0000")]
    assert all(path.stat().st_nlink == 2 for path in lie.values())
    assert not (bag / "data/artifacts/a").exists()


def test_the_bag_is_that_of_one_without_places(tmp_path: Path) -> None:
    bag, plain = kept(tmp_path), BagWriter(tmp_path / "plain")
    for path, content in PAYLOAD.items():
        plain.write(path, [content])
    plain.finish(plain.settle(), {})
    plain.close()
    assert not (tmp_path / "plain" / PLACES).exists()
    whole = b"".join(iter_tar(tmp_path / "plain", "w", 0))
    assert b"".join(iter_tar(bag, "w", 0, files=kept_files)) == whole
    assert b"".join(iter_tar(tmp_path / "plain", "w", 0, files=kept_files)) == whole, "kept before there were places"


def test_places_are_not_believed_in_a_folder_of_somebody_elses(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    writer.write("data/a", [b"a"])
    writer.finish(writer.settle(), {})
    (tmp_path / "bag" / PLACES).write_text("../secret\n")
    assert dict(bag_files(tmp_path / "bag"))["data/a"] == tmp_path / "bag/data/a"


def test_a_list_of_places_that_is_cut_off_is_no_bag(tmp_path: Path) -> None:
    bag = kept(tmp_path)
    (bag / PLACES).write_text("\n")
    with pytest.raises(ValueError, match="shorter"):
        list(kept_files(bag))


def test_where_there_can_be_no_second_name_a_copy_lies_in_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(os, "link", refuse)
    bag = kept(tmp_path)
    files = dict(kept_files(bag))
    assert {path: files[path].read_bytes() for path in PAYLOAD} == PAYLOAD
    assert all(path.stat().st_nlink == 1 for path in (bag / "objects").rglob("*") if path.is_file())


def test_what_a_crash_left_in_its_place_goes(tmp_path: Path) -> None:
    """The name is there before the part is recorded, so it is made again."""
    place, new = numbered("objects-artifacts", 0, 0), stored(tmp_path, b"new")
    BagWriter(tmp_path / "bag").link("data/a", stored(tmp_path, b"old"), buffer(), place)
    writer = BagWriter(tmp_path / "bag")
    part = writer.link("data/a", new, buffer(), place)
    assert writer.settle() == [part]
    assert (tmp_path / "bag" / place).samefile(new)
    assert part.size == 3


def test_a_part_that_was_linked_is_settled_before_the_bag_is_finished(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    part = writer.link("data/a", stored(tmp_path, b"a"), buffer())
    with pytest.raises(ValueError, match="settle"):
        writer.finish([part], {})


def test_a_bag_that_went_meanwhile_is_not_made_anew(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / "bag")
    writer.close()
    (tmp_path / "bag").rmdir()
    with pytest.raises(FileNotFoundError):
        writer.link("data/a", stored(tmp_path, b"a"), buffer())
    assert not (tmp_path / "bag").exists()
