import os
import stat
from pathlib import Path

import pytest

from freehold.kit.clock import FixedClock
from freehold.storage.keys import KeyStore, KeysUnusable
from freehold.storage.keys.folder import KeyFolder


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): stat.S_IMODE(path.lstat().st_mode) for path in folder.rglob("*")}


def test_only_the_owner_reads_keys(folder: Path, keys: KeyStore) -> None:
    keys.tls.ensure()
    keys.put_secret("client-secret", b"s")
    keys.operations.create("op-1")
    found = modes(folder)
    public = {"tls/ca.pem", "tls/server.pem"}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {mode for name, mode in found.items() if (folder / name).is_dir()} == {0o700}
    assert {mode for name, mode in found.items() if (folder / name).is_file() and name not in public} == {0o600}
    assert {found[name] for name in public} == {0o644}


def test_wide_umask_does_not_widen_files(folder: Path, clock: FixedClock) -> None:
    before = os.umask(0)
    try:
        KeyStore(folder, clock)
    finally:
        os.umask(before)
    assert not {mode for mode in modes(folder).values() if mode & 0o077}


def test_folder_opened_too_wide_is_narrowed(folder: Path, clock: FixedClock) -> None:
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    KeyStore(folder, clock)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_link_in_place_of_folder_is_refused(folder: Path, clock: FixedClock, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(KeysUnusable):
        KeyStore(folder, clock)


def test_replaced_bytes_are_overwritten(folder: Path) -> None:
    kept = KeyFolder(folder)
    kept.create("one", b"the old secret")
    old = os.open(folder / "one", os.O_RDONLY)
    kept.replace("one", b"the new one")
    assert b"old secret" not in os.read(old, 100)
    assert kept.read("one") == b"the new one"
    os.close(old)


def test_destroyed_bytes_are_overwritten(folder: Path) -> None:
    kept = KeyFolder(folder)
    kept.create("one", b"the old secret")
    old = os.open(folder / "one", os.O_RDONLY)
    kept.destroy("one")
    assert b"old secret" not in os.read(old, 100)
    assert not (folder / "one").exists()
    kept.destroy("one")
    os.close(old)


def test_draft_of_a_crash_is_removed(folder: Path) -> None:
    KeyFolder(folder)
    (folder / "one.1234.draft").write_bytes(b"half a key")
    assert KeyFolder(folder).names("") == [".lock"]


def test_second_creation_is_refused(folder: Path) -> None:
    kept = KeyFolder(folder)
    kept.create("one", b"first")
    with pytest.raises(FileExistsError):
        kept.create("one", b"second")
    assert kept.read("one") == b"first"
