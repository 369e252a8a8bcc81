"""Sealed page tokens: where the next page starts, bound to who asked and what they asked for.

Base64url of: format 2 | AES-SIV (RFC 5297) of the JSON of the fields, filled up with blanks to full blocks. Nobody but
the server reads a token: it holds the integer keys of rows, which tell how much there is in the whole server. It cannot
be changed, and opens for the same `bind` only. The same place gives the same token, so an answer stays a function of
what is stored.
"""

import base64
import binascii
import hmac
import json
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from freehold.kit.problems import Invalid

_FORMAT = b"\x02"
_BLOCK = 32
_LONGEST = 8192


def encode(key: bytes, fields: dict[str, Any], *, bind: str = "") -> str:
    """`fields`: JSON values, NaN and infinities too. `bind`: filter, order and actor in any fixed form."""
    body = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
    filled = body.ljust(-(-len(body) // _BLOCK) * _BLOCK)
    sealed = _cipher(key).encrypt(filled, [_FORMAT, bind.encode()])
    return base64.urlsafe_b64encode(_FORMAT + sealed).rstrip(b"=").decode("ascii")


def decode(key: bytes, token: str, *, bind: str = "") -> dict[str, Any]:
    """Raises Invalid("InvalidPageToken"), whatever is wrong with the token."""
    raw = _from_base64(token)
    if raw[:1] != _FORMAT:
        raise _invalid()
    try:
        fields: dict[str, Any] = json.loads(_cipher(key).decrypt(raw[1:], [_FORMAT, bind.encode()]))
    except (InvalidTag, ValueError):
        raise _invalid() from None
    return fields


@lru_cache(maxsize=4)
def _cipher(key: bytes) -> AESSIV:
    """Under a key of its own, derived: the MAC key itself signed the tokens of format 1."""
    return AESSIV(hmac.digest(key, b"freehold.page-token.v2", "sha512"))


def _from_base64(token: str) -> bytes:
    if len(token) > _LONGEST:
        raise _invalid()
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None


def _invalid() -> Invalid:
    return Invalid("InvalidPageToken", "this page token is not for this query; ask for the first page again")
