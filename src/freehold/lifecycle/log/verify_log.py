#!/usr/bin/env python3
"""Verify a Freehold certificate log. One file, Python's standard library only: copy it anywhere and run it.

    python verify_log.py https://server/freehold/v1/log --key VKEY [--older FILE] [--save FILE]
        [--certificate FILE]… [--certificate-key JWKS]

The log is an address or a folder with the same paths in it. Everything is fetched and computed anew: the signature,
the root over all leaves, every tile, that each certificate (a JWS) is a leaf and signed, and that the tree which an
older checkpoint signed is the beginning of this one. Keep the checkpoint (--save): the next check holds the log to it.
A certificate's FILE is the JWS, or the JSON document that has it as `jws`, as the server gives it.
Without --key the log's own keys are taken, and it is said so: then nothing shows whose log it is. Other keys than the
log's sign certificates: --certificate-key is a file with that key set (of /freehold/v1/certificates/keys). Without it
the set of the log's address is taken, and it is said so; a folder has none, and then no signature is checked.
"""

import argparse
import base64
import hashlib
import json
import re
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import NamedTuple

FULL = 256
LARGEST = 1 << 25
JWS = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+){2}", re.ASCII)
SIGNED_BY = {("EdDSA", "freehold-certificate"), ("Ed25519", "freehold-certificate")}


class LogFault(Exception):
    """What does not hold."""


class Checkpoint(NamedTuple):
    """What a signed note says of the tree."""

    origin: str
    size: int
    root: bytes


class Found(NamedTuple):
    """A log that holds."""

    checkpoint: Checkpoint
    note: str
    entries: list[bytes]


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify a Freehold certificate log.")
    parser.add_argument("log", help="address that ends in /freehold/v1/log, or a folder")
    parser.add_argument("--key", action="append", default=[], help="verifier key, name+hash+base64; may be repeated")
    parser.add_argument("--certificate", action="append", default=[], help="file with a certificate: JWS or JSON")
    parser.add_argument("--certificate-key", help="file with the key set (JWKS) that signs certificates")
    parser.add_argument("--older", help="file with a checkpoint kept earlier")
    parser.add_argument("--save", help="file to keep the checkpoint in")
    asked = parser.parse_args()
    try:
        keys = asked.key or read(asked.log, "key").decode().split()
        found = verify(asked.log, keys, text_of(asked.older) if asked.older else None)
        signers = read_signers(asked.log, asked.certificate_key) if asked.certificate else None
        for path in asked.certificate:
            jws = certificate_of(path)
            leaf = leaf_of(found, jws)
            if signers is not None:
                check_certificate(jws, signers)
            print(f"{path} is leaf {leaf}; {said_of_signature(signers, asked.certificate_key)}")
    except (LogFault, OSError, ValueError) as fault:
        print(f"NOT VERIFIED  {fault}", file=sys.stderr)
        return 1
    if asked.save:
        Path(asked.save).write_text(found.note, "utf-8")
    trust = "" if asked.key else " (under keys that it names itself: give --key)"
    print(f"verified  {found.checkpoint.origin}: {found.checkpoint.size} certificates{trust}")
    return 0


def text_of(path: str) -> str:
    """A file of text. Raises LogFault, OSError."""
    try:
        return Path(path).read_text("utf-8")
    except UnicodeDecodeError:
        raise LogFault(f"{path} is no text, and so neither a certificate nor a checkpoint") from None


def certificate_of(path: str) -> str:
    """The JWS that a file is, or that stands in the JSON document which the file is. Raises LogFault, OSError."""
    text = text_of(path).strip()
    if text.startswith("{"):
        try:
            text = json.loads(text)["jws"]
        except (ValueError, KeyError, RecursionError):
            text = ""
    if not isinstance(text, str) or not JWS.fullmatch(text):
        raise LogFault(f"{path} is no certificate: neither a JWS nor a JSON document that has one as its `jws`")
    return text


def verify(log: str, keys: list[str], older: str | None = None) -> Found:
    """Signature, tree, tiles and growth since `older`. Raises LogFault, and OSError where it cannot be read."""
    note = read(log, "checkpoint").decode("utf-8")
    checkpoint = open_checkpoint(note, keys)
    entries = read_entries(log, checkpoint.size)
    leaves = [hashlib.sha256(b"\x00" + entry).digest() for entry in entries]
    if root_of(leaves) != checkpoint.root:
        raise LogFault("the leaves do not give the root that was signed")
    check_tiles(log, leaves)
    if older is not None:
        check_growth(open_checkpoint(older, keys), checkpoint, leaves)
    return Found(checkpoint, note, entries)


