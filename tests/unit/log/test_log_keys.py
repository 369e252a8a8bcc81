"""Checkpoints, the keys that verify them, and the head that is kept: against `cryptography`, and over rotations."""

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from freehold.kit.clock import FixedClock
from freehold.kit.problems import Unavailable
from freehold.lifecycle.log import verify_log
from freehold.storage.keys import KeyStore, KeysUnusable
from tests.unit.log.test_tree import grown


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    return KeyStore(tmp_path / "keys", FixedClock())


def opened(note: str, verifier_key: str) -> tuple[str, int, bytes]:
    """Read with another implementation of Ed25519, split in another way than the script does."""
    body, _, signature = note.partition("\n\n")
    name, mark, public = verifier_key.split("+", 2)
    content = base64.b64decode(public)
    assert signature.startswith(f"— {name} ")
    raw = base64.b64decode(signature.split(" ")[2])
    assert raw[:4].hex() == mark == sha256(f"{name}\n".encode() + content).hexdigest()[:8]
    Ed25519PublicKey.from_public_bytes(content[1:]).verify(raw[4:], f"{body}\n".encode())
    origin, size, root = body.split("\n")
    return origin, int(size), base64.b64decode(root)


def test_checkpoints_verify_in_two_implementations(keys: KeyStore) -> None:
    tree = grown(5)
    note = keys.log.checkpoint(keys.log.advance(tree.size, tree.root))
    (key,) = keys.log.verifier_keys()
    assert opened(note, key) == verify_log.open_checkpoint(note, [key]) == (key.split("+")[0], 5, tree.root(5))


def test_no_changed_checkpoint_verifies(keys: KeyStore) -> None:
    note = keys.log.checkpoint(keys.log.head()).encode()
    for at in range(len(note)):
        changed = (note[:at] + bytes([note[at] ^ 1]) + note[at + 1 :]).decode("utf-8", "replace")
        with pytest.raises(verify_log.LogFault):
            verify_log.open_checkpoint(changed, keys.log.verifier_keys())


def test_old_checkpoints_verify_after_rotations(keys: KeyStore) -> None:
    old = keys.log.checkpoint(keys.log.head())
    (first,) = keys.log.verifier_keys()
    keys.log.rotate()
    new, published = keys.log.checkpoint(keys.log.head()), keys.log.verifier_keys()
    assert published[1:] == [first]
    assert opened(old, first)[1] == 0
    assert opened(new, published[0])[1] == 0
    with pytest.raises(InvalidSignature):
        opened(new.replace("\n0\n", "\n1\n"), published[0])
    with pytest.raises(verify_log.LogFault):
        verify_log.open_checkpoint(new, [first])


def test_a_smaller_or_another_tree_is_never_signed(keys: KeyStore) -> None:
    keys.log.advance(5, grown(5).root)
    with pytest.raises(Unavailable, match="begin-anew"):
        keys.log.advance(4, grown(4).root)
    other = grown(1)
    for number in range(8):
        other.append(b"other %d" % number)
    with pytest.raises(Unavailable):
        keys.log.advance(other.size, other.root)
    assert keys.log.head().size == 5
    assert keys.log.advance(9, grown(9).root).size == 9


def test_a_log_begun_anew_has_another_name_and_the_old_end_stays(keys: KeyStore) -> None:
    before = keys.log.advance(5, grown(5).root)
    (old_key,) = keys.log.verifier_keys()
    after = keys.log.begin_anew()
    assert (after.size, after.origin) == (0, before.origin[:-1] + "2")
    (ended,) = after.ended
    assert opened(ended.checkpoint, old_key)[1] == 5
    assert keys.log.verifier_keys()[1:] == [old_key]
    assert keys.log.advance(4, grown(4).root).size == 4


def test_a_store_made_before_the_log_gets_its_key_once(tmp_path: Path) -> None:
    KeyStore(tmp_path / "keys", FixedClock())
    mark, ring = tmp_path / "keys" / "store.json", tmp_path / "keys" / "log-signing"
    document = json.loads(mark.read_text())
    del document["purposes"]
    mark.write_text(json.dumps(document))
    (ring / "000001.json").unlink()
    assert len(KeyStore(tmp_path / "keys", FixedClock()).log.verifier_keys()) == 1
    (ring / "000001.json").unlink()
    with pytest.raises(KeysUnusable):
        KeyStore(tmp_path / "keys", FixedClock())


def test_an_unreadable_head_is_said(keys: KeyStore) -> None:
    (keys.path / "log" / "head.json").write_text("{}")
    with pytest.raises(KeysUnusable):
        keys.log.head()


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100), st.integers(0, 511))
def test_the_scripts_ed25519_is_that_of_cryptography(seed: bytes, message: bytes, bit: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(message)
    assert verify_log.verifies(public, message, signature)
    assert not verify_log.verifies(public, message + b"!", signature)
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verify_log.verifies(public, message, bytes(changed))
