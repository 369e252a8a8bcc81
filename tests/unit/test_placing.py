"""A bag gets its name at the end, and only a name that is free: nobody's file or folder is touched for it."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from freehold.cli.bag_place import BagPlace
from freehold.cli.failure import Failure
from freehold.client.placing import place_new


def a_folder(place: Path) -> None:
    place.mkdir()
    (place / "mine.txt").write_text("mine")


def a_file(place: Path) -> None:
    place.write_text("mine")


def a_link_to_nothing(place: Path) -> None:
    place.symlink_to("nothing")


COMERS: list[Callable[[Path], None]] = [a_folder, Path.mkdir, a_file, a_link_to_nothing]


def seen(place: Path) -> dict[str, str]:
    """What stands at a place and in it, whatever it is."""
    return {str(each): _told(each) for each in (place, *sorted(place.rglob("*")))}


def _told(place: Path) -> str:
    if place.is_symlink():
        return f"a link to {place.readlink()}"
    return "a folder" if place.is_dir() else place.read_text()


@pytest.mark.parametrize("make", [a_folder, a_file], ids=["folder", "file"])
@pytest.mark.parametrize("comes", COMERS)
def test_what_comes_to_the_place_meanwhile_stays(
    tmp_path: Path, make: Callable[[Path], None], comes: Callable[[Path], None]
) -> None:
    place = BagPlace.of(str(tmp_path / "bag"))
    with place as made:
        make(made)
        comes(tmp_path / "bag")
        before = seen(tmp_path / "bag")
        with pytest.raises(Failure, match="stays as it is"):
            place.finish()
    assert seen(tmp_path / "bag") == before
    assert [each.name for each in tmp_path.iterdir()] == ["bag"]


@pytest.mark.parametrize("make", [a_folder, a_file], ids=["folder", "file"])
def test_a_bag_comes_to_its_place_and_leaves_nothing_beside_it(tmp_path: Path, make: Callable[[Path], None]) -> None:
    part, bag = tmp_path / "bag.part", tmp_path / "bag"
    make(part)
    before = seen(part)
    place = BagPlace.of(str(bag))
    with place as made:
        make(made)
        place.finish()
    assert list(seen(bag).values()) == list(before.values())
    assert seen(part) == before
    assert sorted(tmp_path.iterdir()) == [bag, part]


def test_a_file_system_without_links_takes_a_bag_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refused)
    a_file(tmp_path / "made")
    place_new(tmp_path / "made", tmp_path / "bag")
    assert [each.name for each in tmp_path.iterdir()] == ["bag"]
    (tmp_path / "again").write_text("another")
    with pytest.raises(FileExistsError):
        place_new(tmp_path / "again", tmp_path / "bag")
    assert (tmp_path / "bag").read_text() == "mine"


def test_the_folder_of_an_address_is_looked_at_as_the_store_reads_it(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    place = BagPlace.of(f"file://{tmp_path}/a%20b/bag.tar")
    with place as made:
        a_file(made)
        place.finish()
    assert (tmp_path / "a b" / "bag.tar").read_text() == "mine"
    with pytest.raises(Failure, match="There is no folder"):
        BagPlace.of(f"file://{tmp_path}/c/bag.tar")