def check_growth(before: Checkpoint, now: Checkpoint, leaves: list[bytes]) -> None:
    """Raises LogFault where the older tree is no beginning of this one."""
    if before.origin != now.origin:
        raise LogFault("the older checkpoint is of another log")
    if before.size > now.size:
        raise LogFault(f"the log shrank: it had {before.size} leaves and has {now.size}")
    if root_of(leaves[: before.size]) != before.root:
        raise LogFault("the log was rewritten: its beginning is not the tree that the older checkpoint signed")


def leaf_of(found: Found, jws: str) -> int:
    """The number of the leaf that is this certificate. Raises LogFault."""
    digest = hashlib.sha256(jws.strip().encode()).hexdigest()
    for number, entry in enumerate(found.entries):
        if json.loads(entry).get("jws_sha256") == digest:
            return number
    raise LogFault("the certificate is not in the log")


def read_signers(log: str, file: str | None) -> dict[str, bytes] | None:
    """Public keys that sign certificates, by their ids: of the file, or of the server that the log's address names.
    None where there is neither. Raises LogFault, OSError."""
    if file is not None:
        return open_key_set(Path(file).read_bytes())
    if not log.startswith(("https://", "http://")):
        return None
    return open_key_set(read(log.rstrip("/").removesuffix("/log"), "certificates/keys"))


def said_of_signature(signers: dict[str, bytes] | None, file: str | None) -> str:
    if signers is None:
        return "the certificate's signature was not checked: give --certificate-key"
    return "signed" if file is not None else "signed (under keys that the server names itself: give --certificate-key)"


def open_key_set(content: bytes) -> dict[str, bytes]:
    """Ed25519 keys of a JWK set (RFC 7517, 8037), by `kid`. Raises LogFault."""
    try:
        keys = json.loads(content)["keys"]
        found = {key["kid"]: decode_url(key["x"]) for key in keys if (key["kty"], key["crv"]) == ("OKP", "Ed25519")}
    except (ValueError, KeyError, TypeError):
        raise LogFault("the certificate keys are no JWK set") from None
    return found


def check_certificate(jws: str, signers: dict[str, bytes]) -> None:
    """Raises LogFault where none of the keys signed the certificate."""
    head, first, rest = jws.strip().partition(".")
    payload, second, signature = rest.partition(".")
    try:
        said = json.loads(decode_url(head))
        public = signers.get(said["kid"]) if (said["alg"], said["typ"]) in SIGNED_BY else None
    except (ValueError, KeyError, TypeError):
        raise LogFault("the certificate is no JWS") from None
    if not (first and second) or public is None:
        raise LogFault("none of the certificate keys is the one that the certificate names")
    if not verifies(public, f"{head}.{payload}".encode(), decode_url(signature)):
        raise LogFault("the certificate is not signed: somebody else wrote or changed it")


def open_checkpoint(note: str, keys: list[str]) -> Checkpoint:
    """The checkpoint, if one of the keys signed it (C2SP signed-note, tlog-checkpoint). Raises LogFault."""
    text, gap, signatures = note.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise LogFault("the checkpoint is no signed note")
    text += "\n"
    if not any(is_signed(text, line, key) for line in signatures.splitlines() for key in keys):
        raise LogFault("none of the keys signed the checkpoint")
    lines = text.split("\n")
    if len(lines) < 4 or not re.fullmatch("0|[1-9][0-9]*", lines[1], re.ASCII):
        raise LogFault("the checkpoint is not of a form that is known here")
    return Checkpoint(lines[0], int(lines[1]), decode(lines[2]))


def is_signed(text: str, line: str, key: str) -> bool:
    """Whether the line is a signature over the text by the verifier key. Raises LogFault for a key that is none."""
    name, mark, public = split_key(key)
    head = f"\u2014 {name} "
    if not line.startswith(head) or text.partition("\n")[0] != name:
        return False
    signed = decode(line[len(head) :])
    return signed[:4] == mark and verifies(public, text.encode(), signed[4:])


