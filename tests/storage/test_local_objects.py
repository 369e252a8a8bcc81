"""Objects in a local folder: what is removed is gone, with all that killed uploads left beside it."""

import time
from pathlib import Path

import pytest
from obstore.store import LocalStore

from freehold.storage import blobs
from freehold.storage.blobs import MANY, ObjectStore


@pytest.fixture
def objects(tmp_path: Path) -> ObjectStore:
    return ObjectStore(LocalStore(tmp_path), tmp_path, largest=1_000)


def put(objects: ObjectStore, number: int) -> list[str]:
    assert objects.folder is not None
    keys = [f"{each % 4:02x}/object-{each}" for each in range(number)]
    for key in keys:
        path = objects.folder / key
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"content")
    return keys


def left(objects: ObjectStore) -> list[str]:
    assert objects.folder is not None
    return [path.name for path in objects.folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("number", [1, MANY - 1, MANY, 300])
def test_few_and_many_are_removed(objects: ObjectStore, number: int) -> None:
    keys = put(objects, number + 2)
    objects.delete(keys[:number])
    assert sorted(left(objects)) == sorted(key.split("/")[1] for key in keys[number:])


@pytest.mark.parametrize("missing", [0, MANY, 299])
def test_all_others_are_removed_where_one_is_gone_already(objects: ObjectStore, missing: int) -> None:
    keys = put(objects, 300)
    assert objects.folder is not None
    (objects.folder / keys[missing]).unlink()
    objects.delete(keys)
    assert left(objects) == []
    objects.delete(keys)


@pytest.mark.parametrize("number", [2, 300])
def test_what_killed_uploads_left_goes_with_the_object(objects: ObjectStore, number: int) -> None:
    keys = put(objects, number)
    assert objects.folder is not None
    for half in ("#1", "#2", "#3"):
        (objects.folder / f"{keys[0]}{half}").write_bytes(b"half")
    (objects.folder / f"{keys[-1]}#1").write_bytes(b"half")
    (objects.folder / keys[-1]).unlink()
    objects.delete(keys)
    assert left(objects) == []


def test_the_server_does_not_wait_for_slow_looks_beside_files(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder on a network: each look lasts two milliseconds, and may keep the interpreter only for a few of them."""
    kept: list[bytes] = []

    def access(path: bytes, mode: int) -> int:
        kept.append(path)
        time.sleep(0.002)
        return -1

    monkeypatch.setattr(blobs, "_access", access)
    keys = put(objects, 300)
    assert objects.folder is not None
    (objects.folder / f"{keys[-1]}#1").write_bytes(b"half")
    objects.delete(keys)
    assert 0 < len(kept) <= 4
    assert left(objects) == []
