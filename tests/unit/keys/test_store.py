import json
import multiprocessing
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from freehold.kit.clock import FixedClock, SystemClock
from freehold.storage.keys import KeyGone, KeyStore, KeysUnusable


def test_reopened_store_is_the_same(folder: Path, keys: KeyStore, clock: FixedClock) -> None:
    sealed = keys.envelope.seal(b"value", b"here")
    signed = keys.certificates.sign_jws(b"{}")
    again = KeyStore(folder, clock)
    assert again.store_id == keys.store_id
    assert again.envelope.open_(sealed, b"here") == b"value"
    assert again.certificates.verify_jws(signed) == b"{}"
    assert again.tokens.signing_key().kid == keys.tokens.signing_key().kid
    assert again.forgotten.digest("run", "w", "r") == keys.forgotten.digest("run", "w", "r")


@pytest.mark.parametrize("purpose", ["token-signing", "certificate-signing", "envelope", "forget-list"])
def test_lost_keys_are_not_made_again(folder: Path, keys: KeyStore, clock: FixedClock, purpose: str) -> None:
    for file in (folder / purpose).glob("*.json"):
        file.unlink()
    with pytest.raises(KeysUnusable, match=purpose):
        KeyStore(folder, clock)


def test_damaged_key_file_is_named(folder: Path, keys: KeyStore, clock: FixedClock) -> None:
    (folder / "envelope" / "000001.json").write_text("{")
    with pytest.raises(KeysUnusable, match=r"envelope/000001\.json"):
        KeyStore(folder, clock)


@pytest.mark.parametrize("text", ["", "[]", '{"format": 2, "store_id": "x"}'])
def test_unknown_store_format_is_refused(folder: Path, keys: KeyStore, clock: FixedClock, text: str) -> None:
    (folder / "store.json").write_text(text)
    with pytest.raises(KeysUnusable, match=r"store\.json"):
        KeyStore(folder, clock)


def test_key_of_newer_format_is_refused(folder: Path, keys: KeyStore, clock: FixedClock) -> None:
    file = folder / "envelope" / "000001.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 2}))
    with pytest.raises(KeysUnusable):
        KeyStore(folder, clock)


def make_store(folder: Path, start: Event, found: "Queue[tuple[str, str | None, str]]") -> None:
    start.wait()
    keys = KeyStore(folder, SystemClock())
    found.put((keys.store_id, keys.tokens.signing_key().kid, keys.forgotten.key_id))


def test_processes_that_start_together_share_keys(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    start, found = context.Event(), context.Queue()
    makers = [context.Process(target=make_store, args=(folder, start, found)) for _ in range(3)]
    for maker in makers:
        maker.start()
    start.set()
    stores = {found.get(timeout=30) for _ in makers}
    for maker in makers:
        maker.join()
    assert len(stores) == 1


def test_secret_survives_rotation_and_old_key(folder: Path, keys: KeyStore, clock: FixedClock) -> None:
    keys.put_secret("client-secret", b"quite secret")
    old = keys.envelope.key_ids()[0]
    keys.envelope.rotate()
    keys.rewrap_secrets()
    keys.envelope.destroy(old)
    assert KeyStore(folder, clock).find_secret("client-secret") == b"quite secret"


def test_secret_is_not_readable_in_files(folder: Path, keys: KeyStore) -> None:
    keys.put_secret("client-secret", b"quite secret")
    assert not [path for path in folder.rglob("*") if path.is_file() and b"quite secret" in path.read_bytes()]


def test_secret_under_another_name_does_not_open(folder: Path, keys: KeyStore) -> None:
    keys.put_secret("one", b"value")
    (folder / "sealed" / "one.sealed").rename(folder / "sealed" / "two.sealed")
    with pytest.raises(Exception, match="does not open"):
        keys.find_secret("two")


def test_dropped_secret_is_gone(keys: KeyStore) -> None:
    keys.put_secret("one", b"value")
    keys.drop_secret("one")
    assert keys.find_secret("one") is None


@pytest.mark.parametrize("name", ["../one", "a/b", "", "Ä", "x" * 65])
def test_secret_name_cannot_leave_the_folder(keys: KeyStore, name: str) -> None:
    with pytest.raises(KeysUnusable):
        keys.put_secret(name, b"value")


def test_operation_key_is_made_once(folder: Path, keys: KeyStore, clock: FixedClock) -> None:
    made = keys.operations.create("0198-op")
    assert len(made) == 32
    assert keys.operations.create("0198-op") == made
    assert KeyStore(folder, clock).operations.get("0198-op") == made
    assert keys.operations.ids() == ["0198-op"]


def test_destroyed_operation_key_is_gone(folder: Path, keys: KeyStore) -> None:
    made = keys.operations.create("op")
    keys.operations.destroy("op")
    keys.operations.destroy("op")
    with pytest.raises(KeyGone):
        keys.operations.get("op")
    assert not [path for path in folder.rglob("*") if path.is_file() and made in path.read_bytes()]


@pytest.mark.parametrize("operation_id", ["../x", "", "a/b", "a\x00b"])
def test_operation_id_cannot_leave_the_folder(keys: KeyStore, operation_id: str) -> None:
    with pytest.raises(KeysUnusable):
        keys.operations.create(operation_id)


def test_printed_keys_show_no_secret(keys: KeyStore) -> None:
    ring = keys.envelope._ring
    assert repr(ring.current.secret_bytes()) not in repr(ring.current)