def split_key(key: str) -> tuple[str, bytes, bytes]:
    """Name, hash and raw public key."""
    parts = key.strip().split("+", 2)
    content = decode(parts[2]) if len(parts) == 3 else b""
    name, public = parts[0], content[1:]
    mark = hashlib.sha256(name.encode() + b"\n" + content).digest()[:4]
    if content[:1] != b"\x01" or len(public) != 32 or mark.hex() != parts[1]:
        raise LogFault("the verifier key is not well formed: name+hash+base64")
    return name, mark, public


def read_entries(log: str, size: int) -> list[bytes]:
    """All leaves, in order. Raises LogFault where a bundle is not whole."""
    entries: list[bytes] = []
    for index in range(-(-size // FULL)):
        width = min(FULL, size - index * FULL)
        entries += unbundle(read(log, f"tile/entries/{path_of(index, width)}"), width)
    return entries


def unbundle(content: bytes, width: int) -> list[bytes]:
    found, at = [], 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        found.append(content[at + 2 : end])
        at = end
    if at != len(content) or len(found) != width:
        raise LogFault("a bundle of entries is not whole")
    return found


def check_tiles(log: str, hashes: list[bytes]) -> None:
    """Every tile of every level says what the leaves give."""
    level = 0
    while hashes:
        for begin in range(0, len(hashes), FULL):
            mine = hashes[begin : begin + FULL]
            path = f"tile/{level}/{path_of(begin // FULL, len(mine))}"
            if read(log, path) != b"".join(mine):
                raise LogFault(f"{path} does not hold what its leaves give")
        whole = len(hashes) // FULL * FULL
        hashes = [root_of(hashes[begin : begin + FULL]) for begin in range(0, whole, FULL)]
        level += 1


def path_of(index: int, width: int) -> str:
    """1234067 is x001/x234/067; with `.p/W` where it is not full."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]]) + ("" if width == FULL else f".p/{width}")


def root_of(hashes: list[bytes]) -> bytes:
    """RFC 6962: pairs are joined level by level, an odd one at the end goes up as it is."""
    if not hashes:
        return hashlib.sha256().digest()
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        joined = [hashlib.sha256(b"\x01" + left + right).digest() for left, right in pairs]
        hashes = joined + hashes[len(hashes) & ~1 :]
    return hashes[0]


def read(log: str, path: str) -> bytes:
    """From an address or a folder. Raises LogFault where it is too large, OSError where it cannot be read."""
    if log.startswith(("https://", "http://")):
        try:
            with urllib.request.urlopen(f"{log.rstrip('/')}/{path}", timeout=60) as answer:
                content: bytes = answer.read(LARGEST + 1)
        except urllib.error.HTTPError as fault:
            said = fault.read(2000).decode(errors="replace")
            raise LogFault(f"{path}: the server answers {fault.code}: {said}") from None
    else:
        with (Path(log) / path).open("rb") as file:
            content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise LogFault(f"{path} is too large")
    return content


def decode(text: str) -> bytes:
    """Canonical base64 only: otherwise two texts would be one signature, differing in bits that nothing reads."""
    try:
        found = base64.b64decode(text, validate=True)
    except ValueError:
        raise LogFault("a text is not base64") from None
    if base64.b64encode(found).decode() != text:
        raise LogFault("a text is not canonical base64")
    return found


def decode_url(text: str) -> bytes:
    """As `decode`, of base64url without padding (RFC 7515)."""
    if not re.fullmatch("[A-Za-z0-9_-]*", text, re.ASCII):
        raise LogFault("a text is not base64url")
    return decode(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))


# Ed25519 (RFC 8032, section 5.1), to verify with: nothing here is secret, so it need not run in constant time.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
Point = tuple[int, int, int, int]


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the key signed the message."""
    key, commitment = point_of(public), point_of(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or key is None or commitment is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    left, right = times(scalar, BASE), add(commitment, times(challenge, key))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def point_of(encoded: bytes) -> Point | None:
    """The point that 32 bytes name; None where they name none."""
    if len(encoded) != 32:
        return None
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


def add(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(scalar: int, point: Point) -> Point:
    product = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            product = add(product, point)
        point = add(point, point)
        scalar >>= 1
    return product


def base_point() -> Point:
    found = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
    assert found is not None
    return found


BASE = base_point()


if __name__ == "__main__":
    sys.exit(main())
