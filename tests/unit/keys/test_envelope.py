from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.clock import FixedClock
from freehold.storage.keys import KeyGone, KeyStore, KeysUnusable, SealBroken


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    from freehold.kit.clock import FixedClock

    return KeyStore(tmp_path_factory.mktemp("keys"), FixedClock())


@given(plaintext=st.binary(max_size=300), context=st.binary(max_size=40))
def test_sealed_value_opens(store: KeyStore, plaintext: bytes, context: bytes) -> None:
    sealed = store.envelope.seal(plaintext, context)
    assert store.envelope.open_(sealed, context) == plaintext
    assert store.envelope.open_(store.envelope.rewrap(sealed), context) == plaintext


@given(data=st.data())
def test_any_changed_bit_is_noticed(store: KeyStore, data: st.DataObject) -> None:
    sealed = bytearray(store.envelope.seal(b"some value", b"here"))
    place = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[place // 8] ^= 1 << place % 8
    with pytest.raises((SealBroken, KeyGone)):
        store.envelope.open_(bytes(sealed), b"here")


@given(length=st.integers(0, 109))
def test_any_truncation_is_noticed(store: KeyStore, length: int) -> None:
    sealed = store.envelope.seal(b"some value", b"here")
    with pytest.raises(SealBroken):
        store.envelope.open_(sealed[:length], b"here")


def test_value_moved_elsewhere_does_not_open(store: KeyStore) -> None:
    with pytest.raises(SealBroken):
        store.envelope.open_(store.envelope.seal(b"value", b"here"), b"there")


def test_same_value_seals_differently(store: KeyStore) -> None:
    assert store.envelope.seal(b"value", b"here") != store.envelope.seal(b"value", b"here")


def test_sealed_bytes_carry_format_and_key(store: KeyStore) -> None:
    sealed = store.envelope.seal(b"value", b"here")
    assert sealed[:4] == b"FHS\x01"
    assert store.envelope.key_id(sealed) == store.envelope.key_ids()[-1]


def test_old_values_open_after_rotation(keys: KeyStore) -> None:
    old = keys.envelope.seal(b"value", b"here")
    assert keys.envelope.rotate() != keys.envelope.key_id(old)
    assert keys.envelope.open_(old, b"here") == b"value"


def test_rewrapped_value_outlives_old_key(keys: KeyStore) -> None:
    old = keys.envelope.seal(b"value", b"here")
    keys.envelope.rotate()
    new = keys.envelope.rewrap(old)
    keys.envelope.destroy(keys.envelope.key_id(old))
    assert keys.envelope.open_(new, b"here") == b"value"
    with pytest.raises(KeyGone):
        keys.envelope.open_(old, b"here")


def test_key_in_use_cannot_be_destroyed(keys: KeyStore) -> None:
    with pytest.raises(KeysUnusable):
        keys.envelope.destroy(keys.envelope.key_ids()[-1])


def test_other_process_sees_rotation(folder: Path, keys: KeyStore, clock: FixedClock) -> None:
    other = KeyStore(folder, clock)
    keys.envelope.rotate()
    assert other.envelope.open_(keys.envelope.seal(b"value", b"here"), b"here") == b"value"
    assert other.envelope.key_ids() == keys.envelope.key_ids()
