import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc import jwt

from freehold.kit.clock import MICROSECONDS, FixedClock
from freehold.kit.problems import Invalid
from freehold.storage.keys import KeyGone, KeyStore, verify_jws_with

DAY = 24 * 3600 * MICROSECONDS


def b64url(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_signature_verifies_without_our_code(keys: KeyStore) -> None:
    header, payload, signature = keys.certificates.sign_jws(b'{"a":1}').split(".")
    public = keys.certificates.jwks()["keys"][0]
    assert json.loads(b64url(header)) == {
        "alg": "EdDSA",
        "kid": public["kid"],
        "typ": "freehold-certificate",
    }
    assert b64url(payload) == b'{"a":1}'
    Ed25519PublicKey.from_public_bytes(b64url(public["x"])).verify(b64url(signature), f"{header}.{payload}".encode())


def test_old_certificates_verify_after_rotations(keys: KeyStore) -> None:
    signed = keys.certificates.sign_jws(b"old")
    keys.certificates.rotate()
    keys.certificates.rotate()
    assert keys.certificates.verify_jws(signed) == b"old"
    assert keys.certificates.verify_jws(keys.certificates.sign_jws(b"new")) == b"new"
    assert len(keys.certificates.jwks()["keys"]) == 3


def test_retired_private_keys_are_gone(folder: Path, keys: KeyStore) -> None:
    for name, ring in (("certificate-signing", keys.certificates), ("token-signing", keys.tokens)):
        ring.rotate()
        assert [json.loads(f.read_text())["secret"] is None for f in sorted((folder / name).glob("*.json"))] == [
            True,
            False,
        ]


def test_large_certificate_is_signed(keys: KeyStore) -> None:
    payload = b"x" * 3_000_000
    assert keys.certificates.verify_jws(keys.certificates.sign_jws(payload)) == payload


@pytest.mark.parametrize("part", [0, 1, 2])
def test_changed_certificate_is_refused(keys: KeyStore, part: int) -> None:
    parts = keys.certificates.sign_jws(b'{"count":1}').split(".")
    parts[part] = ("A" if parts[part][5] != "A" else "B").join([parts[part][:5], parts[part][6:]])
    with pytest.raises(Invalid):
        keys.certificates.verify_jws(".".join(parts))


@pytest.mark.parametrize("text", ["", "a.b", "a.b.c", "...", "é.é.é", "{}"])
def test_garbage_is_refused(keys: KeyStore, text: str) -> None:
    with pytest.raises(Invalid):
        keys.certificates.verify_jws(text)


def test_unsigned_certificate_is_refused(keys: KeyStore) -> None:
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"freehold-certificate"}').rstrip(b"=").decode()
    with pytest.raises(Invalid):
        keys.certificates.verify_jws(f"{head}.e30.")


def test_other_servers_signature_is_refused(keys: KeyStore, tmp_path: Path, clock: FixedClock) -> None:
    other = KeyStore(tmp_path / "other", clock)
    signed = other.certificates.sign_jws(b"{}")
    with pytest.raises(Invalid):
        keys.certificates.verify_jws(signed)
    assert verify_jws_with(other.certificates.jwks(), signed) == b"{}"


def test_statement_of_another_kind_is_refused(keys: KeyStore) -> None:
    with pytest.raises(Invalid):
        keys.certificates.verify_jws(keys.certificates.sign_jws(b"{}", typ="something-else"))


def test_published_keys_hold_no_private_part(keys: KeyStore) -> None:
    for document in (keys.certificates.jwks(), keys.tokens.jwks()):
        assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(document["keys"][0])


def test_token_key_signs_and_is_found(keys: KeyStore) -> None:
    private = keys.tokens.signing_key()
    token = jwt.encode({"alg": "RS256", "kid": private.kid}, {"sub": "x"}, private, algorithms=["RS256"])
    public = keys.tokens.find(str(private.kid))
    assert jwt.decode(token, public, algorithms=["RS256"]).claims == {"sub": "x"}
    assert not public.is_private
    assert keys.tokens.jwks()["keys"][0]["kid"] == private.kid


def test_rotated_token_key_signs_at_once(folder: Path, keys: KeyStore, clock: FixedClock) -> None:
    other = KeyStore(folder, clock)
    before = other.tokens.signing_key().kid
    after = keys.tokens.rotate()
    assert other.tokens.signing_key().kid == after != before


def test_retired_token_key_verifies_for_a_day(keys: KeyStore, clock: FixedClock) -> None:
    old = str(keys.tokens.signing_key().kid)
    keys.tokens.rotate()
    clock.at += DAY - 1
    assert keys.tokens.find(old).kid == old
    assert len(keys.tokens.jwks()["keys"]) == 2
    clock.at += 1
    with pytest.raises(KeyGone):
        keys.tokens.find(old)
    assert len(keys.tokens.jwks()["keys"]) == 1


def test_forget_digest_keeps_parts_apart(keys: KeyStore, tmp_path: Path, clock: FixedClock) -> None:
    digest = keys.forgotten.digest
    assert len({digest("run", "ab", "c"), digest("run", "a", "bc"), digest("runa", "b", "c"), digest("", "", "")}) == 4
    assert digest("run", "a", "b") != KeyStore(tmp_path / "other", clock).forgotten.digest("run", "a", "b")
    assert len(digest("run", "a", "b")) == 32


def test_url_digest_outlives_rotation_until_destroyed(keys: KeyStore) -> None:
    old_key, old = keys.object_urls.key_id, keys.object_urls.digest("GET", "/x", "123")
    keys.object_urls.rotate()
    assert keys.object_urls.matches(old, "GET", "/x", "123")
    assert not keys.object_urls.matches(old, "PUT", "/x", "123")
    keys.object_urls.destroy(old_key)
    assert not keys.object_urls.matches(old, "GET", "/x", "123")
